// Ethereum transactions of types 3 (blobs, EIP-4844) and 4 (set code, EIP-7702), read by two libraries and run by a local
// chain. The first cannot be published without its blobs, which are no part of what is signed: the sender adds them.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { NetworkId } from '@phantom/client'
import { Signature, Transaction, Wallet, hashAuthorization, parseEther } from 'ethers'
import { fromRlp, keccak256, parseTransaction, recoverTransactionAddress, serializeTransaction, sha256, toRlp } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { ethereumPath, found, post, request, unb64u } from './app.mjs'
import { startWorld } from './world.mjs'

const networkId = NetworkId.ETHEREUM_SEPOLIA
const chainId = 11155111
const to = '0x000000000000000000000000000000000000dEaD'
const delegate = '0x00000000000000000000000000000000c0de0001'
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

const nonce = async (of = me) => Number(await world.ethereum.call('eth_getTransactionCount', of, 'pending'))
const hex = (text) => '0x' + Buffer.from(unb64u(text)).toString('hex')
const raw = (transaction, more = {}) =>
  post(world.baseUrl, request('signTransaction', { organizationId, walletId, transaction, derivationInfo, ...more }), { key })
const sign = async (transaction) => hex((await client.signTransaction({ walletId, transaction, networkId })).rawTransaction)
// json writes what libraries hold: large integers as text.
const json = (object) => JSON.parse(JSON.stringify(object, (_, v) => (typeof v === 'bigint' ? v.toString() : v)))

const fields = async () => ({
  chainId, nonce: await nonce(), gas: 100_000n, to, value: 3n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n,
  accessList: [{ address: to, storageKeys: ['0x' + '11'.repeat(32)] }],
})

// sameToBoth holds a signed transaction against what ethers and viem make of it.
async function sameToBoth(signed, unsigned) {
  const back = Transaction.from(signed)
  assert.equal(back.from, me)
  assert.equal(back.unsignedSerialized, unsigned)
  assert.equal(back.serialized, signed)
  assert.equal(back.hash, keccak256(signed))
  assert.equal(await recoverTransactionAddress({ serializedTransaction: signed }), me)
  const { r, s, yParity, ...rest } = parseTransaction(signed)
  assert.equal(serializeTransaction(rest, { r, s, yParity }), signed)
}

describe('set code (EIP-7702)', () => {
  test('a signed authorization gives an account its code', async () => {
    const authority = privateKeyToAccount('0x' + '5a'.repeat(32))
    const consent = await authority.signAuthorization({ address: delegate, chainId, nonce: await nonce(authority.address) })
    const tx = { ...(await fields()), type: 'eip7702', authorizationList: [consent] }
    const unsigned = serializeTransaction(tx)
    const signed = await sign(unsigned)
    await sameToBoth(signed, unsigned)
    const object = await raw({ kind: 'EIP_7702', ...json(tx) })
    assert.equal(object.status, 200, object.text)
    assert.equal(hex(object.json.result.transaction), signed)
    const hash = await world.ethereum.call('eth_sendRawTransaction', signed)
    assert.equal(hash, Transaction.from(signed).hash)
    assert.equal((await world.ethereum.receipt(hash)).status, '0x1')
    assert.equal(await world.ethereum.call('eth_getCode', authority.address, 'latest'), '0xef0100' + delegate.slice(2))
  })

  test('an authorization of another library, taken back, and sent by Redoubt', async () => {
    const authority = new Wallet('0x' + '5a'.repeat(32))
    const consent = await authority.authorize({ address: '0x' + '00'.repeat(20), chainId, nonce: await nonce(authority.address) })
    const { gas, ...rest } = await fields()
    const unsigned = Transaction.from({ type: 4, ...rest, gasLimit: gas, authorizationList: [consent] }).unsignedSerialized
    const { hash, rawTransaction } = await client.signAndSendTransaction({ walletId, transaction: unsigned, networkId })
    await sameToBoth(hex(rawTransaction), unsigned)
    assert.equal((await world.ethereum.receipt(hash)).status, '0x1')
    assert.equal(await world.ethereum.call('eth_getCode', authority.address, 'latest'), '0x')
    const object = await raw({ kind: 'EIP_7702', ...json({ ...rest, gasLimit: gas, authorizationList: [consent] }) })
    assert.equal(object.status, 200, object.text)
    assert.equal(hex(object.json.result.transaction), hex(rawTransaction))
  })

  test('an authorization is not signed as text', async () => {
    // This text is UTF-8, and an authorization: a list of chain id 0x41c2, an address of 20 letters, and nonce 0x61.
    const bytes = Buffer.from('05d98241c294' + '6c'.repeat(20) + '61', 'hex')
    const message = bytes.toString()
    assert.deepEqual(Buffer.from(message), bytes)
    assert.equal(hashAuthorization({ chainId: 0x41c2, address: '0x' + '6c'.repeat(20), nonce: 0x61 }), keccak256(bytes))
    const text = (message) => post(world.baseUrl, request('signUtf8Message', {
      organizationId, walletId, derivationInfo, algorithm: 'Secp256k1Keccak256', message,
    }), { key })
    const refused = await text(message)
    assert.equal(refused.status, 400, refused.text)
    assert.match(refused.json.message, /authorization/)
    assert.equal((await text(message.slice(2))).status, 200)
  })

  test('what no network takes is refused', async () => {
    const authority = privateKeyToAccount('0x' + '5a'.repeat(32))
    const consent = json(await authority.signAuthorization({ address: delegate, chainId, nonce: 9 }))
    const good = json(await fields())
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    for (const [name, list] of Object.entries({
      'no list': undefined,
      'empty list': [],
      'parity of 2': [{ ...consent, v: undefined, yParity: 2 }],
      'parity against v': [{ ...consent, yParity: 1 - consent.yParity }],
      'high s': [{ ...consent, s: '0x' + (order - BigInt(consent.s)).toString(16) }],
      'r of zero': [{ ...consent, r: '0x00' }],
      'unsigned': [{ address: delegate, chainId, nonce: 1 }],
    })) {
      const { status, text } = await raw({ kind: 'EIP_7702', ...good, authorizationList: list })
      assert.equal(status, 400, `${name}: ${text}`)
    }
  })
})

