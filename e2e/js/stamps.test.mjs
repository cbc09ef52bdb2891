// Everything that a stamp must get away with, and everything that it must not.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { p256 } from '@noble/curves/nist.js'
import { authenticator, b64u, call, ed25519Key, found, p256Key, post, request, stampOf } from './app.mjs'
import { startRedoubt } from './redoubt.mjs'

describe('stamps', () => {
  let redoubt, baseUrl, organizationId
  const ed = ed25519Key()
  const p = p256Key()
  const expired = ed25519Key()

  before(async () => {
    redoubt = await startRedoubt()
    baseUrl = redoubt.baseUrl
    const { organizationId: id, key } = await found(baseUrl, { key: ed })
    organizationId = id
    await call(baseUrl, key, 'createAuthenticator', {
      organizationId, username: 'admin', authenticator: authenticator(p, 'browser'),
    })
    await call(baseUrl, key, 'createAuthenticator', {
      organizationId, username: 'admin', authenticator: authenticator(expired, 'short', { expiresInMs: 1 }),
    })
  })

  after(() => redoubt?.stop())

  const body = (timestampMs) => request('getOrganization', { organizationId }, timestampMs)
  const refused = (status, type) => (answer) => {
    assert.equal(answer.status, status, answer.text)
    if (type) assert.equal(answer.json.type, type, answer.text)
    for (const field of ['error', 'message', 'detail']) assert.ok(answer.json[field], `no ${field}: ${answer.text}`)
    assert.ok(answer.json.requestId, answer.text)
  }
  const unauthenticated = refused(401, 'unauthenticated')

  test('both algorithms are accepted, with padding too', async () => {
    for (const key of [ed, p]) {
      const text = body()
      assert.equal((await post(baseUrl, text, { key })).status, 200)
      const padded = stampOf(key, text + ' ').padEnd(1000, '=') // too much padding
      assert.equal((await post(baseUrl, text + ' ', { stamp: padded })).status, 401)
    }
    for (const space of ['', ' ', '  ']) {
      const text = body() + space
      const json = Buffer.from(stampOf(ed, text), 'base64url').toString() + space
      const stamp = Buffer.from(json).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
      assert.equal((await post(baseUrl, text, { stamp })).status, 200)
    }
  })

  test('either form of a P-256 signature is accepted', async () => {
    const half = p256.Point.Fn.ORDER >> 1n
    const seen = new Set()
    for (let i = 0; seen.size < 2 && i < 100; i++) {
      const text = body() + ' '.repeat(i)
      const signature = p.sign(Buffer.from(text))
      const { status } = await post(baseUrl, text, { stamp: stampOf(p, text, { signature: b64u(signature) }) })
      assert.equal(status, 200)
      seen.add(BigInt('0x' + Buffer.from(signature.slice(32)).toString('hex')) > half)
    }
    assert.equal(seen.size, 2, 'both forms were tried')
  })

  test('a changed body is refused', async () => {
    const text = body()
    const stamp = stampOf(ed, text)
    const flipped = text.replace('getOrganization', 'getOrganizatioN')
    const reordered = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse()))
    for (const other of [flipped, reordered, text + ' ', text.slice(1)]) {
      unauthenticated(await post(baseUrl, other, { stamp }))
    }
    for (const i of [0, 20, 60, text.length - 2]) {
      const bytes = Buffer.from(text)
      bytes[i] ^= 1
      unauthenticated(await post(baseUrl, bytes, { stamp }))
    }
  })

  test('a wrong stamp is refused', async () => {
    const text = body()
    const der = (b) => p256.Signature.fromBytes(b, 'compact').toBytes('der')
    const spoilt = {
      'no stamp': undefined,
      'empty': '',
      'not base64': '§§§',
      'not JSON': b64u('hello'),
      'unknown key': stampOf(ed25519Key(), text),
      'key of another': stampOf(p, text, { publicKey: b64u(ed25519Key().publicKey), algorithm: 'Ed25519' }),
      'DER signature': stampOf(p, text, { signature: b64u(der(p.sign(Buffer.from(text)))) }),
      'compressed key': stampOf(p, text, { publicKey: b64u(compressed(p.publicKey)) }),
      'standard base64': Buffer.from(Buffer.from(stampOf(ed, text), 'base64url')).toString('base64').replace(/.$/, '+'),
      'unknown kind': stampOf(ed, text, { kind: 'passkey' }),
      'other algorithm': stampOf(ed, text, { algorithm: 'Secp256r1' }),
      'extra member': stampOf(ed, text, { extra: 'x' }),
      'expired key': stampOf(expired, text),
      'OIDC without a token': stampOf(p, text, { kind: 'OIDC' }),
    }
    for (const [name, stamp] of Object.entries(spoilt)) {
      const answer = await post(baseUrl, text, { stamp: stamp?.replace(/[^\x20-\x7e]/g, '?') })
      assert.equal(answer.status, 401, `${name}: ${answer.text}`)
      unauthenticated(answer)
    }
  })

  test('a stranger learns nothing about an organization', async () => {
    const stranger = ed25519Key()
    const known = await post(baseUrl, body(), { key: stranger })
    const unknown = await post(baseUrl, request('getOrganization', { organizationId: randomUUID() }), { key: stranger })
    assert.equal(known.status, 401)
    assert.equal(unknown.status, 401)
    assert.equal(known.json.message, unknown.json.message)
  })

  test('the time of a request counts', async () => {
    const minutes = 60_000
    for (const off of [-4.9 * minutes, 4.9 * minutes]) {
      assert.equal((await post(baseUrl, body(Date.now() + off), { key: ed })).status, 200, `${off}`)
    }
    for (const off of [-6 * minutes, 6 * minutes]) {
      const answer = await post(baseUrl, body(Date.now() + off), { key: ed })
      refused(400, 'request-expired')(answer)
      assert.ok(Math.abs(answer.json.serverTimeMs - Date.now()) < minutes)
    }
    for (const bad of [Date.now() + 0.5, String(Date.now()), -1, null, 2 ** 60, 1.7e300]) {
      const answer = await post(baseUrl, body(bad), { key: ed })
      assert.equal(answer.status, 400, `${bad}: ${answer.text}`)
    }
  })
})

const compressed = (key) => Uint8Array.from([2 + (key[64] & 1), ...key.slice(1, 33)])
