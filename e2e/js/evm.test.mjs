// Ethereum transactions, from the shapes that the libraries make to moved ether.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { NetworkId } from '@phantom/client'
import { Transaction, parseEther } from 'ethers'
import { parseTransaction, recoverTransactionAddress, serializeTransaction } from 'viem'
import { b64u, ethereumPath, found, post, request, unb64u } from './app.mjs'
import { startWorld } from './world.mjs'

const networkId = NetworkId.ETHEREUM_SEPOLIA
const chainId = 11155111n
const to = '0x000000000000000000000000000000000000dEaD'
const derivationInfo = { derivationPath: ethereumPath(), curve: 'Secp256k1', addressFormat: 'Ethereum' }
let world, client, key, organizationId, walletId, me

before(async () => {
  world = await startWorld()
  ;({ client, key, organizationId } = await found(world.baseUrl))
  const wallet = await client.createWallet('ethereum')
  walletId = wallet.walletId
  me = wallet.addresses[1].address
  await world.ethereum.setBalance(me, parseEther('10'))
})
after(() => world?.stop())

const nonce = async () => Number(await world.ethereum.call('eth_getTransactionCount', me, 'pending'))
const hex = (text) => '0x' + Buffer.from(unb64u(text)).toString('hex')

// transaction makes one of each kind that wallets send.
async function transaction(type, fields = {}) {
  const common = { type, chainId, nonce: await nonce(), gasLimit: 60_000n, to, value: parseEther('0.25'), ...fields }
  const fees = type === 2
    ? { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n }
    : { gasPrice: 10n ** 10n }
  const list = type === 0 ? {} : { accessList: [{ address: to, storageKeys: ['0x' + '11'.repeat(32)] }] }
  return Transaction.from({ ...common, ...fees, ...list })
}

// raw calls signTransaction without the client.
const raw = (transaction, more = {}) =>
  post(world.baseUrl, request('signTransaction', {
    organizationId, walletId, transaction, derivationInfo, ...more,
  }), { key })

const sepolia = { submissionConfig: { chain: 'ethereum', network: 'sepolia' } }

describe('signing', () => {
  for (const [type, name] of [[0, 'legacy (EIP-155)'], [1, 'access list (EIP-2930)'], [2, 'dynamic fee (EIP-1559)']]) {
    test(name, async () => {
      const tx = await transaction(type)
      const signed = hex((await client.signTransaction({ walletId, transaction: tx.unsignedSerialized, networkId })).rawTransaction)
      const back = Transaction.from(signed)
      assert.equal(back.from, me)
      assert.equal(back.unsignedSerialized, tx.unsignedSerialized)
      assert.equal(back.serialized, signed)
      assert.equal(await recoverTransactionAddress({ serializedTransaction: signed }), me)
      const before = await world.ethereum.balance(to)
      const hash = await world.ethereum.call('eth_sendRawTransaction', signed)
      assert.equal(hash, back.hash)
      assert.equal((await world.ethereum.receipt(hash)).status, '0x1')
      assert.equal((await world.ethereum.balance(to)) - before, parseEther('0.25'))
    })
  }

  test('the same transaction from another library, and as JSON', async () => {
    const fields = {
      chainId: Number(chainId), nonce: await nonce(), gas: 21_000n, to, value: 1n,
      maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n,
    }
    const { status, json, text } = await raw({ kind: 'RLP_ENCODED', bytes: serializeTransaction(fields) })
    assert.equal(status, 200, text)
    const signed = hex(json.result.transaction)
    assert.equal(json.result.kind, 'ETHEREUM')
    assert.equal(json.result.address, me)
    assert.equal(json.result.rawTransactionHex, signed)
    assert.equal(parseTransaction(signed).value, 1n)
    assert.equal(Transaction.from(signed).from, me)
    const object = await raw({
      kind: 'EIP_1559', chainId: fields.chainId, nonce: fields.nonce, gasLimit: 21_000, to, value: '1',
      maxFeePerGas: 10 ** 10, maxPriorityFeePerGas: 1,
    })
    assert.equal(object.status, 200, object.text)
    assert.equal(object.json.result.transaction, json.result.transaction)
  })

  test('contract creation and calls keep their data', async () => {
    const create = await transaction(2, { to: null, data: '0x60006000f3', value: 0n })
    const signed = hex((await client.signTransaction({ walletId, transaction: create.unsignedSerialized, networkId })).rawTransaction)
    assert.equal(Transaction.from(signed).to, null)
    assert.equal(Transaction.from(signed).data, '0x60006000f3')
  })

  test('what is not plain is refused', async () => {
    const bytes = (await transaction(2)).unsignedSerialized
    for (const [name, wrong] of Object.entries({
      'trailing byte': bytes + '00',
      'cut off': bytes.slice(0, -2),
      'unknown type': '0x7f' + bytes.slice(4),
      'signed already': Transaction.from({ ...(await transaction(2)).toJSON(), signature: '0x' + '11'.repeat(64) + '1b' }).serialized,
      'odd digits': bytes.slice(0, -1),
      'not hex': '0xzz',
      'empty': '0x',
    })) {
      const { status, text } = await raw({ kind: 'RLP_ENCODED', bytes: wrong })
      assert.equal(status, 400, `${name}: ${text}`)
    }
    const kind = await raw({ kind: 'NO_SUCH_KIND', bytes })
    assert.equal(kind.status, 400, kind.text)
    const solana = await raw(b64u(Buffer.from(bytes.slice(2), 'hex')))
    assert.equal(solana.status, 400, solana.text)
  })

  test('the chain in the bytes must be the network of the submission', async () => {
    const mainnet = await transaction(2, { chainId: 1n })
    const { status, text } = await raw({ kind: 'RLP_ENCODED', bytes: mainnet.unsignedSerialized }, sepolia)
    assert.equal(status, 400, text)
    await assert.rejects(
      client.signAndSendTransaction({ walletId, transaction: mainnet.unsignedSerialized, networkId }),
      (e) => e.response.status === 400 && /chain/i.test(e.message),
    )
  })
})

