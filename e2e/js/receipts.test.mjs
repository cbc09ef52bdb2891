// What outsiders can check afterwards: each answer by its receipt, and the log as a whole.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { authenticator, ed25519Key, found, post, request, solanaPath } from './app.mjs'
import { run, startRedoubt, verifyReceipt } from './redoubt.mjs'

let redoubt, baseUrl, organizationId, client, key, walletId
before(async () => {
  redoubt = await startRedoubt()
  baseUrl = redoubt.baseUrl
  ;({ organizationId, client, key } = await found(baseUrl))
  ;({ walletId } = await client.createWallet('w'))
})
after(() => redoubt?.stop())

const derivationInfo = { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Solana' }
const sign = (message) =>
  request('signUtf8Message', { organizationId, walletId, message, algorithm: 'Ed25519', derivationInfo })

test('a receipt proves an answer, and no other', async () => {
  const body = sign('on the record')
  const answer = await post(baseUrl, body, { key })
  assert.equal(answer.status, 200, answer.text)
  const receipt = answer.headers.get('x-redoubt-receipt')
  await verifyReceipt(baseUrl, { request: body, response: answer.text, receipt })

  const spoilt = { ...answer.json.result, address: '1'.repeat(32) }
  for (const [name, change] of Object.entries({
    request: { request: body.replace('on the record', 'off the record') },
    result: { response: answer.text.replace(JSON.stringify(answer.json.result), JSON.stringify(spoilt)) },
    receipt: { receipt: receipt.slice(0, -4) + (receipt.endsWith('AAAA') ? 'BBBB' : 'AAAA') },
  })) {
    await assert.rejects(
      verifyReceipt(baseUrl, { request: body, response: answer.text, receipt, ...change }), undefined, name,
    )
  }
})

test('a receipt belongs to one request even when the answers are alike', async () => {
  const [a, b] = [sign('twice'), sign('twice') + ' ']
  const [first, second] = [await post(baseUrl, a, { key }), await post(baseUrl, b, { key })]
  assert.equal(first.json.result.signature, second.json.result.signature)
  await assert.rejects(verifyReceipt(baseUrl, {
    request: b, response: second.text, receipt: first.headers.get('x-redoubt-receipt'),
  }))
})

test('the log verifies as it grows', async () => {
  for (let i = 0; i < 3; i++) {
    await run('log', 'verify', '--url', baseUrl)
    await client.createAuthenticator({
      organizationId, username: 'admin', authenticatorName: `k${i}`, authenticator: authenticator(ed25519Key(), `k${i}`),
    })
  }
  await run('log', 'verify', '--data', redoubt.data)
})
