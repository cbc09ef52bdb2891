// Our parsers against those of the libraries that wallets use, on what the libraries make and on mutants of it: we accept
// nothing that they refuse, and both read the same. DIFFERENTIAL is the number of inputs for each format, five times as many for
// Solana in full.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bcs } from '@mysten/sui/bcs'
import { TransactionDataBuilder } from '@mysten/sui/transactions'
import {
  AddressLookupTableAccount, PublicKey, TransactionInstruction, TransactionMessage, VersionedMessage, VersionedTransaction,
} from '@solana/web3.js'
import * as bitcoin from 'bitcoinjs-lib'
import { Transaction, TypedDataEncoder, hexlify } from 'ethers'
import { hashTypedData, parseTransaction } from 'viem'
import { randomEVM } from './evmrandom.mjs'
import { buildOracle, differ, flip, hex, scale } from './oracle.mjs'
import { generator, randomTransaction } from './suirandom.mjs'
import { randomTyped, spoilt } from './typedrandom.mjs'

const size = Number(process.env.DIFFERENTIAL ?? scale(3_000, 200_000))
let oracle
before(() => { oracle = buildOracle() })
after(() => oracle?.remove())

// run compares and says what it saw; a comparison of which one side never happens shows nothing.
function run(t, spec) {
  const counts = differ({ oracle, count: size, mutants: 9, ...spec })
  t.diagnostic(`${spec.format}: ${JSON.stringify(counts)}`)
  for (const kind of ['good', 'both', 'neither']) assert.ok(counts[kind] > 0, `${kind}: ${JSON.stringify(counts)}`)
}

test('Solana transactions and @solana/web3.js', (t) => {
  const g = generator(8)
  const key = () => new PublicKey(g.bytes(32))
  const make = () => {
    const keys = Array.from({ length: 6 }, key)
    const payerKey = keys[0]
    const instructions = Array.from({ length: 1 + g.below(4) }, () => new TransactionInstruction({
      programId: key(),
      keys: Array.from({ length: g.below(6) }, () => ({ pubkey: g.pick(keys), isSigner: g.below(4) === 0, isWritable: g.below(2) === 0 })),
      data: Buffer.from(g.bytes(g.below(40))),
    }))
    const draft = new TransactionMessage({ payerKey, recentBlockhash: key().toBase58(), instructions })
    const table = new AddressLookupTableAccount({ key: key(), state: { deactivationSlot: 2n ** 64n - 1n, lastExtendedSlot: 0, lastExtendedSlotStartIndex: 0, addresses: keys.slice(3) } })
    const message = g.below(2) ? draft.compileToV0Message(g.below(2) ? [table] : []) : draft.compileToLegacyMessage()
    // A message as kit sends it, or with its slots for signatures.
    return g.below(4) === 0 ? message.serialize() : new VersionedTransaction(message).serialize()
  }
  const theirs = (bytes) => {
    const equal = (b) => Buffer.from(b).equals(Buffer.from(bytes))
    try {
      const tx = VersionedTransaction.deserialize(bytes)
      if (equal(tx.serialize())) return tx.message
    } catch {
      // It may be a message.
    }
    const message = VersionedMessage.deserialize(bytes)
    assert.ok(equal(message.serialize()), 'it is written back to other bytes')
    return message
  }
  const same = (ours, m, bytes) => {
    const keys = m.staticAccountKeys.map((k) => k.toBase58())
    const account = (i) => [keys[i] ?? '', m.isAccountSigner(i), m.isAccountWritable(i)]
    assert.deepEqual(ours, {
      version: m.version === 'legacy' ? 0 : 1, signers: m.header.numRequiredSignatures, keys, blockhash: m.recentBlockhash,
      instructions: m.compiledInstructions.map((c) => ({
        program: keys[c.programIdIndex], accounts: [...c.accountKeyIndexes].map(account), data: hex(Buffer.from(c.data)),
      })),
      lookups: m.addressTableLookups.map((l) => ({
        table: l.accountKey.toBase58(), writable: hex(Uint8Array.from(l.writableIndexes)), readonly: hex(Uint8Array.from(l.readonlyIndexes)),
      })),
      message: hex(Buffer.from(m.serialize())),
    }, hex(bytes))
  }
  run(t, { format: 'solana', count: scale(size, 5 * size), make, mutate: (b) => flip(g, b), theirs, same })
})