test('a contract is made and called', async () => {
  // What it is called with, it stores: SSTORE(0, CALLDATALOAD(0)).
  const create = await transaction(2, { to: null, data: '0x666000356000550060005260076019f3', value: 0n, gasLimit: 200_000n })
  const submit = async (tx) => {
    const signed = hex((await client.signTransaction({ walletId, transaction: tx.unsignedSerialized, networkId })).rawTransaction)
    return world.ethereum.receipt(await world.ethereum.call('eth_sendRawTransaction', signed))
  }
  const { contractAddress, status } = await submit(create)
  assert.equal(status, '0x1')
  const word = '0x' + '00'.repeat(30) + 'cafe'
  for (const type of [0, 1, 2]) {
    assert.equal((await submit(await transaction(type, { to: contractAddress, data: word.slice(0, -1) + type, value: 0n }))).status, '0x1')
    assert.equal(await world.ethereum.call('eth_getStorageAt', contractAddress, '0x0', 'latest'), word.slice(0, -1) + type)
  }
})

test('sign and send moves ether', async () => {
  const before = await world.ethereum.balance(to)
  const tx = await transaction(2, { value: parseEther('0.5') })
  const { hash, rawTransaction } = await client.signAndSendTransaction({ walletId, transaction: tx.unsignedSerialized, networkId })
  assert.equal(hash, Transaction.from(hex(rawTransaction)).hash)
  const receipt = await world.ethereum.receipt(hash)
  assert.equal(receipt.status, '0x1')
  assert.equal((await world.ethereum.balance(to)) - before, parseEther('0.5'))
})

test('a second account pays from its own address', async () => {
  const [, { address }] = await client.getWalletAddresses(walletId, undefined, 3)
  await world.ethereum.setBalance(address, parseEther('1'))
  const tx = await transaction(2, { nonce: 0, value: parseEther('0.125') })
  const { hash } = await client.signAndSendTransaction({
    walletId, transaction: tx.unsignedSerialized, networkId, derivationIndex: 3,
  })
  const receipt = await world.ethereum.receipt(hash)
  assert.equal(receipt.from, address.toLowerCase())
})
