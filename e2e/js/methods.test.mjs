// The methods of the contract that manage an organization and sign messages, through the published client where
// it has them.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { NetworkId } from '@phantom/client'
import bs58 from 'bs58'
import { verifyMessage as ethersVerify, verifyTypedData as ethersVerifyTypedData } from 'ethers'
import { recoverMessageAddress, recoverTypedDataAddress } from 'viem'
import {
  authenticator, b64u, call, connect, ed25519Key, ethereumPath, found, post, request, solanaPath, unb64u,
} from './app.mjs'
import { startRedoubt } from './redoubt.mjs'

let redoubt, baseUrl, organizationId, key, client
before(async () => {
  redoubt = await startRedoubt()
  baseUrl = redoubt.baseUrl
  ;({ organizationId, key, client } = await found(baseUrl))
})
after(() => redoubt?.stop())

const status = (code) => (e) => {
  assert.equal(e.response?.status, code, e.message)
  assert.ok(e.response.data.message && e.message.includes(e.response.data.message), e.message)
  return true
}

describe('organization', () => {
  test('getOrganization shows users and keys', async () => {
    const organization = await client.getOrganization(organizationId)
    assert.equal(organization.organizationId, organizationId)
    const [admin] = organization.users
    assert.equal(admin.authenticators[0].publicKey, b64u(key.publicKey))
    assert.equal(typeof admin.authenticators[0].createdAtMs, 'string')
    assert.equal(typeof admin.createdAtMs, 'number')
  })

  test('createAuthenticator lets a second key in, deleteAuthenticator locks it out', async () => {
    const second = ed25519Key()
    const made = await client.createAuthenticator({
      organizationId, username: 'admin', authenticatorName: 'second',
      authenticator: authenticator(second, 'second', { expiresInMs: 3_600_000 }), replaceExpirable: true,
    })
    assert.ok(made.id)
    assert.ok(Date.parse(made.expiresAtMs) > Date.now())
    const other = connect(baseUrl, second, organizationId)
    await other.getWallets()
    await client.deleteAuthenticator({ organizationId, username: 'admin', authenticatorId: made.id })
    await assert.rejects(other.getWallets(), status(401))
  })

  test('a full house replaces the key that expires first, if told to', async () => {
    const { client, organizationId, key } = await found(baseUrl)
    const add = (name, replaceExpirable) => client.createAuthenticator({
      organizationId, username: 'admin', authenticatorName: name, replaceExpirable,
      authenticator: authenticator(ed25519Key(), name, { expiresInMs: 3_600_000 }),
    })
    const made = []
    let error
    for (let i = 0; !error && i < 50; i++) error = await add(`k${i}`, false).then((a) => (made.push(a.id), undefined), (e) => e)
    assert.equal(error.response?.status, 400, error.message)
    const { id } = await add('one more', true)
    const [admin] = (await client.getOrganization(organizationId)).users
    const ids = admin.authenticators.map((a) => a.id)
    assert.deepEqual(ids.filter((i) => made.includes(i)), made.slice(1), 'the oldest that expires made room')
    assert.ok(ids.includes(id))
    assert.ok(admin.authenticators.some((a) => a.publicKey === b64u(key.publicKey)), 'the founder stays')
  })

  test('a key may be spelt as an array of bytes', async () => {
    const third = ed25519Key()
    await call(baseUrl, key, 'createAuthenticator', {
      organizationId, username: 'admin',
      authenticator: { ...authenticator(third, 'bytes'), publicKey: [...third.publicKey] },
    })
    await connect(baseUrl, third, organizationId).getWallets()
  })

  test('addUserToOrganization confines a user to one wallet', async () => {
    const mine = await client.createWallet('for the app')
    const theirs = await client.createWallet('for nobody else')
    const guest = ed25519Key()
    await client.addUserToOrganization({
      organizationId, replaceExpirable: true,
      user: {
        username: 'guest', authenticators: [authenticator(guest, 'guest')], traits: { appId: 'app-1' },
        policy: { type: 'CEL', preset: 'DAPP_CONNECTION_USER', walletId: mine.walletId }, expiresInMs: 3_600_000,
      },
    })
    const app = connect(baseUrl, guest, organizationId)
    const sign = (walletId) => app.signUtf8Message({ walletId, message: 'hi', networkId: NetworkId.SOLANA_DEVNET })
    assert.ok(await sign(mine.walletId))
    await assert.rejects(sign(theirs.walletId), status(403))
    await assert.rejects(app.createWallet('no'), status(403))
    await assert.rejects(
      app.createAuthenticator({
        organizationId, username: 'admin', authenticatorName: 'x', authenticator: authenticator(ed25519Key(), 'x'),
      }),
      status(403),
    )
  })

  test('a plain user signs but does not administer', async () => {
    const plain = ed25519Key()
    const { client: admin, organizationId: id } = await found(baseUrl, {
      users: [{ username: 'plain', role: 'USER', authenticators: [authenticator(plain, 'p')] }],
    })
    const { walletId } = await admin.createWallet('shared')
    const user = connect(baseUrl, plain, id)
    assert.ok(await user.signUtf8Message({ walletId, message: 'hi', networkId: NetworkId.SOLANA_DEVNET }))
    await assert.rejects(
      user.addUserToOrganization({
        organizationId: id,
        user: { username: 'mallory', policy: { type: 'ROOT' }, authenticators: [], traits: { appId: 'a' } },
      }),
      status(403),
    )
  })

  // The published clients have no call for it.
  test('deleteUserFromOrganization locks all keys of a user out, and spares the last administrator', async () => {
    const first = ed25519Key()
    const second = ed25519Key()
    const { client: admin, organizationId: id, key: adminKey } = await found(baseUrl, {
      users: [{ username: 'leaver', role: 'USER', authenticators: [authenticator(first, '1'), authenticator(second, '2')] }],
    })
    for (const k of [first, second]) await connect(baseUrl, k, id).getWallets()
    const left = await call(baseUrl, adminKey, 'deleteUserFromOrganization', { organizationId: id, username: 'leaver' })
    assert.deepEqual(left.users.map((u) => u.username), ['admin'])
    for (const k of [first, second]) await assert.rejects(connect(baseUrl, k, id).getWallets(), status(401))
    await assert.rejects(call(baseUrl, adminKey, 'deleteUserFromOrganization', { organizationId: id, username: 'admin' }), /ROOT/)
    await admin.getWallets()
  })

  test('other organizations are out of reach', async () => {
    const stranger = await found(baseUrl)
    const { walletId } = await client.createWallet('private')
    // Somebody else's organization and one that does not exist look the same.
    const answers = []
    for (const id of [organizationId, randomUUID()]) {
      answers.push(await stranger.client.getOrganization(id).then(() => assert.fail('shown'), (e) => e.response))
      await assert.rejects(connect(baseUrl, stranger.key, id).getWallets())
    }
    assert.ok([401, 404].includes(answers[0].status), `${answers[0].status}`)
    assert.deepEqual({ ...answers[0].data, requestId: '' }, { ...answers[1].data, requestId: '' })
    await assert.rejects(stranger.client.getWalletAddresses(walletId), (e) => [403, 404].includes(e.response.status))
  })
})

