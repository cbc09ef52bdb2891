// Bitcoin: PSBTs made by bitcoinjs-lib, signed over HTTP, finished by the library, and spent on a real node.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as ecc from '@bitcoinerlab/secp256k1'
import * as bitcoin from 'bitcoinjs-lib'
import { ECPairFactory } from 'ecpair'
import bs58 from 'bs58'
import { found, post, request } from './app.mjs'
import { startBtcd } from './nodes/btcd.mjs'
import { startRedoubt } from './redoubt.mjs'

bitcoin.initEccLib(ecc)
const ECPair = ECPairFactory(ecc)
const network = bitcoin.networks.regtest

// The kinds of accounts, with the path of each.
const kinds = {
  BitcoinSegwit: "m/84'/0'/0'/0",
  BitcoinNestedSegwit: "m/49'/0'/0'/0/0",
  BitcoinTaproot: "m/86'/0'/0'/0/0",
}
const stranger = ECPair.fromPrivateKey(Buffer.alloc(32, 7), { network })
let node, redoubt, key, organizationId, walletId
const accounts = {}

// payment is what bitcoinjs-lib makes of a public key: the oracle for our addresses and scripts.
function payment(kind, pubkey, net = network) {
  switch (kind) {
    case 'BitcoinSegwit': return bitcoin.payments.p2wpkh({ pubkey, network: net })
    case 'BitcoinNestedSegwit':
      return bitcoin.payments.p2sh({ redeem: bitcoin.payments.p2wpkh({ pubkey, network: net }), network: net })
    default: return bitcoin.payments.p2tr({ internalPubkey: pubkey.slice(1), network: net })
  }
}

before(async () => {
  node = await startBtcd({ miner: payment('BitcoinSegwit', stranger.publicKey).address })
  redoubt = await startRedoubt()
  const app = await found(redoubt.baseUrl)
  ;({ key, organizationId } = app)
  const made = await rpc('createWallet', {
    organizationId, walletName: 'bitcoin', accounts: Object.values(kinds), tags: [],
  })
  assert.equal(made.status, 200, made.text)
  walletId = made.json.result.walletId
  for (const a of made.json.result.accounts) {
    const pubkey = bs58.decode(a.publicKey)
    accounts[a.addressFormat] = { ...a, pubkey, pay: payment(a.addressFormat, pubkey) }
    assert.equal(a.address, payment(a.addressFormat, pubkey, bitcoin.networks.bitcoin).address)
  }
  await node.call('generate', 101)
})
after(async () => {
  await redoubt?.stop()
  await node?.stop()
})

const rpc = (method, params) => post(redoubt.baseUrl, request(method, params), { key })

// signTransaction has the account of a kind sign.
const signTransaction = (kind, psbt, more = {}, object = {}) => rpc('signTransaction', {
  organizationId, walletId, derivationInfo: { derivationPath: kinds[kind], curve: 'Secp256k1', addressFormat: kind },
  transaction: { kind: 'PSBT', bytes: psbt.toBase64(), ...object }, ...more,
})

// signed is the PSBT as it comes back.
async function signed(kind, psbt) {
  const { status, text, json } = await signTransaction(kind, psbt)
  assert.equal(status, 200, text)
  assert.equal(json.result.kind, 'BITCOIN')
  assert.equal(json.result.address, accounts[kind].address)
  assert.equal(json.result.signature, undefined)
  return bitcoin.Psbt.fromBuffer(Buffer.from(json.result.transaction, 'base64url'), { network })
}

// coinbase takes the reward of a block that is old enough; the node never gives one twice.
let taken = 0
async function coinbase() {
  await node.call('generate', 1)
  const hash = await node.call('getblockhash', ++taken)
  const { tx: [id] } = await node.call('getblock', hash, 1)
  return bitcoin.Transaction.fromHex(await node.call('getrawtransaction', id, 0))
}

