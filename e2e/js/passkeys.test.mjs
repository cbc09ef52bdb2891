// A page in a real browser registers a passkey and stamps requests with it (docs/spec/stamp.md).
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { newPerson, startBrowser } from './browser.mjs'
import { startRedoubt } from './redoubt.mjs'

const solana = "m/44'/501'/0'/0'"
const b64 = (bytes) => Buffer.from(bytes).toString('base64url')
const secret = ed25519.utils.randomSecretKey()
let server, pages, origin, browser, person, organizationId, walletId, timestamp = Date.now()

const body = (method, params) => JSON.stringify({ method, params, timestampMs: (timestamp = Math.max(timestamp + 1, Date.now())) })

async function post(text, stamp) {
  const answer = await fetch(`${server.baseUrl}/kms/rpc`, {
    method: 'POST', body: text, headers: { 'content-type': 'application/json', ...(stamp && { 'x-phantom-stamp': stamp }) },
  })
  return { status: answer.status, ...(await answer.json()) }
}

// root calls with the key of the organization's first user.
async function root(method, params) {
  const text = body(method, params)
  const stamp = { publicKey: b64(ed25519.getPublicKey(secret)), signature: b64(ed25519.sign(Buffer.from(text), secret)), kind: 'PKI', algorithm: 'Ed25519' }
  const answer = await post(text, b64(JSON.stringify(stamp)))
  assert.equal(answer.status, 200, JSON.stringify(answer))
  return answer.result
}

// register makes a passkey in the page, as the contract wants it.
const register = (algorithm) => person.page.evaluate(async (alg) => {
  const encode = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  const made = await navigator.credentials.create({ publicKey: {
    rp: { name: 'test' }, user: { id: crypto.getRandomValues(new Uint8Array(16)), name: 'me', displayName: 'me' },
    challenge: crypto.getRandomValues(new Uint8Array(32)), pubKeyCredParams: [{ type: 'public-key', alg }],
  } })
  return {
    authenticatorKind: 'passkey', credentialId: encode(made.rawId), attestationObject: encode(made.response.attestationObject),
    clientDataJSON: encode(made.response.clientDataJSON), transports: made.response.getTransports(),
  }
}, algorithm)

// stamped has the page sign a body, and sends it.
async function stamped(credentialId, method, params, userVerification = 'required') {
  const text = body(method, params)
  const stamp = await person.page.evaluate(async ({ text, credentialId, userVerification }) => {
    const encode = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    const decode = (s) => Uint8Array.from(atob(s.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
    const challenge = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    const { response, rawId } = await navigator.credentials.get({ publicKey: {
      challenge, userVerification, allowCredentials: [{ type: 'public-key', id: decode(credentialId) }],
    } })
    return encode(new TextEncoder().encode(JSON.stringify({
      kind: 'PASSKEY', credentialId: encode(rawId), authenticatorData: encode(response.authenticatorData),
      clientDataJSON: encode(response.clientDataJSON), signature: encode(response.signature),
    })))
  }, { text, credentialId, userVerification })
  return { ...(await post(text, stamp)), again: () => post(text, stamp), elsewhere: () => post(text + ' ', stamp) }
}

before(async () => {
  server = await startRedoubt()
  pages = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<title>passkeys</title>')).listen(0, '127.0.0.1')
  await new Promise((resolve) => pages.once('listening', resolve))
  origin = `http://localhost:${pages.address().port}`
  browser = await startBrowser()
  person = await newPerson(browser)
  await person.page.goto(origin)
  const made = await post(body('createOrganization', { organizationName: 'passkeys', users: [{ username: 'root', policy: { type: 'ROOT' }, authenticators: [
    { authenticatorName: 'key', authenticatorKind: 'keypair', publicKey: b64(ed25519.getPublicKey(secret)), algorithm: 'Ed25519' },
  ] }] }))
  organizationId = made.result.organizationId
  walletId = (await root('createWallet', { organizationId, walletName: 'w', accounts: [solana] })).walletId
})
after(async () => {
  await browser?.close()
  pages?.close()
  await server?.stop()
})

describe('passkeys of a real browser', () => {
  for (const [name, algorithm] of [['ES256', -7], ['EdDSA', -8], ['RS256', -257]]) {
    test(`${name}: registers, signs, and is refused where it should be`, async () => {
      await person.device.verified(true)
      const key = { authenticatorName: name, ...(await register(algorithm)) }
      const registered = await root('createAuthenticator', { organizationId, username: 'root', authenticator: key })
      assert.equal(registered.credentialId, key.credentialId)
      assert.equal(registered.clientDataJSON.slice(0, 40), key.clientDataJSON.slice(0, 40))
      const message = { organizationId, walletId, message: `by ${name}`, derivationInfo: solana }
      const signed = await stamped(key.credentialId, 'signUtf8Message', message)
      assert.equal(signed.status, 200, JSON.stringify(signed))
      assert.equal((await signed.again()).result.signature, signed.result.signature, 'the same body is answered alike')
      assert.equal((await signed.elsewhere()).status, 401, 'the stamp is of another body')

      const exported = { organizationId, walletId, publicKey: Buffer.concat([Buffer.from([9]), Buffer.alloc(31)]).toString('base64') }
      await person.device.verified(false)
      const refused = await stamped(key.credentialId, 'exportWallet', exported, 'discouraged')
      assert.equal(refused.status, 403)
      assert.match(refused.message, /ask it for user verification/)
      assert.equal((await stamped(key.credentialId, 'signUtf8Message', { ...message, message: 'there' }, 'discouraged')).status, 200)
      await person.device.verified(true)
      assert.equal((await stamped(key.credentialId, 'exportWallet', exported)).status, 200)
    })
  }

  test('the page of another origin cannot use it', async () => {
    const key = { authenticatorName: 'elsewhere', ...(await register(-7)) }
    await root('createAuthenticator', { organizationId, username: 'root', authenticator: key })
    const other = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<title>other</title>')).listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    await person.page.goto(`http://localhost:${other.address().port}`) // the same RP, another port
    const refused = await stamped(key.credentialId, 'getOrganization', { organizationId })
    other.close()
    assert.equal(refused.status, 401)
  })
})
