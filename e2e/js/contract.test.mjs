// Every method of the published contract, held against it: parameters that the contract allows are taken, and the answer
// is what the contract says.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { authenticator, b64u, call, ed25519Key, ethereumPath, found, post, request, solanaPath, stampOf } from './app.mjs'
import { encrypt, plain } from './envelope.mjs'
import { complaints, methods, results, validError, validParams, validResult } from './openapi.mjs'
import { startRedoubt } from './redoubt.mjs'

let redoubt, baseUrl, owner, target
before(async () => {
  redoubt = await startRedoubt()
  baseUrl = redoubt.baseUrl
  owner = await found(baseUrl)
  target = await found(baseUrl)
})
after(() => redoubt?.stop())

const seen = new Set()

// ask sends what the contract allows and returns a result that it allows.
async function ask(method, params, key = owner.key) {
  assert.ok(validParams[method](params), `${method} ${JSON.stringify(params)}: ${complaints(validParams[method])}`)
  const result = await call(baseUrl, key, method, params)
  assert.ok(validResult[method](result), `${method} answers ${JSON.stringify(result)}: ${complaints(validResult[method])}`)
  seen.add(method)
  return result
}

const root = { type: 'ROOT' }
const preset = (name, more = {}) => ({ type: 'CEL', preset: name, ...more })
const newUser = (username, more = {}) =>
  ({ username, policy: preset('LEGACY_USER_ROLE'), authenticators: [authenticator(ed25519Key(), `key of ${username}`)], ...more })

describe('organizations', () => {
  test('createOrganization, getOrganization', async () => {
    const key = ed25519Key()
    const users = [{ username: 'root', policy: root, authenticators: [authenticator(key, 'k')], traits: { a: 'b' }, expiresInMs: null }]
    const made = await ask('createOrganization', { organizationName: 'n', users, tags: ['t'] }, key)
    assert.deepEqual(await ask('getOrganization', { organizationId: made.organizationId }, key), made)
  })

  test('the organization of an identity', async () => {
    const key = ed25519Key()
    assert.equal(await ask('getPhantomOrganization', {}, key), null)
    const made = await ask('getOrCreatePhantomOrganization', {}, key)
    assert.deepEqual(await ask('getPhantomOrganization', {}, key), made)
  })

  test('users', async () => {
    const { organizationId } = owner
    await ask('addUserToOrganization', { organizationId, replaceExpirable: true, user: newUser('u', { expiresInMs: 60_000 }) })
    const changed = await ask('updateUserInOrganization', {
      organizationId, username: 'u', newPolicy: preset('ALLOW_ALL'), addTraits: { x: 'y' }, removeTraits: ['z'],
    })
    assert.deepEqual(changed.users.find((u) => u.username === 'u').traits, { x: 'y' })
    await ask('updateUserInOrganization', { organizationId, username: 'u', newPolicy: null, addTraits: null, removeTraits: null })
    const left = await ask('deleteUserFromOrganization', { organizationId, username: 'u' })
    assert.ok(!left.users.some((u) => u.username === 'u'))
  })

  test('authenticators', async () => {
    const of = { organizationId: owner.organizationId, username: 'admin' }
    const made = await ask('createAuthenticator', { ...of, authenticator: authenticator(ed25519Key(), 'second'), replaceExpirable: false })
    const named = await ask('updateAuthenticator', { ...of, authenticatorId: made.id, authenticator: { authenticatorName: 'third', expiresInMs: 1000 } })
    assert.equal(named.authenticatorName, 'third')
    await ask('updateAuthenticator', { ...of, authenticatorId: made.id, authenticator: { authenticatorName: null, expiresInMs: null } })
    await ask('deleteAuthenticator', { ...of, authenticatorId: made.id })
  })

  test('a key as the contract types it, an array of bytes', async () => {
    const key = ed25519Key()
    const asBytes = { ...authenticator(key, 'bytes'), publicKey: [...key.publicKey] }
    const made = await call(baseUrl, owner.key, 'createAuthenticator', { organizationId: owner.organizationId, username: 'admin', authenticator: asBytes })
    assert.equal(made.publicKey, b64u(key.publicKey))
  })
})