// fund pays outputs from the stranger's rewards, and resolves to the transaction once it is in a block.
async function fund(...outputs) {
  const from = await coinbase()
  const psbt = new bitcoin.Psbt({ network })
  psbt.addInput({ hash: from.getId(), index: 0, nonWitnessUtxo: from.toBuffer() })
  let rest = from.outs[0].value - 10_000n
  for (const { script, value } of outputs) {
    psbt.addOutput({ script, value })
    rest -= value
  }
  psbt.addOutput({ script: payment('BitcoinSegwit', stranger.publicKey).output, value: rest })
  psbt.signAllInputs(stranger).finalizeAllInputs()
  const tx = psbt.extractTransaction(true)
  await mine(tx)
  return tx
}

// mine sends a transaction and has it put in a block.
async function mine(tx) {
  assert.equal(await node.call('sendrawtransaction', tx.toHex()), tx.getId())
  await node.call('generate', 1)
  const { confirmations } = await node.call('getrawtransaction', tx.getId(), 1)
  assert.equal(confirmations, 1)
}

// spentOutput is null once an output was spent.
const spentOutput = (tx, index) => node.call('gettxout', tx.getId(), index, true)

// input tells of an output all that each kind needs.
function input(tx, index, kind) {
  const { script, value } = tx.outs[index]
  const more = { nonWitnessUtxo: tx.toBuffer() }
  if (kind === 'BitcoinTaproot') Object.assign(more, { witnessUtxo: { script, value }, tapInternalKey: accounts[kind].pubkey.slice(1) })
  if (kind === 'BitcoinNestedSegwit') more.redeemScript = accounts[kind].pay.redeem.output
  return { hash: tx.getId(), index, ...more }
}

const ownKeys = (pubkey, hash, signature) =>
  pubkey.length === 32 ? ecc.verifySchnorr(hash, pubkey, signature) : ecc.verify(hash, pubkey, signature)

// flipped is a transaction with one bit of a signature turned over.
function flipped(tx, i) {
  const bad = bitcoin.Transaction.fromHex(tx.toHex())
  const signature = Uint8Array.from(bad.ins[i].witness[0])
  signature[40] ^= 1
  bad.ins[i].witness[0] = signature
  return bad
}

describe('spends', () => {
  for (const kind of Object.keys(kinds)) {
    test(kind, async () => {
      const { pay } = accounts[kind]
      const from = await fund({ script: pay.output, value: 100_000n }, { script: pay.output, value: 50_000n })
      const psbt = new bitcoin.Psbt({ network })
      psbt.addInput(input(from, 0, kind)).addInput(input(from, 1, kind))
      psbt.addOutput({ script: payment('BitcoinSegwit', stranger.publicKey).output, value: 120_000n })
      psbt.addOutput({ script: pay.output, value: 28_000n })
      const back = await signed(kind, psbt)
      assert.ok(back.validateSignaturesOfAllInputs(ownKeys))
      back.finalizeAllInputs()
      const tx = back.extractTransaction()
      for (const i of [0, 1]) {
        await assert.rejects(node.call('sendrawtransaction', flipped(tx, i).toHex()), /signature|validate|script/i)
        assert.ok(await spentOutput(from, i), 'a bad signature spent the output')
      }
      await mine(tx)
      for (const i of [0, 1]) assert.equal(await spentOutput(from, i), null)
      assert.equal((await spentOutput(tx, 1)).value, 0.00028)
    })
  }

  test('inputs of all kinds and of a stranger', async () => {
    const all = Object.keys(kinds)
    const theirs = payment('BitcoinSegwit', stranger.publicKey)
    const from = await fund(...all.map((kind) => ({ script: accounts[kind].pay.output, value: 40_000n })), { script: theirs.output, value: 40_000n })
    let psbt = new bitcoin.Psbt({ network })
    for (const [i, kind] of all.entries()) psbt.addInput(input(from, i, kind))
    psbt.addInput({ hash: from.getId(), index: 3, nonWitnessUtxo: from.toBuffer() })
    psbt.addOutput({ script: theirs.output, value: 158_000n })
    psbt.signInput(3, stranger)
    for (const kind of all) psbt = await signed(kind, psbt)
    assert.ok(psbt.validateSignaturesOfAllInputs(ownKeys))
    psbt.finalizeAllInputs()
    const tx = psbt.extractTransaction()
    await assert.rejects(node.call('sendrawtransaction', flipped(tx, 2).toHex()))
    await mine(tx)
    for (const i of [0, 1, 2, 3]) assert.equal(await spentOutput(from, i), null)
  })

  test('finished by the server', async () => {
    const kind = 'BitcoinTaproot'
    const from = await fund({ script: accounts[kind].pay.output, value: 40_000n })
    const psbt = new bitcoin.Psbt({ network })
    psbt.addInput(input(from, 0, kind)).addOutput({ script: accounts.BitcoinNestedSegwit.pay.output, value: 39_000n })
    const { status, text, json } = await signTransaction(kind, psbt, {}, { finalize: true })
    assert.equal(status, 200, text)
    const tx = bitcoin.Transaction.fromHex(json.result.rawTransactionHex)
    assert.equal(json.result.transactionId, tx.getId())
    const back = bitcoin.Psbt.fromBuffer(Buffer.from(json.result.transaction, 'base64url'), { network })
    assert.equal(back.extractTransaction().toHex(), tx.toHex())
    await mine(tx)
    assert.equal(await spentOutput(from, 0), null)
  })
})

