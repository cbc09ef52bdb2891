// Sui transactions and messages: the public library builds them and judges the signatures.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { NetworkId } from '@phantom/client'
import { bcs } from '@mysten/sui/bcs'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction } from '@mysten/sui/transactions'
import { verifyPersonalMessageSignature, verifyTransactionSignature } from '@mysten/sui/verify'
import { b64u, found, post, request, solanaPath, unb64u } from './app.mjs'
import { startRedoubt } from './redoubt.mjs'
import { generator, randomTransaction } from './suirandom.mjs'

const full = process.env.REDOUBT_ACCEPTANCE === 'full'
const derivationInfo = { derivationPath: "m/44'/784'/0'/0'/0'", curve: 'Ed25519', addressFormat: 'Sui' }
const toBase64 = (text) => Buffer.from(text, 'base64url').toString('base64')
let redoubt, client, key, organizationId, walletId, me

before(async () => {
  redoubt = await startRedoubt()
  ;({ client, key, organizationId } = await found(redoubt.baseUrl))
  const wallet = await client.createWallet('sui')
  walletId = wallet.walletId
  me = wallet.addresses[3].address
})
after(() => redoubt?.stop())

const raw = (transaction, more = {}) =>
  post(redoubt.baseUrl, request('signTransaction', { organizationId, walletId, transaction, derivationInfo, ...more }), { key })

async function sign(bytes) {
  const { status, text, json } = await raw(b64u(bytes))
  assert.equal(status, 200, text)
  return json.result
}

// ours checks a signature over a transaction and who made it.
async function ours(bytes, signature) {
  assert.equal((await verifyTransactionSignature(bytes, signature)).toSuiAddress(), me)
}

describe('transactions', () => {
  test('random ones of every command, as sender and as sponsor', async () => {
    const seed = full ? Date.now() & 0xffff : 7
    const g = generator(seed)
    for (let i = 0; i < (full ? 2000 : 60); i++) {
      const other = g.address()
      const tx = g.below(3) ? randomTransaction(g, me) : g.below(2) ? randomTransaction(g, me, other) : randomTransaction(g, other, me)
      const bytes = await tx.build()
      const result = await sign(bytes)
      assert.equal(result.kind, 'SUI')
      assert.equal(result.address, me)
      await ours(bytes, toBase64(result.signature)).catch((e) => assert.fail(`seed ${seed}, transaction ${i}: ${e}`))
      const [{ intentMessage, txSignatures }] = bcs.SenderSignedData.parse(unb64u(result.transaction))
      assert.deepEqual(txSignatures, [toBase64(result.signature)])
      assert.deepEqual(bcs.TransactionData.serialize(intentMessage.value).toBytes(), bytes)
      assert.equal(await Transaction.from(bytes).getDigest(), await tx.getDigest())
    }
  })

  test('the published client gets the signature with the transaction', async () => {
    const bytes = await randomTransaction(generator(3), me).build()
    const { rawTransaction } = await client.signTransaction({ walletId, transaction: b64u(bytes), networkId: NetworkId.SUI_TESTNET, account: me })
    const [{ txSignatures }] = bcs.SenderSignedData.parse(unb64u(rawTransaction))
    await ours(bytes, txSignatures[0])
  })

  test('a sponsor who signed first stays', async () => {
    const sponsor = new Ed25519Keypair()
    const bytes = await randomTransaction(generator(4), me, sponsor.toSuiAddress()).build()
    const { signature } = await sponsor.signTransaction(bytes)
    const half = bcs.SenderSignedData.serialize([{
      intentMessage: {
        intent: { scope: { TransactionData: true }, version: { V0: true }, appId: { Sui: true } },
        value: bcs.TransactionData.parse(bytes),
      },
      txSignatures: [signature],
    }]).toBytes()
    const [{ txSignatures }] = bcs.SenderSignedData.parse(unb64u((await sign(half)).transaction))
    assert.equal(txSignatures[1], signature)
    await ours(bytes, txSignatures[0])
  })

  test('what is not ours to sign is refused', async () => {
    const g = generator(5)
    const good = await randomTransaction(g, me).build()
    const flipped = good.slice()
    flipped[1] = 1
    for (const [name, transaction, more] of [
      ['somebody else’s', b64u(await randomTransaction(g, g.address()).build())],
      ['trailing byte', b64u([...good, 0])],
      ['cut off', b64u(good.slice(0, -1))],
      ['a change of epoch', b64u(flipped)],
      ['not base64url', '!!!'],
      ['empty', ''],
      ['an object', { kind: 'RLP_ENCODED', bytes: '0x00' }],
      ['another account', b64u(good), { derivationInfo: { ...derivationInfo, derivationPath: "m/44'/784'/1'/0'/0'" } }],
      ['a Solana account', b64u(good), { derivationInfo: { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Solana' } }],
      ['a broadcast', b64u(good), { submissionConfig: { chain: 'sui', network: 'mainnet' } }],
    ]) {
      const { status, text } = await raw(transaction, more)
      assert.equal(status, 400, `${name}: ${text}`)
    }
  })
})

describe('messages', () => {
  test('are personal messages', async () => {
    for (const message of ['héllo', '', 'x'.repeat(32), 'y'.repeat(5000)]) {
      const { json, text } = await post(redoubt.baseUrl, request('signUtf8Message', {
        organizationId, walletId, message, algorithm: 'Ed25519', derivationInfo,
      }), { key })
      assert.ok(json.result, text)
      const by = await verifyPersonalMessageSignature(new TextEncoder().encode(message), toBase64(json.result.signature))
      assert.equal(by.toSuiAddress(), me)
    }
  })

  test('a message of the published client verifies', async () => {
    const signature = await client.signUtf8Message({ walletId, message: 'hello', networkId: NetworkId.SUI_MAINNET })
    await verifyPersonalMessageSignature(new TextEncoder().encode('hello'), toBase64(signature), { address: me })
  })

  test('a transaction signed as a message is no signature of the transaction', async () => {
    const bytes = await randomTransaction(generator(6), me).build()
    const { json } = await post(redoubt.baseUrl, request('signUtf8Message', {
      organizationId, walletId, message: 'hello', derivationInfo,
    }), { key })
    await assert.rejects(verifyTransactionSignature(bytes, toBase64(json.result.signature)))
  })
})

test('a keypair wallet of Sui signs, and nothing of Solana', async () => {
  const { json } = await post(redoubt.baseUrl, request('createWallet', {
    organizationId, walletName: 'single', curve: 'Ed25519', addressFormat: 'Sui',
  }), { key })
  const { walletId, account } = json.result
  const bytes = await randomTransaction(generator(8), account.address).build()
  const signed = await post(redoubt.baseUrl, request('signTransaction', { organizationId, walletId, transaction: b64u(bytes) }), { key })
  assert.equal(signed.status, 200, signed.text)
  await verifyTransactionSignature(bytes, toBase64(signed.json.result.signature), { address: account.address })
  const solana = await post(redoubt.baseUrl, request('signTransaction', {
    organizationId, walletId, transaction: b64u(bytes), derivationInfo: { curve: 'Ed25519', addressFormat: 'Solana' },
  }), { key })
  assert.equal(solana.status, 400, solana.text)
})
