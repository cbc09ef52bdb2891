// What an app has: an authenticator key, the published client, and for the tests a way to send any request it
// likes, stamped by hand.
import './clock.mjs'
import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { ApiKeyStamper } from '@phantom/api-key-stamper'
import { PhantomClient, generateKeyPair } from '@phantom/client'
import bs58 from 'bs58'

// The client's HTTP library adds a listener to a kept-alive socket with every request, and Node would warn.
EventEmitter.defaultMaxListeners = 1000

export const b64u = (bytes) => Buffer.from(bytes).toString('base64url')
export const unb64u = (text) => new Uint8Array(Buffer.from(text, 'base64url'))
export const solanaPath = (i = 0) => `m/44'/501'/${i}'/0'`
export const ethereumPath = (i = 0) => `m/44'/60'/0'/0/${i}`

// ed25519Key is an API key as the client library makes them.
export function ed25519Key() {
  const { publicKey, secretKey } = generateKeyPair()
  const seed = bs58.decode(secretKey).slice(0, 32)
  return {
    algorithm: 'Ed25519',
    publicKey: bs58.decode(publicKey),
    secretKey,
    sign: (body) => ed25519.sign(body, seed),
  }
}

// p256Key is a key as browsers without Ed25519 make them. Half of its signatures have a high s.
export function p256Key() {
  const secret = p256.utils.randomSecretKey()
  return {
    algorithm: 'Secp256r1',
    publicKey: p256.getPublicKey(secret, false),
    sign: (body, options) =>
      p256.sign(body, secret, { prehash: true, lowS: false, extraEntropy: randomBytes(32), ...options }),
  }
}

// authenticator describes a key for registration.
export function authenticator(key, name, extra = {}) {
  return {
    authenticatorKind: 'keypair',
    authenticatorName: name,
    publicKey: b64u(key.publicKey),
    algorithm: key.algorithm,
    ...extra,
  }
}

// stampOf makes the header by hand; `change` may spoil what goes into it.
export function stampOf(key, body, change = {}) {
  const stamp = {
    publicKey: b64u(key.publicKey),
    signature: b64u(key.sign(Buffer.from(body))),
    kind: 'PKI',
    algorithm: key.algorithm,
    ...change,
  }
  return b64u(JSON.stringify(stamp))
}

// connect makes the published client of an organization, or without a key the one that may only found one.
export function connect(baseUrl, key, organizationId, config = {}) {
  const stamper = key && new ApiKeyStamper({ apiSecretKey: key.secretKey })
  return new PhantomClient({ apiBaseUrl: baseUrl, organizationId, ...config }, stamper)
}

// request writes a body as clients do.
export const request = (method, params, timestampMs = Date.now()) =>
  JSON.stringify({ method, params, timestampMs })

// post sends a body as it is, stamped by key or with the given stamp, and never throws for a status.
export async function post(baseUrl, body, { key, stamp, path = '/kms/rpc', headers = {} } = {}) {
  stamp ??= key && stampOf(key, body)
  const res = await fetch(baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(stamp && { 'x-phantom-stamp': stamp }), ...headers },
    body,
  })
  const text = await res.text()
  let json
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status: res.status, headers: res.headers, text, json }
}

// call is post for a method, and throws unless it succeeds.
export async function call(baseUrl, key, method, params) {
  const { status, json, text } = await post(baseUrl, request(method, params), { key })
  if (status !== 200) throw new Error(`${method}: ${status} ${text}`)
  return json.result
}

// found creates an organization with one administrator, as the client does it, and resolves to
// {organizationId, key, client, organization}.
export async function found(baseUrl, { name = 'My Org', users = [], key = ed25519Key(), ...config } = {}) {
  const admin = { username: 'admin', role: 'ADMIN', authenticators: [authenticator(key, 'admin key')] }
  const organization = await connect(baseUrl).createOrganization(name, [admin, ...users])
  const { organizationId } = organization
  const client = key.secretKey && connect(baseUrl, key, organizationId, config)
  return { organizationId, key, client, organization }
}
