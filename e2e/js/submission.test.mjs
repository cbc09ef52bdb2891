// What becomes of a signed transaction when the node is well, contradicts, or keeps silent, and that it is never
// broadcast twice.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { NetworkId } from '@phantom/client'
import { Keypair, LAMPORTS_PER_SOL, PublicKey, SystemProgram, Transaction } from '@solana/web3.js'
import { b64u, found, post, request, solanaPath, unb64u } from './app.mjs'
import { RpcError, call, serve } from './nodes/rpc.mjs'
import { startWorld } from './world.mjs'

const to = Keypair.generate().publicKey
let world, refusing, silent, received, client, key, organizationId, walletId, me

before(async () => {
  received = { refusing: 0, silent: 0 }
  refusing = await serve({
    sendTransaction: () => {
      received.refusing++
      throw new RpcError(-32002, 'Transaction simulation failed: Blockhash not found')
    },
  })
  silent = await serve({ sendTransaction: () => (received.silent++, new Promise(() => {})) })
  world = await startWorld({ rpc: { 'solana/testnet': refusing.url, 'solana/mainnet': silent.url } })
  ;({ client, key, organizationId } = await found(world.baseUrl))
  const wallet = await client.createWallet('sender')
  walletId = wallet.walletId
  me = new PublicKey(wallet.addresses[0].address)
  await call(world.solana.url, 'requestAirdrop', me.toBase58(), 10 * LAMPORTS_PER_SOL)
})
after(async () => {
  await world?.stop()
  await refusing?.close()
  await silent?.close()
})

async function transfer(lamports) {
  const { value } = await call(world.solana.url, 'getLatestBlockhash')
  const tx = new Transaction({ feePayer: me, recentBlockhash: value.blockhash })
  tx.add(SystemProgram.transfer({ fromPubkey: me, toPubkey: to, lamports }))
  return b64u(tx.serialize({ requireAllSignatures: false }))
}

const body = async (network, lamports) => request('signTransaction', {
  organizationId, walletId, transaction: await transfer(lamports),
  derivationInfo: { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Solana' },
  submissionConfig: { chain: 'solana', network },
})

const signed = (json) => Transaction.from(unb64u(json.result.transaction)).verifySignatures()
const send = (networkId, lamports) => transfer(lamports).then((transaction) =>
  client.signAndSendTransaction({ walletId, transaction, networkId, account: me.toBase58() }))

test('success', async () => {
  const { status, json, text } = await post(world.baseUrl, await body('devnet', 1_000_000), { key })
  assert.equal(status, 200, text)
  assert.ok(signed(json))
  assert.equal(typeof json.rpc_submission_result.result, 'string')
  const { value: [there] } = await call(world.solana.url, 'getSignatureStatuses', [json.rpc_submission_result.result])
  assert.equal(there.err, null)
})

test('an identical body is answered alike and broadcast once', async () => {
  const before = world.solana.node.received
  const text = await body('devnet', 2_000_000)
  const answers = await Promise.all(Array.from({ length: 6 }, () => post(world.baseUrl, text, { key })))
  answers.push(await post(world.baseUrl, text, { key }))
  for (const a of answers) {
    assert.equal(a.status, 200, a.text)
    assert.equal(a.json.result.transaction, answers[0].json.result.transaction)
    assert.equal(a.json.rpc_submission_result.result, answers[0].json.rpc_submission_result.result)
  }
  assert.equal(world.solana.node.received - before, 1)
})

test('a refusal of the node reaches the client, with the signed transaction', async () => {
  const { status, json, text } = await post(world.baseUrl, await body('testnet', 3_000_000), { key })
  assert.equal(status, 200, text)
  assert.ok(signed(json))
  assert.match(json.rpc_submission_result.error.message, /Blockhash not found/)
  await assert.rejects(send(NetworkId.SOLANA_TESTNET, 3_000_001), /Transaction broadcast failed: .*Blockhash not found/)
  assert.ok(received.refusing >= 2)
})

test('the executing node refuses as well', async () => {
  await assert.rejects(send(NetworkId.SOLANA_DEVNET, 10 ** 12), /Transaction broadcast failed: .*0x1/)
})

test('a silent node is given up on', { timeout: 60_000 }, async () => {
  const { status, json, text } = await post(world.baseUrl, await body('mainnet', 4_000_000), { key })
  assert.equal(status, 200, text)
  assert.ok(signed(json))
  assert.ok(json.rpc_submission_result.error.message)
  assert.equal(received.silent, 1)
})

test('a network without a node is said so', async () => {
  const text = (await body('mainnet', 5)).replace('"chain":"solana","network":"mainnet"', '"chain":"solana","network":"nowhere"')
  const answer = await post(world.baseUrl, text, { key })
  if (answer.status === 200) assert.ok(answer.json.rpc_submission_result.error.message, answer.text)
  else assert.equal(answer.status, 400, answer.text)
})
