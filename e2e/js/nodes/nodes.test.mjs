import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Connection, Keypair, PublicKey, SystemProgram, Transaction } from '@solana/web3.js'
import { startAnvil } from './anvil.mjs'
import { startLiteSVM } from './litesvm-rpc.mjs'
import { call } from './rpc.mjs'

let solana, connection
const from = Keypair.generate()
const to = Keypair.generate().publicKey

before(async () => {
  solana = await startLiteSVM()
  connection = new Connection(solana.url, 'confirmed')
})
after(() => solana.close())

async function transfer(lamports, { blockhash, signer = from } = {}) {
  blockhash ??= (await connection.getLatestBlockhash()).blockhash
  const tx = new Transaction({ feePayer: signer.publicKey, recentBlockhash: blockhash })
  tx.add(SystemProgram.transfer({ fromPubkey: signer.publicKey, toPubkey: to, lamports }))
  tx.sign(signer)
  return tx.serialize()
}

const fails = (code, message, err) => (e) => {
  assert.equal(e.code, code, e.message)
  assert.match(e.message, message)
  if (err) assert.deepEqual(e.data.err, err)
  return true
}

const send = (tx, options = {}) =>
  call(solana.url, 'sendTransaction', Buffer.from(tx).toString('base64'), { encoding: 'base64', ...options })

test('moves lamports for the Solana library', async () => {
  assert.equal((await connection.getVersion())['solana-core'].length > 0, true)
  await connection.requestAirdrop(from.publicKey, 2_000_000_000)
  assert.equal(await connection.getBalance(from.publicKey), 2_000_000_000)
  const signature = await connection.sendRawTransaction(await transfer(1_000_000_000))
  assert.equal(await connection.getBalance(to), 1_000_000_000)
  assert.equal(await connection.getBalance(from.publicKey), 1_000_000_000 - 5000)
  const { value } = await connection.getSignatureStatuses([signature, '1'.repeat(64)])
  assert.equal(value[0].err, null)
  assert.equal(value[1], null)
  const info = await connection.getAccountInfo(to)
  assert.equal(info.lamports, 1_000_000_000)
  assert.ok(info.owner.equals(SystemProgram.programId))
  assert.equal(await connection.getAccountInfo(PublicKey.unique()), null)
})

test('takes base58', async () => {
  const { default: bs58 } = await import('bs58')
  await call(solana.url, 'sendTransaction', bs58.encode(await transfer(890_880)))
})

test('refuses as a node does', async () => {
  const tx = await transfer(900_001)
  await send(tx)
  await assert.rejects(send(tx), fails(-32002, /already been processed/, 'AlreadyProcessed'))
  await assert.rejects(
    send(await transfer(1, { blockhash: PublicKey.unique().toBase58() })),
    fails(-32002, /Blockhash not found/, 'BlockhashNotFound'),
  )
  const forged = await transfer(900_002)
  forged[7] ^= 1
  await assert.rejects(send(forged), fails(-32003, /signature verification failure/))
  const unsigned = await transfer(900_003)
  unsigned.fill(0, 1, 65)
  await assert.rejects(send(unsigned), fails(-32003, /signature verification failure/))
  await assert.rejects(
    send(await transfer(10 ** 12)),
    fails(-32002, /custom program error: 0x1$/, { InstructionError: [0, { Custom: 1 }] }),
  )
  await assert.rejects(
    send(await transfer(1, { signer: Keypair.generate() })),
    fails(-32002, /no record of a prior credit/, 'AccountNotFound'),
  )
  await assert.rejects(send(Buffer.from('rubbish')), fails(-32602, /deserialize/))
  await assert.rejects(call(solana.url, 'getBalance', 'rubbish'), fails(-32602, /Invalid/))
  await assert.rejects(call(solana.url, 'noSuchMethod'), fails(-32601, /not found/))
})

test('skips preflight', async () => {
  const before = await connection.getBalance(from.publicKey)
  const signature = await send(await transfer(10 ** 12), { skipPreflight: true })
  const { value } = await connection.getSignatureStatuses([signature])
  assert.deepEqual(value[0].err, { InstructionError: [0, { Custom: 1 }] })
  assert.equal(await connection.getBalance(from.publicKey), before - 5000)
})

test('anvil is an Ethereum node', async () => {
  const anvil = await startAnvil()
  try {
    assert.equal(BigInt(await anvil.call('eth_chainId')), 11155111n)
    const who = '0x000000000000000000000000000000000000dEaD'
    await anvil.setBalance(who, 7n)
    assert.equal(await anvil.balance(who), 7n)
  } finally {
    const { code, signal } = await anvil.stop()
    assert.ok(code === 0 || signal === 'SIGTERM' || code === 143, `${code} ${signal}`)
  }
})