const accounts = [
  solanaPath(),
  { derivationPath: ethereumPath(), curve: 'Secp256k1', addressFormat: 'Ethereum' },
  { derivationPath: "m/84'/0'/0'/0", curve: 'Secp256k1', addressFormat: 'BitcoinSegwit' },
  { derivationPath: "m/86'/0'/0'/0/0", curve: 'Secp256k1', addressFormat: 'BitcoinTaproot' },
  { derivationPath: "m/44'/784'/0'/0'/0'", curve: 'Ed25519', addressFormat: 'Sui' },
]
const makeWallet = (of = owner) => ask('createWallet', { organizationId: of.organizationId, walletName: 'w', tags: [], accounts, mnemonicLength: 12 }, of.key)

describe('wallets', () => {
  test('made, found and listed', async () => {
    const { organizationId } = owner
    const made = await makeWallet()
    assert.equal(made.accounts.length, accounts.length)
    await ask('createWallet', { organizationId, walletName: 'k', curve: 'K256', addressFormat: 'BitcoinTaproot' })
    await ask('createWallet', { organizationId, walletName: 'k', curve: 'Ed25519' })
    const tagged = await ask('getOrCreateWalletWithTag', { organizationId, walletName: 't', tag: 'tag', accounts })
    assert.deepEqual(await ask('getWalletWithTag', { organizationId, tag: 'tag', accounts }), tagged)
    assert.equal(await ask('getWalletWithTag', { organizationId, tag: 'none' }), null)
    const page = await ask('getOrganizationWallets', { organizationId, limit: 1, offset: 1 })
    assert.equal(page.wallets.length, 1)
    assert.deepEqual(await ask('getAccounts', { organizationId, walletId: made.walletId, accounts }), made.accounts)
  })

  // Each rule, matcher and validation of a transaction policy: taken as the contract writes it, and shown again as it was.
  test('lent for some transactions', async () => {
    const { walletId } = await makeWallet()
    const between = { ownerOrganizationId: owner.organizationId, targetOrganizationId: target.organizationId, walletId }
    const [system, token, key] = ['11111111111111111111111111111111', 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA', 'So11111111111111111111111111111111111111112']
    const transfers = { programId: system, discriminator: { Exact: 2 }, validate: [
      { rule: 'SystemInstructionLamportsThreshold', min: 1, max: 2 ** 40 }, { rule: 'SystemInstructionRecipientAllowlist', allowlist: [key] },
    ] }
    const tokens = { programId: token, discriminator: { In: [12, 13] }, validate: [
      { rule: 'TransferCheckedConstraints', min: 0, max: 5, mintAllowlist: [key], recipientAllowlist: [key] },
    ] }
    const any = { programId: key, discriminator: 'Any' }
    const rules = [
      { rule: 'NoSignerAccountUsage', allowlist: [transfers] }, { rule: 'NoSignerAccountUsage' }, { rule: 'BundleSizeLimit', max: 1 },
      { rule: 'ComputeBudgetLimit', maxComputeUnits: 1_400_000, maxComputeUnitPrice: 1000 }, { rule: 'NoAddressLookupTables' },
      { rule: 'InstructionAllowlist', instructions: [transfers, tokens] }, { rule: 'InstructionDenylist', instructions: [any] }, { rule: 'AllowAll' },
    ]
    const transactionPolicy = { version: 'v0', solana: { rules } }
    const policy = { version: 'v0', scopes: ['signatureTransaction'], derivationAllowlist: null }
    const made = await ask('grantOrganizationAccess', { ...between, policy, transactionPolicy })
    assert.deepEqual(made.transactionPolicy, transactionPolicy)
    const list = await ask('getWalletAccessGrantsRequest', { ...between, limit: 10, offset: 0 }, target.key)
    assert.deepEqual(list.grants[0].transactionPolicy, transactionPolicy)
    await ask('grantOrganizationAccess', { ...between, policy, transactionPolicy: { version: 'v0', solana: null }, policyName: 'any' })
  })

  test('lent and given away', async () => {
    const { walletId } = await makeWallet()
    const between = { ownerOrganizationId: owner.organizationId, targetOrganizationId: target.organizationId, walletId }
    const allowlist = [solanaPath(), accounts[1]]
    const v0 = { version: 'v0', scopes: ['owner', 'signaturePayload', 'exportWallet'], derivationAllowlist: allowlist }
    await ask('grantOrganizationAccess', { ...between, policy: v0, policyName: null, transactionPolicy: null })
    for (const rootAccess of [{ type: 'ALWAYS' }, { type: 'NONE' }, { type: 'AFTER_TIMESTAMP', timestampMs: 1 }]) {
      await ask('grantOrganizationAccess', { ...between, policy: { version: 'v1', rootAccess, preset: 'DENY_ALL' }, policyName: rootAccess.type })
    }
    const list = await ask('getWalletAccessGrantsRequest', { ...between, limit: 10, offset: 0 }, target.key)
    assert.equal(list.totalCount, 4)
    assert.ok((await ask('revokeOrganizationAccess', { ...between, targetPolicyName: 'NONE' })).deletedAtMs > 0)
    await ask('transferOrganizationWallet', { ...between, retainPolicy: { version: 'v0', scopes: ['signatureTransaction'], derivationAllowlist: null } })
  })
})

describe('signatures', () => {
  let of
  before(async () => { of = { organizationId: owner.organizationId, walletId: (await makeWallet()).walletId } })

  test('messages', async () => {
    await ask('signUtf8Message', { ...of, message: 'hello', algorithm: 'Ed25519', derivationInfo: solanaPath() })
    await ask('ethereumSignMessage', { ...of, message: 'aGVsbG8=', derivationInfo: accounts[1] })
    const typedData = {
      types: { M: [{ name: 'n', type: 'uint256' }] }, primaryType: 'M', domain: { name: 'D', chainId: 1 }, message: { n: 5 },
    }
    await ask('ethereumSignTypedData', { ...of, typedData, derivationInfo: accounts[1], policyName: null })
  })

  test('raw payloads', async () => {
    for (const [algorithm, derivationInfo] of [
      ['Ed25519', solanaPath()], ['Secp256k1', ethereumPath()], ['Secp256k1Keccak256', ethereumPath()], ['Secp256k1Schnorr', "m/86'/0'/0'/0/0"], ['Secp256r1', ethereumPath()],
    ]) {
      await ask('signRawPayload', { ...of, payload: 'aGVsbG8=', algorithm, derivationInfo })
    }
  })

  test('transactions', async () => {
    const eip1559 = { kind: 'EIP_1559', chainId: 1, nonce: 0, maxFeePerGas: 1, maxPriorityFeePerGas: 1, gasLimit: 21000, to: '0x000000000000000000000000000000000000dEaD', value: '0x1' }
    await ask('signTransaction', { ...of, transaction: eip1559, derivationInfo: accounts[1] })
    const bytes = '0x02e683aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0'
    await ask('signTransaction', { ...of, transaction: { kind: 'RLP_ENCODED', bytes }, derivationInfo: ethereumPath(), submissionConfig: undefined })
  })
})

describe('import and export', () => {
  test('of a mnemonic', async () => {
    const { organizationId } = owner
    const importEnvelope = await ask('initWalletImport', { organizationId })
    const encryptedSecret = await encrypt(organizationId, 'X25519', importEnvelope, plain(2, randomBytes(16)))
    const { walletId } = await ask('completeImportWallet', {
      organizationId, importEnvelope, encryptedSecret, walletName: 'imported', tags: ['i'], accounts: [solanaPath()], mnemonicLength: 12,
    })
    const publicKey = Buffer.from([9, ...new Uint8Array(31)]).toString('base64')
    await ask('exportWallet', { organizationId, walletId, publicKey, policyName: null })
  })

  test('of a key', async () => {
    const { organizationId } = owner
    const importEnvelope = await ask('initWalletImport', { organizationId, kem: 'X25519MLKEM768' })
    const encryptedSecret = await encrypt(organizationId, 'X25519MLKEM768', importEnvelope, plain(3, randomBytes(32)))
    await ask('completeImportWallet', { organizationId, importEnvelope, encryptedSecret, walletName: 'imported', curve: 'Ed25519', addressFormat: 'Sui' })
  })
})

describe('errors', () => {
  test('are what the contract says, with more beside it', async () => {
    const body = request('getOrganization', { organizationId: owner.organizationId })
    for (const [status, sent] of [[401, { stamp: stampOf(ed25519Key(), body) }], [400, { key: owner.key, body: '{}' }]]) {
      const answer = await post(baseUrl, sent.body ?? body, sent)
      assert.equal(answer.status, status)
      assert.ok(validError(answer.json), complaints(validError))
    }
  })
})

test('every method of the contract was asked', () => {
  assert.deepEqual(Object.keys(methods).sort(), Object.keys(results).sort())
  assert.equal(Object.keys(methods).length, 27)
  assert.deepEqual(Object.keys(methods).filter((m) => !seen.has(m)), [])
})