describe('what is refused', () => {
  const kind = 'BitcoinSegwit'
  let from
  before(async () => {
    from = await fund({ script: accounts[kind].pay.output, value: 100_000n })
  })

  // plain is a PSBT that would be signed, but for what `change` does to its input and to the output's value.
  const plain = (change = {}, value = 99_000n) => {
    const psbt = new bitcoin.Psbt({ network })
    const all = { ...input(from, 0, kind), ...change }
    for (const name in all) if (all[name] === undefined) delete all[name]
    psbt.addInput(all)
    return psbt.addOutput({ script: payment(kind, stranger.publicKey).output, value })
  }
  const refused = async (psbt, why, more, object, by = kind) => {
    const { status, text, json } = await signTransaction(by, psbt, more, object)
    assert.equal(status, 400, text)
    assert.match(json.message, why)
    return json
  }

  test('amounts that nobody proves', async () => {
    const witnessUtxo = { script: accounts[kind].pay.output, value: 100_000n }
    await refused(plain({ nonWitnessUtxo: undefined, witnessUtxo }), /non_witness_utxo/)
    await refused(plain({ witnessUtxo: { ...witnessUtxo, value: 99_999n } }), /witness_utxo/)
  })

  test('hash types that leave something open', async () => {
    for (const sighashType of [2, 3, 0x81, 0x82, 0x83]) await refused(plain({ sighashType }), /hash type/)
  })

  test('inputs of others, and outputs out of nothing', async () => {
    await refused(plain(), /pays the account/, {}, {}, 'BitcoinTaproot')
    await refused(plain({}, 100_001n), /worth more/)
  })

  test('what is no PSBT', async () => {
    const text = plain().toBase64()
    await refused(plain(), /trailing|after|bytes/, {}, { bytes: Buffer.concat([Buffer.from(text, 'base64'), Buffer.from([0])]).toString('base64') })
    await refused(plain(), /truncated/, {}, { bytes: Buffer.from(text, 'base64').subarray(0, -2).toString('base64') })
    await refused(plain(), /PSBT/, {}, { kind: 'RLP_ENCODED' })
    await refused(plain(), /./, {}, { nonce: 1 })
    const { status, text: answer } = await rpc('signTransaction', {
      organizationId, walletId, transaction: text, derivationInfo: { derivationPath: kinds[kind], curve: 'Secp256k1', addressFormat: kind },
    })
    assert.equal(status, 400, answer)
  })

  test('a submission', async () => {
    const json = await refused(plain(), /submits no Bitcoin/, { submissionConfig: { chain: 'bitcoin', network: 'mainnet' } })
    assert.equal(json.type, 'unsupported')
  })
})

