// Transaction policies of grants, against transactions as the published libraries make them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  AddressLookupTableAccount, ComputeBudgetProgram, Keypair, NONCE_ACCOUNT_LENGTH, PublicKey, SystemProgram, TransactionInstruction,
  TransactionMessage, VersionedTransaction,
} from '@solana/web3.js'
import { b64u, call, found, post, request, solanaPath, unb64u } from './app.mjs'
import { startRedoubt } from './redoubt.mjs'

const derivationInfo = { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Solana' }
const token = new PublicKey('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA')
const associated = new PublicKey('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL')
const fresh = () => Keypair.generate().publicKey
const [shop, mint, stranger] = [fresh(), fresh(), fresh()]
let redoubt, owner, target, walletId, me

before(async () => {
  redoubt = await startRedoubt()
  owner = await found(redoubt.baseUrl)
  target = await found(redoubt.baseUrl)
  const wallet = await call(redoubt.baseUrl, owner.key, 'createWallet', { organizationId: owner.organizationId, walletName: 'w', accounts: [derivationInfo] })
  walletId = wallet.walletId
  me = new PublicKey(wallet.accounts[0].address)
})
after(() => redoubt?.stop())

const pay = (lamports, to = shop) => SystemProgram.transfer({ fromPubkey: me, toPubkey: to, lamports })
const accountOf = (wallet) => PublicKey.findProgramAddressSync([wallet.toBuffer(), token.toBuffer(), mint.toBuffer()], associated)[0]
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b }
const give = (amount, to = shop) => new TransactionInstruction({
  programId: token, data: Buffer.concat([Buffer.from([12]), u64(amount), Buffer.from([6])]),
  keys: [[accountOf(me), false, true], [mint, false, false], [accountOf(to), false, true], [me, true, false]]
    .map(([pubkey, isSigner, isWritable]) => ({ pubkey, isSigner, isWritable })),
})
const version0 = (instructions, tables = []) => {
  const message = new TransactionMessage({ payerKey: me, recentBlockhash: fresh().toBase58(), instructions })
  return new VersionedTransaction(message.compileToV0Message(tables))
}
const sign = (tx) => post(redoubt.baseUrl, request('signTransaction', {
  organizationId: target.organizationId, walletId, transaction: b64u(tx.serialize()), derivationInfo,
}), { key: target.key })

test('what a shop may have signed', async () => {
  const rules = [
    { rule: 'NoAddressLookupTables' },
    { rule: 'ComputeBudgetLimit', maxComputeUnits: 400_000, maxComputeUnitPrice: 10_000 },
    { rule: 'InstructionAllowlist', instructions: [
      { programId: ComputeBudgetProgram.programId.toBase58(), discriminator: { In: [2, 3] } },
      { programId: SystemProgram.programId.toBase58(), discriminator: { Exact: 2 }, validate: [
        { rule: 'SystemInstructionLamportsThreshold', max: 1_000_000 }, { rule: 'SystemInstructionRecipientAllowlist', allowlist: [shop.toBase58()] },
      ] },
      { programId: token.toBase58(), discriminator: { Exact: 12 }, validate: [
        { rule: 'TransferCheckedConstraints', max: 50, mintAllowlist: [mint.toBase58()], recipientAllowlist: [shop.toBase58()] },
      ] },
    ] },
  ]
  await call(redoubt.baseUrl, owner.key, 'grantOrganizationAccess', {
    ownerOrganizationId: owner.organizationId, targetOrganizationId: target.organizationId, walletId,
    policy: { version: 'v0', scopes: ['signatureTransaction'] }, transactionPolicy: { version: 'v0', solana: { rules } },
  })
  const price = (microLamports) => ComputeBudgetProgram.setComputeUnitPrice({ microLamports })
  const units = (n) => ComputeBudgetProgram.setComputeUnitLimit({ units: n })
  const nonce = SystemProgram.nonceAdvance({ noncePubkey: fresh(), authorizedPubkey: me })
  const create = SystemProgram.createAccount({ fromPubkey: me, newAccountPubkey: me, lamports: 1, space: NONCE_ACCOUNT_LENGTH, programId: stranger })
  const table = new AddressLookupTableAccount({ key: fresh(), state: { addresses: [shop], deactivationSlot: 2n ** 64n - 1n, lastExtendedSlot: 0, lastExtendedSlotStartIndex: 0 } })
  for (const [name, tx, reason] of [
    ['a payment', version0([units(300_000), price(10_000), pay(1_000_000)])],
    ['two payments and tokens', version0([pay(500_000), pay(500_000), give(50)].concat(units(400_000)))],
    ['too much', version0([pay(1_000_001)]), /instruction 0, system\.transfer\(.*1000001 is more than the maximum of 1000000/],
    ['too much in parts', version0([pay(600_000), pay(600_000)]), /2 instructions move 1200000 together/],
    ['a stranger', version0([pay(1, stranger)]), new RegExp(`receiver ${stranger} is not on the list`)],
    ['tokens for a stranger', version0([give(1, stranger)]), new RegExp(`receiver ${accountOf(stranger)} is not on the list`)],
    ['a receiver out of a table', version0([pay(1)], [table]), /rule 0 \(NoAddressLookupTables\)/],
    ['a durable nonce', version0([nonce, pay(1)]), /instruction 0, system\.advanceNonceAccount/],
    ['another instruction', version0([create]), /system\.createAccount/],
    ['a high price', version0([price(5_000_000_000), pay(1)]), /5000000000 micro-lamports/],
    ['what the network grants', version0([pay(1), pay(1), pay(1)]), /600000 compute units/],
  ]) {
    const { status, json } = await sign(tx)
    if (reason) {
      assert.equal(status, 403, name)
      assert.match(json.message, reason, name)
      continue
    }
    assert.equal(status, 200, `${name}: ${JSON.stringify(json)}`)
    const signed = VersionedTransaction.deserialize(unb64u(json.result.transaction))
    assert.deepEqual(signed.message.serialize(), tx.message.serialize(), name)
  }
})
