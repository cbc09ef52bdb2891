// Solana transactions, from the shapes that the libraries make to moved lamports.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { NetworkId } from '@phantom/client'
import {
  address, appendTransactionMessageInstruction, compileTransaction, createTransactionMessage, pipe,
  setTransactionMessageFeePayer, setTransactionMessageLifetimeUsingBlockhash,
} from '@solana/kit'
import {
  AddressLookupTableAccount, AddressLookupTableProgram, Connection, Keypair, LAMPORTS_PER_SOL, PublicKey,
  SystemProgram, Transaction, TransactionInstruction, TransactionMessage, VersionedTransaction,
} from '@solana/web3.js'
import { authenticator, b64u, connect, ed25519Key, found, post, request, solanaPath, unb64u } from './app.mjs'
import { startWorld } from './world.mjs'

const networkId = NetworkId.SOLANA_DEVNET
const to = Keypair.generate().publicKey
let world, connection, client, key, organizationId, walletId, me

before(async () => {
  world = await startWorld()
  connection = new Connection(world.solana.url, 'confirmed')
  ;({ client, key, organizationId } = await found(world.baseUrl))
  const wallet = await client.createWallet('solana')
  walletId = wallet.walletId
  me = new PublicKey(wallet.addresses[0].address)
  await connection.requestAirdrop(me, 10 * LAMPORTS_PER_SOL)
})
after(() => world?.stop())

const pay = (lamports, from = me) => SystemProgram.transfer({ fromPubkey: from, toPubkey: to, lamports })
const blockhash = async () => (await connection.getLatestBlockhash()).blockhash

async function legacy(...instructions) {
  const tx = new Transaction({ feePayer: me, recentBlockhash: await blockhash() })
  return tx.add(...instructions)
}

async function v0(instructions, tables = [], payer = me) {
  const message = new TransactionMessage({ payerKey: payer, recentBlockhash: await blockhash(), instructions })
  return new VersionedTransaction(message.compileToV0Message(tables))
}

const unsigned = (tx) => b64u(tx.serialize({ requireAllSignatures: false, verifySignatures: false }))
const sign = (transaction, account = me.toBase58()) =>
  client.signTransaction({ walletId, transaction, networkId, account }).then((r) => unb64u(r.rawTransaction))