describe('blobs (EIP-4844)', () => {
  const blobs = { maxFeePerBlobGas: 5n, blobVersionedHashes: ['0x01' + '22'.repeat(31), '0x01' + '33'.repeat(31)] }

  test('the transaction is signed without its blobs', async () => {
    const tx = { ...(await fields()), type: 'eip4844', ...blobs }
    const unsigned = serializeTransaction({ ...tx, sidecars: false })
    const signed = await sign(unsigned)
    await sameToBoth(signed, unsigned)
    assert.deepEqual(parseTransaction(signed).blobVersionedHashes, blobs.blobVersionedHashes)
    const object = await raw({ kind: 'EIP_4844', ...json(tx) })
    assert.equal(object.status, 200, object.text)
    assert.equal(hex(object.json.result.transaction), signed)
  })

  test('with its blobs put back, the chain takes it', async () => {
    // A blob of zeros: its commitment and its proofs are the point at infinity.
    const infinity = '0xc0' + '00'.repeat(47)
    const blobVersionedHashes = ['0x01' + sha256(infinity).slice(4)]
    const tx = { ...(await fields()), type: 'eip4844', maxFeePerBlobGas: 10n ** 9n, blobVersionedHashes }
    const signed = await sign(serializeTransaction(tx))
    const sidecar = ['0x01', ['0x' + '00'.repeat(131072)], [infinity], Array(128).fill(infinity)]
    const whole = '0x03' + toRlp([fromRlp('0x' + signed.slice(4), 'hex'), ...sidecar]).slice(2)
    const before = await world.ethereum.balance(to)
    const hash = await world.ethereum.call('eth_sendRawTransaction', whole)
    assert.equal(hash, keccak256(signed))
    const receipt = await world.ethereum.receipt(hash)
    assert.equal(receipt.status, '0x1')
    assert.equal(receipt.type, '0x3')
    assert.equal((await world.ethereum.balance(to)) - before, 3n)
  })

  test('with its blobs it is refused, and says why', async () => {
    const { gas, ...rest } = await fields()
    const sidecars = [{ blob: '0x00', commitment: '0x' + '11'.repeat(48), proof: '0x' + '22'.repeat(48) }]
    const signature = Signature.from('0x' + '11'.repeat(64) + '1b')
    const wrapped = serializeTransaction(
      { ...rest, gas, type: 'eip4844', ...blobs, blobs: ['0x00'], sidecars },
      { r: signature.r, s: signature.s, yParity: signature.yParity },
    )
    const { status, json: answer, text } = await raw({ kind: 'RLP_ENCODED', bytes: wrapped })
    assert.equal(status, 400, text)
    assert.match(answer.message, /blobs, commitments and proofs/)
    const object = await raw({ kind: 'EIP_4844', ...json({ ...rest, gas, ...blobs, sidecars }) })
    assert.equal(object.status, 400, object.text)
    assert.match(object.json.message, /blobs, commitments and proofs/)
  })
})
