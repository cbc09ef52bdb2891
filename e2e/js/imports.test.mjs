// Import and export of wallets with an HPKE of others: docs/spec/envelope.md, read by somebody else.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Keypair } from '@solana/web3.js'
import { Wallet as EthersWallet, HDNodeWallet, Mnemonic } from 'ethers'
import { call, ethereumPath, found, post, request, solanaPath } from './app.mjs'
import { b64, encrypt, info, plain, sha256, suiteOf, suites, unb64, uuid } from './envelope.mjs'
import { startRedoubt, verifyReceipt } from './redoubt.mjs'

let redoubt, key, organizationId
before(async () => {
  redoubt = await startRedoubt()
  ;({ key, organizationId } = await found(redoubt.baseUrl))
})
after(() => redoubt?.stop())

const rpc = (method, params) => call(redoubt.baseUrl, key, method, { organizationId, ...params })

async function bring(name, secret, params = {}) {
  const importEnvelope = await rpc('initWalletImport', name === 'X25519' ? {} : { kem: name })
  const encryptedSecret = await encrypt(organizationId, name, importEnvelope, secret)
  return rpc('completeImportWallet', { importEnvelope, encryptedSecret, walletName: 'imported', ...params })
}

// takeOut exports a wallet and opens what comes.
async function takeOut(name, walletId) {
  const suite = suiteOf(name)
  const pair = await suite.kem.generateKeyPair()
  const publicKey = Buffer.from(await suite.kem.serializePublicKey(pair.publicKey))
  const body = request('exportWallet', { organizationId, walletId, publicKey: b64(publicKey) })
  const answer = await post(redoubt.baseUrl, body, { key })
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(Object.keys(answer.json.result), ['encryptedBundle'])
  const sealed = unb64(answer.json.result.encryptedBundle)
  const open = async (context) => {
    const recipient = await suite.createRecipientContext({
      recipientKey: pair.privateKey, enc: sealed.subarray(0, suites[name].encapsulated), info: context,
    })
    return Buffer.from(await recipient.open(sealed.subarray(suites[name].encapsulated)))
  }
  await assert.rejects(open(info('exportWallet', organizationId, uuid(walletId), sha256('{}'), publicKey)))
  const opened = await open(info('exportWallet', organizationId, uuid(walletId), sha256(body), publicKey))
  assert.equal(opened.length, 256)
  assert.ok(opened.subarray(3 + opened[2]).every((b) => b === 0))
  const again = await post(redoubt.baseUrl, body, { key })
  assert.equal(again.text, answer.text)
  return { kind: opened[1], secret: opened.subarray(3, 3 + opened[2]) }
}

for (const name of Object.keys(suites)) {
  describe(name, () => {
    for (const size of [16, 20, 24, 28, 32]) {
      test(`a mnemonic of ${size * 3 / 4} words`, async () => {
        const entropy = randomBytes(size)
        const mnemonic = Mnemonic.fromEntropy(entropy)
        const wallet = await bring(name, plain(1, Buffer.from(mnemonic.phrase)), { accounts: [ethereumPath(), solanaPath()] })
        assert.equal(wallet.type, 'MNEMONIC')
        assert.equal(wallet.accounts[0].address, HDNodeWallet.fromMnemonic(mnemonic, ethereumPath()).address)
        const { kind, secret } = await takeOut(name, wallet.walletId)
        assert.equal(kind, 2)
        assert.deepEqual(secret, entropy)
      })
    }

    test('an Ed25519 key', async () => {
      const pair = Keypair.generate()
      const wallet = await bring(name, plain(3, pair.secretKey), { curve: 'Ed25519' })
      assert.equal(wallet.account.address, pair.publicKey.toBase58())
      const { kind, secret } = await takeOut(name, wallet.walletId)
      assert.equal(kind, 3)
      assert.deepEqual(new Uint8Array(secret), pair.secretKey.slice(0, 32))
    })

    test('a secp256k1 key', async () => {
      const scalar = randomBytes(32)
      const wallet = await bring(name, plain(4, scalar), { curve: 'K256' })
      assert.equal(wallet.account.address, new EthersWallet('0x' + scalar.toString('hex')).address)
      assert.deepEqual((await takeOut(name, wallet.walletId)).secret, scalar)
    })

    test('a wallet that was made here', async () => {
      const { walletId, accounts } = await rpc('createWallet', { walletName: 'made', accounts: [ethereumPath()] })
      const { kind, secret } = await takeOut(name, walletId)
      assert.equal(kind, 2)
      assert.equal(HDNodeWallet.fromMnemonic(Mnemonic.fromEntropy(secret), ethereumPath()).address, accounts[0].address)
    })
  })
}

test('the receipt proves whose the import key is', async () => {
  const body = request('initWalletImport', { organizationId })
  const { text, headers } = await post(redoubt.baseUrl, body, { key })
  const receipt = headers.get('x-redoubt-receipt')
  await verifyReceipt(redoubt.baseUrl, { request: body, response: text, receipt })
  const swapped = text.replace(/"publicKey":"....../, '"publicKey":"AAAAAA')
  await assert.rejects(verifyReceipt(redoubt.baseUrl, { request: body, response: swapped, receipt }))
})

test('what is padded otherwise, or not at all, is refused', async () => {
  const words = Buffer.from('legal winner thank year wave sausage worth useful legal winner thank yellow')
  for (const [name, bytes] of Object.entries({
    'no padding': plain(1, words).subarray(0, 3 + words.length),
    'something in the padding': Buffer.concat([plain(1, words).subarray(0, 255), Buffer.from([1])]),
    'another version': Buffer.concat([Buffer.from([2]), plain(1, words).subarray(1)]),
    'an unknown kind': plain(9, words),
    'a length beyond the end': Buffer.from([1, 1, 255, ...plain(1, words).subarray(3)]),
    'a wrong checksum': plain(1, Buffer.from('legal winner thank year wave sausage worth useful legal winner thank legal')),
  })) {
    await assert.rejects(bring('X25519', bytes), /params.encryptedSecret/, name)
  }
})
