// What nodes say of transactions before they are signed.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Keypair, LAMPORTS_PER_SOL, Connection, PublicKey, SystemProgram, Transaction } from '@solana/web3.js'
import { serializeTransaction } from 'viem'
import { b64u, ed25519Key, ethereumPath, found, post, solanaPath } from './app.mjs'
import { startWorld } from './world.mjs'

let world, key, of, me, connection
before(async () => {
  world = await startWorld()
  connection = new Connection(world.solana.url, 'confirmed')
  const made = await found(world.baseUrl)
  key = made.key
  const wallet = await made.client.createWallet('w')
  of = { organizationId: made.organizationId, walletId: wallet.walletId }
  me = new PublicKey(wallet.addresses.find((a) => a.addressType === 'Solana').address)
  await connection.requestAirdrop(me, LAMPORTS_PER_SOL)
})
after(() => world?.stop())

const simulate = (body, by = key) => post(world.baseUrl, JSON.stringify(body), { key: by, path: '/simulations' })

async function pay(lamports) {
  const { blockhash } = await connection.getLatestBlockhash()
  const tx = new Transaction({ feePayer: me, recentBlockhash: blockhash })
  tx.add(SystemProgram.transfer({ fromPubkey: me, toPubkey: Keypair.generate().publicKey, lamports }))
  return tx.serialize({ requireAllSignatures: false, verifySignatures: false })
}

test('Solana: what would go well, and what would not', async () => {
  const derivationInfo = { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Solana' }
  for (const transaction of [[...(await pay(LAMPORTS_PER_SOL / 2))], b64u(await pay(LAMPORTS_PER_SOL / 2))]) {
    const { status, json } = await simulate({ transaction, ...of, derivationInfo })
    assert.equal(status, 200, JSON.stringify(json))
    assert.equal(json.success, true)
    assert.ok(json.logs.some((l) => l.includes('success')) && json.unitsConsumed > 0 && json.simulationId)
  }
  const { json } = await simulate({ transaction: [...(await pay(LAMPORTS_PER_SOL * 2))], ...of, derivationInfo })
  assert.equal(json.success, false)
  assert.ok(json.error)
  assert.equal(await connection.getBalance(me), LAMPORTS_PER_SOL)
  assert.equal(world.solana.node.received, 0)
})

test('EVM: gas, or why not', async () => {
  const tx = (fields) => [...Buffer.from(serializeTransaction({ chainId: 11155111, gas: 99000n, maxFeePerGas: 1n, type: 'eip1559', ...fields }).slice(2), 'hex')]
  const ask = async (fields) => (await simulate({ transaction: tx(fields), ...of, derivationInfo: ethereumPath() })).json
  const nothing = await ask({ to: '0x000000000000000000000000000000000000dEaD' })
  assert.equal(nothing.success, true, JSON.stringify(nothing))
  assert.equal(nothing.unitsConsumed, 21000)
  const invalid = await ask({ data: '0xfe' }) // a contract that cannot be made
  assert.equal(invalid.success, false)
  assert.ok(invalid.error)
})

test('what cannot be asked', async () => {
  const good = { transaction: [...(await pay(1))], ...of, derivationInfo: solanaPath() }
  for (const [status, body, by] of [
    [400, { ...good, transaction: [1, 2, 3] }], [400, { ...good, transaction: [256] }], [400, { ...good, transaction: 'AAAA' }],
    [400, { ...good, more: 1 }], [400, { ...good, derivationInfo: "m/84'/0'/0'/0" }],
    [404, { ...good, walletId: of.organizationId }], [401, good, ed25519Key()],
    [400, { ...good, derivationInfo: ethereumPath(), transaction: [...Buffer.from(serializeTransaction({ chainId: 5, to: `0x${'11'.repeat(20)}`, type: 'eip1559' }).slice(2), 'hex')] }],
  ]) {
    const { status: got, json } = await simulate(body, by)
    assert.equal(got, status, `${JSON.stringify(body).slice(0, 100)}: ${JSON.stringify(json)}`)
    assert.ok(json.type && json.requestId)
  }
})