// sameEVM holds ours against ethers and viem.
function sameEVM(ours, { tx, seen }, bytes) {
  const number = (n) => (n === null || n === undefined ? null : n.toString())
  const zero = (n) => (n === '0' ? null : n)
  const low = (text) => text?.toLowerCase() ?? null
  const list = (l) => (l ?? []).map((e) => ({ address: low(e.address), storageKeys: e.storageKeys.map(low) }))
  const consents = (l, of) => (l ?? []).map(of)
  const { digest, unsigned, sender, hash, r, s, parity, ...fields } = ours
  assert.deepEqual({ ...fields, chainId: zero(fields.chainId), blobFee: zero(fields.blobFee) }, {
    type: tx.type, chainId: zero(number(tx.chainId)), nonce: number(tx.nonce), gas: number(tx.gasLimit), to: low(tx.to),
    value: number(tx.value), data: tx.data, maxFee: number(tx.maxFeePerGas ?? tx.gasPrice),
    priorityFee: number(tx.maxPriorityFeePerGas ?? tx.gasPrice), blobFee: zero(number(tx.maxFeePerBlobGas)),
    accessList: list(tx.accessList), blobHashes: tx.blobVersionedHashes ?? [],
    authorizations: consents(tx.authorizationList, (a) => ({
      chainId: number(a.chainId), address: low(a.address), nonce: number(a.nonce), parity: a.signature.yParity,
      r: BigInt(a.signature.r).toString(), s: BigInt(a.signature.s).toString(),
    })),
  }, hex(bytes))
  assert.equal(digest, tx.unsignedHash)
  assert.equal(unsigned, tx.unsignedSerialized)
  if (sender) assert.deepEqual([sender, hash, r, s, parity], [low(tx.from), tx.hash, BigInt(tx.signature.r).toString(), BigInt(tx.signature.s).toString(), tx.signature.yParity])
  if (!seen) return
  assert.deepEqual([fields.to, fields.nonce, fields.gas, fields.value, fields.data, fields.maxFee], [
    low(seen.to), number(seen.nonce ?? 0), number(seen.gas ?? 0n), number(seen.value ?? 0n), seen.data ?? '0x', number(seen.maxFeePerGas ?? seen.gasPrice ?? 0n),
  ], `viem: ${hex(bytes)}`)
  assert.deepEqual(fields.accessList, list(seen.accessList))
  assert.deepEqual(fields.blobHashes, seen.blobVersionedHashes ?? [])
  assert.deepEqual(fields.authorizations, consents(seen.authorizationList, (a) => ({
    chainId: number(a.chainId), address: low(a.address), nonce: number(a.nonce), parity: a.yParity, r: BigInt(a.r).toString(), s: BigInt(a.s).toString(),
  })))
}

// theirsEVM is what ethers makes of bytes, and viem where it reads them.
function theirsEVM(bytes) {
  const text = hexlify(bytes)
  const tx = Transaction.from(text)
  const signed = tx.signature !== null
  assert.equal(signed ? tx.serialized : tx.unsignedSerialized, text, 'it is written back to other bytes')
  if (signed) assert.ok(tx.from, 'no sender')
  let seen
  try {
    seen = parseTransaction(text)
  } catch {
    // viem holds some fields against rules of its own.
  }
  return { tx, seen, signed }
}

for (const signed of [false, true]) {
  test(`${signed ? 'signed' : 'unsigned'} EVM transactions of all types, ethers and viem`, (t) => {
    const g = generator(9)
    const theirs = (bytes) => {
      const said = theirsEVM(bytes)
      assert.equal(said.signed, signed, 'signed or not')
      return said
    }
    // ethers keeps the nonce of a transaction in a number, and has none for 53 bits and more.
    const beyond = (ours) => BigInt(ours.nonce) > Number.MAX_SAFE_INTEGER
    run(t, {
      format: signed ? 'evm-signed' : 'evm', count: signed ? Math.ceil(size / 5) : size,
      make: () => randomEVM(g, signed), mutate: (b) => flip(g, b), theirs, same: sameEVM, beyond,
    })
  })
}