describe('messages', () => {
  const message = 'the quick brown fox, ünïcode'
  const hash = Buffer.from(bitcoin.crypto.sha256(Buffer.concat([
    bitcoin.crypto.sha256(Buffer.from('BIP0322-signed-message')), bitcoin.crypto.sha256(Buffer.from('BIP0322-signed-message')), Buffer.from(message),
  ])))

  // toSign makes the two transactions of BIP-322, and gives the second.
  function toSign(output) {
    const toSpend = new bitcoin.Transaction()
    toSpend.version = 0
    toSpend.addInput(Buffer.alloc(32), 0xffffffff, 0, Buffer.concat([Buffer.from([0, 32]), hash]))
    toSpend.addOutput(output, 0n)
    const tx = new bitcoin.Transaction()
    tx.version = 0
    tx.addInput(toSpend.getHash(), 0, 0)
    tx.addOutput(Buffer.from([0x6a]), 0n)
    return tx
  }

  const sign = async (kind, more = {}) => {
    const { status, text, json } = await rpc('signUtf8Message', {
      organizationId, walletId, message, derivationInfo: { derivationPath: kinds[kind], curve: 'Secp256k1', addressFormat: kind }, ...more,
    })
    assert.equal(status, 200, text)
    return Buffer.from(json.result.signature, 'base64url')
  }

  test('by P2WPKH, with the algorithm that clients name or none', async () => {
    const proof = await sign('BitcoinSegwit', { algorithm: 'Secp256k1' })
    assert.deepEqual(await sign('BitcoinSegwit'), proof)
    const { pay, pubkey } = accounts.BitcoinSegwit
    const signature = proof.subarray(2, 2 + proof[1])
    assert.deepEqual([...proof.subarray(3 + proof[1])], [...pubkey])
    const digest = toSign(pay.output).hashForWitnessV0(0, bitcoin.payments.p2pkh({ pubkey }).output, 0n, 1)
    assert.ok(ecc.verify(digest, pubkey, bitcoin.script.signature.decode(signature).signature))
  })

  test('by P2TR', async () => {
    const proof = await sign('BitcoinTaproot')
    const { pay } = accounts.BitcoinTaproot
    assert.deepEqual([...proof.subarray(0, 2)], [1, 64])
    const digest = toSign(pay.output).hashForWitnessV1(0, [pay.output], [0n], 0)
    assert.ok(ecc.verifySchnorr(digest, pay.output.slice(2), proof.subarray(2)))
  })

  test('by P2WPKH in P2SH, as a whole transaction', async () => {
    const tx = bitcoin.Transaction.fromBuffer(await sign('BitcoinNestedSegwit', { algorithm: 'Secp256k1' }))
    const { pay, pubkey } = accounts.BitcoinNestedSegwit
    const want = toSign(pay.output)
    want.ins[0].script = bitcoin.script.compile([pay.redeem.output])
    assert.equal(tx.getId(), want.getId())
    const digest = want.hashForWitnessV0(0, bitcoin.payments.p2pkh({ pubkey }).output, 0n, 1)
    assert.ok(ecc.verify(digest, pubkey, bitcoin.script.signature.decode(tx.ins[0].witness[0]).signature))
  })

  test('by no other algorithm', async () => {
    for (const [kind, algorithm] of [['BitcoinSegwit', 'Secp256k1Keccak256'], ['BitcoinTaproot', 'Secp256k1'], ['BitcoinSegwit', 'Secp256k1Schnorr']]) {
      const { status, text } = await rpc('signUtf8Message', {
        organizationId, walletId, message, algorithm, derivationInfo: { derivationPath: kinds[kind], curve: 'Secp256k1', addressFormat: kind },
      })
      assert.equal(status, 400, text)
    }
  })

  test('Schnorr over raw bytes is by the key itself', async () => {
    const { pubkey } = accounts.BitcoinTaproot
    const { status, text, json } = await rpc('signRawPayload', {
      organizationId, walletId, payload: Buffer.from('raw').toString('base64url'), algorithm: 'Secp256k1Schnorr',
      derivationInfo: { derivationPath: kinds.BitcoinTaproot, curve: 'Secp256k1', addressFormat: 'BitcoinTaproot' },
    })
    assert.equal(status, 200, text)
    assert.ok(ecc.verifySchnorr(bitcoin.crypto.sha256(Buffer.from('raw')), pubkey.slice(1), Buffer.from(json.result.signature, 'base64url')))
  })
})