// raw calls signTransaction without the client.
const raw = (transaction, more = {}) =>
  post(world.baseUrl, request('signTransaction', {
    organizationId, walletId, transaction,
    derivationInfo: { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Solana' }, ...more,
  }), { key })

// executes sends a signed transaction to the node itself and expects lamports to arrive.
async function executes(bytes, lamports) {
  const before = await connection.getBalance(to)
  await connection.sendRawTransaction(bytes)
  assert.equal((await connection.getBalance(to)) - before, lamports)
}

describe('signing', () => {
  test('legacy', async () => {
    const tx = await legacy(pay(LAMPORTS_PER_SOL))
    const signed = await sign(unsigned(tx))
    const back = Transaction.from(signed)
    assert.ok(back.verifySignatures())
    assert.deepEqual(back.serializeMessage(), tx.serializeMessage())
    await executes(signed, LAMPORTS_PER_SOL)
  })

  test('version 0', async () => {
    const tx = await v0([pay(LAMPORTS_PER_SOL + 1)])
    const signed = await sign(b64u(tx.serialize()))
    assert.deepEqual(VersionedTransaction.deserialize(signed).message.serialize(), tx.message.serialize())
    await executes(signed, LAMPORTS_PER_SOL + 1)
  })

  test('version 0 with an address lookup table', async () => {
    const table = lookupTable([to])
    const tx = await v0([pay(LAMPORTS_PER_SOL + 2)], [table])
    assert.equal(tx.message.addressTableLookups.length, 1)
    await executes(await sign(b64u(tx.serialize())), LAMPORTS_PER_SOL + 2)
  })

  test('a foreign signature stays where it is', async () => {
    const payer = Keypair.generate()
    await connection.requestAirdrop(payer.publicKey, LAMPORTS_PER_SOL)
    const tx = await v0([pay(LAMPORTS_PER_SOL + 3)], [], payer.publicKey)
    tx.sign([payer])
    const signed = await sign(b64u(tx.serialize()))
    const back = VersionedTransaction.deserialize(signed)
    assert.deepEqual(back.signatures[0], tx.signatures[0])
    assert.ok(ed25519.verify(back.signatures[1], tx.message.serialize(), me.toBytes()))
    await executes(signed, LAMPORTS_PER_SOL + 3)
  })

  test('a message without signatures, as the kit library sends it', async () => {
    const { blockhash: hash, lastValidBlockHeight } = await connection.getLatestBlockhash()
    const lifetime = { blockhash: hash, lastValidBlockHeight: BigInt(lastValidBlockHeight) }
    const instruction = pay(LAMPORTS_PER_SOL + 4)
    const message = pipe(
      createTransactionMessage({ version: 0 }),
      (m) => setTransactionMessageFeePayer(address(me.toBase58()), m),
      (m) => setTransactionMessageLifetimeUsingBlockhash(lifetime, m),
      (m) => appendTransactionMessageInstruction({
        programAddress: address(instruction.programId.toBase58()),
        accounts: instruction.keys.map((k) => ({
          address: address(k.pubkey.toBase58()), role: (k.isSigner ? 2 : 0) | (k.isWritable ? 1 : 0),
        })),
        data: new Uint8Array(instruction.data),
      }, m),
    )
    const { messageBytes } = compileTransaction(message)
    assert.equal(messageBytes[0], 0x80)
    const signed = await sign(b64u(messageBytes))
    assert.deepEqual(Buffer.from(VersionedTransaction.deserialize(signed).message.serialize()), Buffer.from(messageBytes))
    await executes(signed, LAMPORTS_PER_SOL + 4)
    const bare = (await legacy(pay(1_000_000))).serializeMessage()
    await executes(await sign(b64u(bare)), 1_000_000)
  })

  test('what is not ours to sign is refused', async () => {
    const other = Keypair.generate().publicKey
    const good = await v0([pay(5)])
    const bytes = good.serialize()
    const v1 = bytes.slice()
    v1[65] = 0x81
    for (const [name, transaction] of Object.entries({
      'not a signer': b64u((await v0([pay(5, other)], [], other)).serialize()),
      'trailing byte': b64u([...bytes, 0]),
      'cut off': b64u(bytes.slice(0, -1)),
      'unknown version': b64u(v1),
      'not base64url': '!!!!',
      'empty': '',
    })) {
      const { status, text } = await raw(transaction)
      assert.equal(status, 400, `${name}: ${text}`)
    }
    const elsewhere = await raw(b64u(bytes), { derivationInfo: { derivationPath: "m/44'/501'/5'/0'", curve: 'Ed25519', addressFormat: 'Solana' } })
    assert.equal(elsewhere.status, 400, elsewhere.text)
  })
})

test('/prepare gives back what it was given', async () => {
  const transaction = unsigned(await legacy(pay(7)))
  const body = JSON.stringify({
    transaction, organizationId, submissionConfig: { chain: 'solana', network: 'devnet' },
    simulationConfig: { account: me.toBase58() },
  })
  const { status, json } = await post(world.baseUrl, body, { key, path: '/prepare' })
  assert.equal(status, 200, JSON.stringify(json))
  assert.equal(json.transaction, transaction)
  assert.equal((await post(world.baseUrl, body, { path: '/prepare' })).status, 401)
  // Neither endpoint takes the body of the other.
  assert.equal((await post(world.baseUrl, body, { key })).status, 400)
  const call = request('getOrganization', { organizationId })
  assert.equal((await post(world.baseUrl, call, { key, path: '/prepare' })).status, 400)
})

test('sign and send moves lamports', async () => {
  const before = await connection.getBalance(to)
  const { hash, rawTransaction } = await client.signAndSendTransaction({
    walletId, transaction: unsigned(await legacy(pay(LAMPORTS_PER_SOL / 2))), networkId, account: me.toBase58(),
  })
  assert.equal(await connection.getBalance(to), before + LAMPORTS_PER_SOL / 2)
  const { value } = await connection.getSignatureStatuses([hash])
  assert.equal(value[0].err, null)
  assert.ok(Transaction.from(unb64u(rawTransaction)).verifySignatures())
})

test('what the policy denies is blocked at /prepare already, by the error that clients know', async () => {
  const nobody = ed25519Key()
  await client.addUserToOrganization({
    organizationId, user: { username: 'nobody', policy: { type: 'CEL', preset: 'DENY_ALL' }, authenticators: [authenticator(nobody, 'n')] },
  })
  const denied = connect(world.baseUrl, nobody, organizationId, { walletType: 'user-wallet' })
  await assert.rejects(
    denied.signTransaction({ walletId, transaction: unsigned(await legacy(pay(1))), networkId, account: me.toBase58() }),
    (e) => {
      assert.equal(e.name, 'TransactionBlockedError')
      assert.equal(e.scannerResult.rule, 'DENY_ALL')
      return true
    })
})

test('a co-signer may sign between /prepare and us', async () => {
  const partner = Keypair.generate()
  await connection.requestAirdrop(partner.publicKey, LAMPORTS_PER_SOL)
  const tx = await v0([pay(LAMPORTS_PER_SOL / 4), pay(LAMPORTS_PER_SOL / 4, partner.publicKey)])
  const before = await connection.getBalance(to)
  await client.signAndSendTransaction({
    walletId, transaction: b64u(tx.serialize()), networkId, account: me.toBase58(),
    presignTransaction: async (text) => {
      const prepared = VersionedTransaction.deserialize(unb64u(text))
      prepared.sign([partner])
      return b64u(prepared.serialize())
    },
  })
  assert.equal(await connection.getBalance(to), before + LAMPORTS_PER_SOL / 2)
})

test('tokens move: a mint and its accounts made by another, the transfer signed here', async () => {
  const token = new PublicKey('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA')
  const associated = new PublicKey('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL')
  const payer = Keypair.generate()
  const mint = Keypair.generate()
  await connection.requestAirdrop(payer.publicKey, LAMPORTS_PER_SOL)
  const accountOf = (owner) => PublicKey.findProgramAddressSync([owner.toBuffer(), token.toBuffer(), mint.publicKey.toBuffer()], associated)[0]
  const writable = (pubkey, isSigner = false) => ({ pubkey, isSigner, isWritable: true })
  const readonly = (pubkey, isSigner = false) => ({ pubkey, isSigner, isWritable: false })
  const open = (owner) => new TransactionInstruction({
    programId: associated, data: Buffer.alloc(0),
    keys: [writable(payer.publicKey, true), writable(accountOf(owner)), readonly(owner), readonly(mint.publicKey), readonly(SystemProgram.programId), readonly(token)],
  })
  const amount = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(n); return b }
  const setup = new Transaction({ feePayer: payer.publicKey, recentBlockhash: await blockhash() }).add(
    SystemProgram.createAccount({ fromPubkey: payer.publicKey, newAccountPubkey: mint.publicKey, lamports: 1461600, space: 82, programId: token }),
    new TransactionInstruction({ programId: token, keys: [writable(mint.publicKey)], data: Buffer.concat([Buffer.from([20, 6]), payer.publicKey.toBuffer(), Buffer.from([0])]) }), // InitializeMint2
    open(me), open(to),
    new TransactionInstruction({ programId: token, keys: [writable(mint.publicKey), writable(accountOf(me)), readonly(payer.publicKey, true)], data: Buffer.concat([Buffer.from([7]), amount(1_000_000n)]) }), // MintTo
  )
  setup.sign(payer, mint)
  await connection.sendRawTransaction(setup.serialize())
  const held = async (owner) => (await connection.getAccountInfo(accountOf(owner))).data.readBigUInt64LE(64)
  assert.equal(await held(me), 1_000_000n)
  const transfer = await legacy(new TransactionInstruction({
    programId: token, keys: [writable(accountOf(me)), readonly(mint.publicKey), writable(accountOf(to)), readonly(me, true)],
    data: Buffer.concat([Buffer.from([12]), amount(250_000n), Buffer.from([6])]), // TransferChecked
  }))
  await connection.sendRawTransaction(await sign(unsigned(transfer)))
  assert.deepEqual([await held(me), await held(to)], [750_000n, 250_000n])
})

// lookupTable puts a table on the chain, as it lies in an account there.
function lookupTable(addresses) {
  const at = Keypair.generate().publicKey
  const head = Buffer.alloc(56)
  head.writeUInt32LE(1, 0) // initialised
  head.writeBigUInt64LE(2n ** 64n - 1n, 4) // never deactivated
  world.solana.svm.setAccount({
    address: address(at.toBase58()), executable: false, lamports: BigInt(LAMPORTS_PER_SOL),
    programAddress: address(AddressLookupTableProgram.programId.toBase58()),
    data: new Uint8Array(Buffer.concat([head, ...addresses.map((a) => a.toBuffer())])),
    space: BigInt(56 + 32 * addresses.length),
  })
  return new AddressLookupTableAccount({
    key: at, state: { deactivationSlot: 2n ** 64n - 1n, lastExtendedSlot: 0, lastExtendedSlotStartIndex: 0, addresses },
  })
}