test('PSBTs and bitcoinjs-lib', (t) => {
  const g = generator(10)
  const script = () => g.pick([() => [0, 20, ...g.bytes(20)], () => [0x51, 32, ...g.bytes(32)], () => [0xa9, 20, ...g.bytes(20), 0x87]])()
  const make = () => {
    const psbt = new bitcoin.Psbt()
    for (let n = 1 + g.below(3); n > 0; n--) {
      const from = new bitcoin.Transaction()
      from.addInput(g.bytes(32), g.below(9))
      from.addOutput(Uint8Array.from(script()), BigInt(1000 + g.below(1 << 30)))
      const whole = g.below(2) ? { nonWitnessUtxo: from.toBuffer() } : { witnessUtxo: from.outs[0] }
      psbt.addInput({ hash: from.getId(), index: 0, sequence: 0xffffffff - g.below(3), ...whole })
    }
    for (let n = 1 + g.below(3); n > 0; n--) psbt.addOutput({ script: Uint8Array.from(script()), value: BigInt(g.below(1 << 30)) })
    psbt.setLocktime(g.below(2) ? g.below(1 << 30) : 0)
    return psbt.toBuffer()
  }
  const same = (ours, psbt, bytes) => {
    const { id, ...parts } = ours
    assert.equal(parts.version, 0)
    assert.deepEqual(parts, {
      version: 0, lockTime: psbt.locktime,
      inputs: psbt.txInputs.map((i) => ({ hash: hex(i.hash), index: i.index, sequence: i.sequence })),
      outputs: psbt.txOutputs.map((o) => ({ value: o.value.toString(), script: hex(o.script) })),
    }, hex(bytes))
  }
  run(t, { format: 'psbt', make, mutate: (b) => flip(g, b), theirs: (b) => bitcoin.Psbt.fromBuffer(Buffer.from(b)), same })
})

test('Sui transactions and @mysten/sui', async (t) => {
  const g = generator(11)
  const made = []
  for (let i = 0; i < scale(100, 2_000); i++) {
    const sender = g.address()
    made.push(await randomTransaction(g, sender, g.below(3) ? sender : g.address()).build())
  }
  const theirs = (bytes) => {
    const data = bcs.TransactionData.parse(bytes)
    // The library keeps the epoch of an expiration in a number, which loses digits from 53 bits on.
    if (!(data.V1.expiration.Epoch > Number.MAX_SAFE_INTEGER)) {
      assert.equal(hex(bcs.TransactionData.serialize(data).toBytes()), hex(bytes), 'it is written back to other bytes')
    }
    return TransactionDataBuilder.getDigestFromBytes(bytes)
  }
  const same = (ours, id, bytes) => assert.deepEqual(ours, { data: hex(bytes), id }, hex(bytes))
  // The first byte tells a transaction from one with signatures, which this library does not read.
  run(t, { format: 'sui', make: () => g.pick(made), mutate: (b) => flip(g, b, 1), theirs, same })
})

test('typed data, viem and ethers', (t) => {
  const g = generator(12)
  const utf8 = (o) => new TextEncoder().encode(JSON.stringify(o))
  const theirs = (bytes) => {
    const { domain, types, primaryType, message, ...rest } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    assert.deepEqual(rest, {})
    const digest = hashTypedData({ domain, types, primaryType, message })
    const { EIP712Domain, ...structs } = types
    let also = digest
    try {
      also = TypedDataEncoder.hash(domain, structs, message)
    } catch {
      // ethers wants every struct to be part of one.
    }
    assert.equal(also, digest, 'viem and ethers differ')
    return digest
  }
  const same = (ours, digest, bytes) => assert.equal(ours.digest, digest, new TextDecoder().decode(bytes))
  run(t, { format: 'typed', make: () => utf8(randomTyped(g)), mutate: (b) => utf8(spoilt(g, JSON.parse(new TextDecoder().decode(b)))), theirs, same })
})
