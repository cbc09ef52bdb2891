// How the server says no. Clients of different generations read different members of the body.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { NetworkId } from '@phantom/client'
import { randomUUID } from 'node:crypto'
import { connect, ed25519Key, found, post, request } from './app.mjs'
import { startRedoubt } from './redoubt.mjs'

let redoubt, baseUrl, organizationId, key, client
before(async () => {
  redoubt = await startRedoubt()
  baseUrl = redoubt.baseUrl
  ;({ organizationId, key, client } = await found(baseUrl))
})
after(() => redoubt?.stop())

const speaks = (answer, status, type) => {
  assert.equal(answer.status, status, answer.text)
  const { error, message, detail, title, requestId } = answer.json
  assert.ok(error && message && detail && title, answer.text)
  assert.match(requestId, /^[0-9a-f-]{36}$/)
  if (type) assert.equal(answer.json.type, type, answer.text)
}

const stamped = (body, options) => post(baseUrl, body, { key, ...options })

test('every malformed request is a 400 that names the place', async () => {
  const good = request('getOrganization', { organizationId })
  for (const [body, path] of [
    ['', undefined],
    ['{', undefined],
    ['[]', undefined],
    [good + 'x', undefined],
    [good.replace('"method"', '"Method"'), 'Method'],
    [good.replace('{"method"', '{"method":"x","method"'), 'method'],
    [good.replace('"organizationId"', '"organizationID"'), 'params.organizationID'],
    [good.replace('"params":{', '"params":{"extra":1,'), 'params.extra'],
    [request('getOrganization', { organizationId: 5 }), 'params.organizationId'],
  ]) {
    const answer = await stamped(body)
    assert.ok([400, 401].includes(answer.status), `${body}: ${answer.text}`)
    speaks(answer, answer.status)
    if (answer.status === 400 && path) assert.ok(answer.text.includes(path), `${path} in ${answer.text}`)
  }
  speaks(await stamped(request('noSuchMethod', { organizationId })), 400, 'unknown-method')
})

test('the client sees status and text', async () => {
  const seen = (status) => (e) => {
    assert.equal(e.response.status, status, e.message)
    assert.ok(e.message.includes(e.response.data.message), e.message)
    return true
  }
  await assert.rejects(client.getWalletAddresses(randomUUID()), seen(404))
  await assert.rejects(connect(baseUrl, ed25519Key(), organizationId).getWallets(), seen(401))
  await assert.rejects(client.getWalletAddresses((await client.createWallet()).walletId, ["m/44'/501'/0'/0"]), seen(400))
  await assert.rejects(
    client.signTransaction({
      walletId: randomUUID(), transaction: 'AAAA', networkId: NetworkId.SOLANA_DEVNET, account: '1'.repeat(32),
    }),
    /./,
  )
})

test('large bodies and foreign routes are turned away', async () => {
  speaks(await stamped(request('getOrganization', { organizationId, pad: 'x'.repeat(300_000) })), 413)
  speaks(await stamped(request('getOrganization', { organizationId }), { path: '/kms/other' }), 404)
  const get = await fetch(`${baseUrl}/kms/rpc`)
  assert.equal(get.status, 405)
  assert.ok((await get.json()).message)
})

test('a browser of any origin may ask', async () => {
  const headers = 'authorization,content-type,x-api-version,x-app-id,x-auth-user-id,x-phantom-client,' +
    'x-phantom-platform,x-phantom-sdk-type,x-phantom-sdk-version,x-phantom-stamp,x-phantom-wallet-type,x-rpc-method'
  for (const path of ['/kms/rpc', '/prepare']) {
    const preflight = await fetch(baseUrl + path, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example', 'access-control-request-method': 'POST',
        'access-control-request-headers': headers,
      },
    })
    assert.ok(preflight.ok)
    const allowed = preflight.headers.get('access-control-allow-headers').toLowerCase().split(/\s*,\s*/)
    for (const h of headers.split(',')) assert.ok(allowed.includes(h), h)
    assert.ok(['*', 'https://app.example'].includes(preflight.headers.get('access-control-allow-origin')))
  }
  const { headers: answered } = await post(baseUrl, '{}', { headers: { origin: 'https://app.example' } })
  assert.ok(answered.get('access-control-allow-origin'), 'on errors too')
})
