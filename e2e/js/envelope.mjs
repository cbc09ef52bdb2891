// docs/spec/envelope.md by an HPKE of others.
import { createHash } from 'node:crypto'
import assert from 'node:assert/strict'
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest()
export const b64 = (bytes) => Buffer.from(bytes).toString('base64')
export const unb64 = (text) => Buffer.from(text, 'base64')
export const uuid = (text) => Buffer.from(text.replaceAll('-', ''), 'hex')

export const suites = {
  X25519: { kem: () => new DhkemX25519HkdfSha256(), encapsulated: 32, publicKey: 32 },
  X25519MLKEM768: { kem: () => new XWing(), encapsulated: 1120, publicKey: 1216 },
}
export const suiteOf = (name) => new CipherSuite({ kem: suites[name].kem(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })

export const info = (method, organization, subject, context, publicKey) => Buffer.concat([
  Buffer.from(`redoubt/envelope/v1\0${method}\0`), uuid(organization), subject, context, sha256(publicKey),
])

// plain writes a secret in the fixed size.
export function plain(kind, secret) {
  const out = Buffer.alloc(256)
  out.set([1, kind, secret.length, ...secret])
  return out
}

// encrypt encrypts a secret to an import envelope.
export async function encrypt(organizationId, name, { envelope, publicKey }, secret) {
  const suite = suiteOf(name)
  const raw = unb64(publicKey)
  assert.equal(raw.length, suites[name].publicKey)
  const sender = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(raw),
    info: info('completeImportWallet', organizationId, Buffer.alloc(16), sha256(unb64(envelope)), raw),
  })
  const ciphertext = await sender.seal(secret)
  return b64(Buffer.concat([Buffer.from(sender.enc), Buffer.from(ciphertext)]))
}