describe('wallets', () => {
  test('getOrganizationWallets pages in order', async () => {
    const { client } = await found(baseUrl)
    const made = []
    for (const name of ['a', 'b', 'c']) made.push((await client.createWallet(name)).walletId)
    const page = await client.getWallets(2, 1)
    assert.deepEqual(page.wallets.map((w) => w.walletId), made.slice(1))
    assert.deepEqual([page.totalCount, page.limit, page.offset], [3, 2, 1])
  })

  test('an identical createWallet makes one wallet, at once or later', async () => {
    const { client, organizationId, key } = await found(baseUrl)
    const body = request('createWallet', { organizationId, walletName: 'once', accounts: [solanaPath()] })
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => post(baseUrl, body, { key })))
    answers.push(await post(baseUrl, body, { key }))
    for (const { status, json, text } of answers) {
      assert.equal(status, 200, text)
      assert.deepEqual(json.result, answers[0].json.result)
    }
    assert.equal((await client.getWallets()).totalCount, 1)
  })

  test('getOrCreateWalletWithTag makes one wallet, however often it is asked', async () => {
    const params = {
      organizationId, walletName: 'App Wallet', tag: 'app-123', mnemonicLength: 24,
      accounts: [
        { curve: 'Ed25519', derivationPath: solanaPath(), addressFormat: 'Solana' },
        { curve: 'Secp256k1', derivationPath: ethereumPath(), addressFormat: 'Ethereum' },
      ],
    }
    const all = await Promise.all([1, 2, 3, 4].map(() => call(baseUrl, key, 'getOrCreateWalletWithTag', params)))
    assert.equal(new Set(all.map((w) => w.walletId)).size, 1)
    assert.deepEqual(all[0].accounts.map((a) => a.addressFormat), ['Solana', 'Ethereum'])
    const found = await client.getWalletWithTag({
      organizationId, tag: 'app-123', derivationPaths: [solanaPath()],
    })
    assert.equal(found.walletId, all[0].walletId)
    assert.equal(found.accounts[0].address, all[0].accounts[0].address)
  })

  test('getWalletWithTag finds nothing without failing', async () => {
    const none = await client.getWalletWithTag({ organizationId, tag: 'no such', derivationPaths: [solanaPath()] })
    assert.equal(none, null)
  })
})

