// Signatures of every kind of key, verified by an implementation that shares no line with ours.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { buildOracle, scale } from './oracle.mjs'

const bytes = (text) => Buffer.from(text.slice(2), 'hex')

const kinds = {
  Ed25519: (signature, digest, key) => ed25519.verify(signature, digest, key, { zip215: false }),
  Secp256k1: (signature, digest, key) => {
    const { r, s } = secp256k1.Signature.fromBytes(signature.subarray(0, 64))
    const back = new secp256k1.Signature(r, s, signature[64]).recoverPublicKey(digest).toBytes()
    return Buffer.from(back).equals(key) && secp256k1.verify(signature.subarray(0, 64), digest, key, { prehash: false, lowS: true })
  },
  Secp256r1: (signature, digest, key) => p256.verify(signature, digest, key, { prehash: false, lowS: true }),
  Schnorr: (signature, digest, key) => schnorr.verify(signature, digest, key),
  Taproot: (signature, digest, key) => schnorr.verify(signature, digest, key),
}

test('random signatures of every kind of key', () => {
  const oracle = buildOracle()
  const count = scale(100, 100_000)
  try {
    const counts = {}
    for (const { kind, publicKey, digest, signature } of oracle.sign(count)) {
      assert.ok(kinds[kind](bytes(signature), bytes(digest), bytes(publicKey)), `${kind}: ${publicKey} ${digest} ${signature}`)
      counts[kind] = (counts[kind] ?? 0) + 1
    }
    assert.deepEqual(Object.keys(counts).sort(), Object.keys(kinds).sort())
    for (const kind in counts) assert.equal(counts[kind], count, kind)
  } finally {
    oracle.remove()
  }
})
