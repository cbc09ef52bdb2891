// From nothing to a wallet, as an app does it.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sha256 } from '@noble/hashes/sha2.js'
import { ripemd160 } from '@noble/hashes/legacy.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { bech32 } from '@scure/base'
import bs58 from 'bs58'
import { computeAddress } from 'ethers'
import { authenticator, call, connect, found, p256Key, post, request } from './app.mjs'
import { startRedoubt } from './redoubt.mjs'

let redoubt, baseUrl
before(async () => {
  redoubt = await startRedoubt()
  baseUrl = redoubt.baseUrl
})
after(() => redoubt?.stop())

const defaultPaths = ["m/44'/501'/0'/0'", "m/44'/60'/0'/0/0", "m/84'/0'/0'/0", "m/44'/784'/0'/0'/0'"]

describe('bootstrap', () => {
  test('an organization, then a wallet with four addresses', async () => {
    const { organizationId, client, key, organization } = await found(baseUrl)
    assert.equal(organization.organizationName, 'My Org')
    assert.deepEqual(organization.users.map((u) => u.username), ['admin'])
    assert.equal(organization.users[0].policy.type, 'ROOT')

    const wallet = await client.createWallet('W1')
    assert.deepEqual(
      wallet.addresses.map((a) => a.addressType),
      ['Solana', 'Ethereum', 'BitcoinSegwit', 'Sui'],
    )
    const accounts = await call(baseUrl, key, 'getAccounts', {
      organizationId, walletId: wallet.walletId, accounts: defaultPaths,
    })
    assert.deepEqual(accounts.map((a) => a.derivationPath), defaultPaths)
    assert.deepEqual(accounts.map((a) => a.address), wallet.addresses.map((a) => a.address))
    assert.deepEqual(accounts.map((a) => a.address), accounts.map(addressOf))
    // A second look derives the same; another index and another wallet derive others.
    assert.deepEqual(await client.getWalletAddresses(wallet.walletId), wallet.addresses)
    const seen = new Set(wallet.addresses.map((a) => a.address))
    const others = [
      ...(await client.getWalletAddresses(wallet.walletId, undefined, 1)),
      ...(await client.createWallet('W2')).addresses,
    ]
    for (const { address } of others) assert.ok(!seen.has(address), address)
  })

  test('the founder may stamp with a key of the new organization, and with no other', async () => {
    const key = p256Key()
    const user = { username: 'admin', authenticators: [authenticator(key, 'k')], policy: { type: 'ROOT' } }
    const body = request('createOrganization', { organizationName: 'Stamped', users: [user] })
    const { status, json } = await post(baseUrl, body, { key })
    assert.equal(status, 200, JSON.stringify(json))
    assert.ok(json.result.organizationId)
    const again = request('createOrganization', { organizationName: 'Stamped too', users: [user] })
    assert.equal((await post(baseUrl, again, { key: p256Key() })).status, 401)
  })

  test('the state survives a restart', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'redoubt-'))
    const data = join(scratch, 'data')
    const first = await startRedoubt({ data })
    const { key, organizationId, client } = await found(first.baseUrl)
    const wallet = await client.createWallet('Kept')
    await first.stop()
    const second = await startRedoubt({ data })
    try {
      const again = connect(second.baseUrl, key, organizationId)
      assert.deepEqual(await again.getWalletAddresses(wallet.walletId), wallet.addresses)
      assert.equal((await again.getWallets()).totalCount, 1)
    } finally {
      await second.stop()
      await rm(scratch, { recursive: true, force: true })
    }
  })
})

// addressOf writes the address of an account's public key by other means than the server's.
function addressOf({ addressFormat, publicKey }) {
  const key = bs58.decode(publicKey)
  switch (addressFormat) {
    case 'Solana':
      return bs58.encode(key)
    case 'Ethereum':
      return computeAddress('0x' + Buffer.from(key).toString('hex'))
    case 'BitcoinSegwit':
      return bech32.encode('bc', [0, ...bech32.toWords(ripemd160(sha256(key)))])
    case 'Sui':
      return '0x' + Buffer.from(blake2b(Uint8Array.from([0, ...key]), { dkLen: 32 })).toString('hex')
  }
}