describe('messages', () => {
  let walletId, solana, ethereum
  before(async () => {
    const wallet = await client.createWallet('signer')
    walletId = wallet.walletId
    ;[solana, ethereum] = wallet.addresses.map((a) => a.address)
  })

  test('signUtf8Message signs the bytes of the text', async () => {
    for (const message of ['héllo', 'a'.repeat(10_000), '🗝 \u0000\n"quoted"']) {
      const signature = await client.signUtf8Message({ walletId, message, networkId: NetworkId.SOLANA_DEVNET })
      assert.ok(ed25519.verify(unb64u(signature), Buffer.from(message), bs58.decode(solana)), message)
    }
  })

  test('ethereumSignMessage is EIP-191', async () => {
    for (const bytes of [Buffer.from('hello'), Buffer.from('héllo'), Buffer.from([0, 255, 128])]) {
      for (const message of [b64u(bytes), bytes.toString('base64')]) {
        const signature = await client.ethereumSignMessage({ walletId, message, networkId: NetworkId.ETHEREUM_SEPOLIA })
        const hex = '0x' + Buffer.from(unb64u(signature)).toString('hex')
        assert.equal(hex.length, 132)
        assert.ok(['1b', '1c'].includes(hex.slice(-2)))
        assert.equal(await recoverMessageAddress({ message: { raw: bytes }, signature: hex }), ethereum)
        assert.equal(ethersVerify(bytes, hex), ethereum)
      }
    }
  })

  test('ethereumSignTypedData is EIP-712', async () => {
    const typedData = {
      types: {
        EIP712Domain: [{ name: 'name', type: 'string' }, { name: 'chainId', type: 'uint256' }],
        Mail: [{ name: 'to', type: 'address' }, { name: 'n', type: 'uint256' }],
      },
      primaryType: 'Mail',
      domain: { name: 'D', chainId: 1 },
      message: { to: '0x000000000000000000000000000000000000dEaD', n: 5 },
    }
    const signature = await client.ethereumSignTypedData({
      walletId, typedData, networkId: NetworkId.ETHEREUM_MAINNET, derivationIndex: 1,
    })
    const hex = '0x' + Buffer.from(unb64u(signature)).toString('hex')
    const [, second] = await client.getWalletAddresses(walletId, undefined, 1)
    assert.equal(await recoverTypedDataAddress({ ...typedData, signature: hex }), second.address)
    const { EIP712Domain: _, ...types } = typedData.types
    assert.equal(ethersVerifyTypedData(typedData.domain, types, typedData.message, hex), second.address)
  })

  test('a dozen identical calls at once all succeed', async () => {
    const calls = Array.from({ length: 12 }, () =>
      client.signUtf8Message({ walletId, message: 'all at once', networkId: NetworkId.SOLANA_DEVNET }))
    assert.equal(new Set(await Promise.all(calls)).size, 1)
  })

  test('a key is not lent to another protocol', async () => {
    const crossed = { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Sui' }
    await assert.rejects(
      call(baseUrl, key, 'signUtf8Message', {
        organizationId, walletId, message: 'x', algorithm: 'Ed25519', derivationInfo: crossed,
      }),
      /signUtf8Message: 400/,
    )
  })
})
