// Our effects against what the Solana runtime does: random transactions run in LiteSVM, and what really left the signer
// or changed hands is never more than the effects said, unless they said that they do not know.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { address, getTransactionDecoder } from '@solana/kit'
import { Keypair, PublicKey, StakeProgram, SystemProgram, TransactionInstruction, TransactionMessage } from '@solana/web3.js'
import { FailedTransactionMetadata, LiteSVM } from 'litesvm'
import { buildOracle, scale } from './oracle.mjs'
import { generator } from './suirandom.mjs'

const size = scale(2_000, 100_000)
let oracle
before(() => { oracle = buildOracle() })
after(() => oracle?.remove())

const g = generator(11)
const fresh = () => Keypair.fromSeed(g.bytes(32)).publicKey
const token = new PublicKey('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA')
const token2022 = new PublicKey('TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb')
const ata = new PublicKey('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL')
const budget = new PublicKey('ComputeBudget111111111111111111111111111111')
const memo = new PublicKey('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')
const lookup = new PublicKey('AddressLookupTab1e1111111111111111111111111')
const sysvar = (name) => new PublicKey(`Sysvar${name}`)
const clock = sysvar('C1ock11111111111111111111111111111111'), rent = sysvar('Rent111111111111111111111111111111111')
const history = sysvar('StakeHistory1111111111111111111111111'), hashes = sysvar('RecentB1ockHashes11111111111111111111')
const wrapped = new PublicKey('So11111111111111111111111111111111111111112')
const me = fresh(), other = fresh(), nonce = fresh(), stake = fresh(), stake2 = fresh(), empty = fresh(), fallow = fresh()
const sides = [token, token2022].map((program) => {
  const of = { program, mint: fresh(), mine: fresh(), mine2: fresh(), theirs: fresh(), bare: fresh() }
  return of
})
const native = fresh(), nativeOther = fresh()

const u8 = (n) => Buffer.from([n])
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b }
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b }
const raw = (k) => k.toBuffer()
const text = (s) => Buffer.concat([u64(s.length), Buffer.from(s)])
const s = (k) => [k, true, true], wr = (k) => [k, false, true], ro = (k) => [k, false, false], sr = (k) => [k, true, false]
const ix = (programId, accounts, ...data) => new TransactionInstruction({
  programId, keys: accounts.map(([pubkey, isSigner, isWritable]) => ({ pubkey, isSigner, isWritable })), data: Buffer.concat(data),
})
const amount = () => g.pick([1, 5, 1000, 100_000, 2_000_000])
const who = () => g.pick([other, me, fresh()])

// kinds make one instruction each; those of tokens are made for both programs.
const system = SystemProgram.programId, staking = StakeProgram.programId
const kinds = {
  transfer: () => ix(system, [s(me), wr(who())], u32(2), u64(1_000_000 + amount())),
  transferSmall: () => ix(system, [s(me), wr(other)], u32(2), u64(amount())),
  create: () => ix(system, [s(me), s(fresh())], u32(0), u64(2_000_000), u64(10), raw(g.pick([token, other]))),
  createWithSeed: () => { const seed = 'x' + g.below(1e9); return ix(system, [s(me), wr(seeded(seed))], u32(3), raw(me), text(seed), u64(3_000_000), u64(20), raw(system)) },
  assign: () => ix(system, [s(g.pick([me, empty]))], u32(1), raw(g.pick([other, staking]))),
  allocate: () => ix(system, [s(g.pick([empty, me]))], u32(8), u64(8)),
  allocateSeed: () => ix(system, [wr(seeded('b', other)), sr(me)], u32(9), raw(me), text('b'), u64(8), raw(other)),
  assignSeed: () => ix(system, [wr(seeded('b', other)), sr(me)], u32(10), raw(me), text('b'), raw(other)),
  transferSeed: () => ix(system, [wr(seeded('a')), sr(me), wr(other)], u32(11), u64(5_000), text('a'), raw(system)),
  withdrawNonce: () => ix(system, [wr(nonce), wr(who()), ro(hashes), ro(rent), sr(me)], u32(5), u64(g.pick([1_000_000, 50_000_000]))),
  authorizeNonce: () => ix(system, [wr(nonce), sr(me)], u32(7), raw(who())),
  createNonce: () => ix(system, [wr(fallow), ro(hashes), ro(rent)], u32(6), raw(who())),
  stakeAuthorize: () => ix(staking, [wr(stake), ro(clock), sr(me)], u32(1), raw(who()), u32(g.below(2))),
  stakeChecked: () => ix(staking, [wr(stake), ro(clock), sr(me), sr(fresh())], u32(10), u32(g.below(2))),
  stakeWithdraw: () => ix(staking, [wr(stake), wr(who()), ro(clock), ro(history), sr(me)], u32(4), u64(g.pick([1_000_000, 5_000_000_000]))),
  stakeSplit: () => ix(staking, [wr(stake), wr(stake2), sr(me)], u32(3), u64(1_000_000_000)),
  stakeLockup: () => ix(staking, [wr(stake), sr(me)], u32(6), u8(1), u64(5), u8(0), u8(0)),
  limit: () => ix(budget, [], u8(2), u32(200_000 + g.below(900_000))),
  price: () => ix(budget, [], u8(3), u64(g.below(5_000_000))),
  heap: () => ix(budget, [], u8(1), u32(64 * 1024)),
  memo: () => ix(memo, [], Buffer.from('hello')),
  memoSigned: () => ix(memo, [sr(me)], Buffer.from('hello')),
  table: () => { const slot = 1n; const [at, bump] = PublicKey.findProgramAddressSync([raw(me), u64(slot)], lookup); return ix(lookup, [wr(at), sr(me), s(me), ro(system)], u32(0), u64(slot), u8(bump)) },
  sync: () => ix(token, [wr(native)], u8(17)),
  wrap: () => ix(system, [s(me), wr(native)], u32(2), u64(777)),
  closeWrapped: () => ix(token, [wr(native), wr(who()), sr(me)], u8(9)),
  payWrapped: () => ix(token, [wr(native), ro(wrapped), wr(nativeOther), sr(me)], u8(12), u64(amount()), u8(9)),
  payWrappedUnchecked: () => ix(token, [wr(native), wr(nativeOther), sr(me)], u8(3), u64(amount())),
}
sides.forEach((t, i) => {
  const add = (name, make) => { kinds[name + (i ? '2022' : '')] = make }
  const p = t.program, checked = () => [u64(amount()), u8(6)]
  const mine = () => g.pick([t.mine, t.mine2])
  add('pay', () => ix(p, [wr(mine()), wr(t.theirs), sr(me)], u8(3), u64(amount())))
  add('payChecked', () => ix(p, [wr(mine()), ro(t.mint), wr(t.theirs), sr(me)], u8(12), ...checked()))
  add('payMyself', () => ix(p, [wr(t.mine), ro(t.mint), wr(t.mine2), sr(me)], u8(12), ...checked()))
  add('approve', () => ix(p, [wr(mine()), ro(who()), sr(me)], u8(4), u64(amount())))
  add('approveChecked', () => ix(p, [wr(mine()), ro(t.mint), ro(who()), sr(me)], u8(13), ...checked()))
  add('approveAll', () => ix(p, [wr(mine()), ro(t.mint), ro(other), sr(me)], u8(13), u64(2n ** 64n - 1n), u8(6)))
  add('revoke', () => ix(p, [wr(mine()), sr(me)], u8(5)))
  add('setOwner', () => ix(p, [wr(mine()), sr(me)], u8(6), u8(2), u8(1), raw(who())))
  add('setClose', () => ix(p, [wr(mine()), sr(me)], u8(6), u8(3), ...(g.below(2) ? [u8(0)] : [u8(1), raw(other)])))
  add('setMint', () => ix(p, [wr(t.mint), sr(me)], u8(6), u8(g.below(2)), u8(1), raw(who())))
  add('mintTo', () => ix(p, [wr(t.mint), wr(g.pick([t.mine, t.theirs])), sr(me)], u8(7), u64(amount())))
  add('mintChecked', () => ix(p, [wr(t.mint), wr(t.theirs), sr(me)], u8(14), ...checked()))
  add('burn', () => ix(p, [wr(mine()), wr(t.mint), sr(me)], u8(8), u64(amount())))
  add('burnChecked', () => ix(p, [wr(mine()), wr(t.mint), sr(me)], u8(15), ...checked()))
  add('close', () => ix(p, [wr(t.bare), wr(who()), sr(me)], u8(9)))
  add('freeze', () => ix(p, [wr(mine()), ro(t.mint), sr(me)], u8(10)))
  add('ata', () => ix(ata, [s(me), wr(ataOf(t, other)), ro(other), ro(t.mint), ro(system), ro(p)], u8(g.below(2))))
  add('ataMine', () => ix(ata, [s(me), wr(ataOf(t, me)), ro(me), ro(t.mint), ro(system), ro(p)]))
})
const ataOf = (t, of) => PublicKey.findProgramAddressSync([raw(of), raw(t.program), raw(t.mint)], ata)[0]
// seeded is the address of a seed under me, as PublicKey.createWithSeed makes it, without waiting.
const seeded = (seed, owner = system) => new PublicKey(createHash('sha256').update(raw(me)).update(seed).update(raw(owner)).digest())

function tokenAccount(mint, owner, held, isNative) {
  const b = Buffer.alloc(165)
  raw(mint).copy(b, 0); raw(owner).copy(b, 32); b.writeBigUInt64LE(held, 64); b[108] = 1
  if (isNative) { b.writeUInt32LE(1, 109); b.writeBigUInt64LE(2_039_280n, 113) }
  return b
}
function mintAccount() {
  const b = Buffer.alloc(82)
  b.writeUInt32LE(1, 0); raw(me).copy(b, 4); b.writeBigUInt64LE(100_000_000n, 36); b[44] = 6; b[45] = 1
  b.writeUInt32LE(1, 46); raw(me).copy(b, 50)
  return b
}
function wrappedMint() {
  const b = Buffer.alloc(82)
  b[44] = 9; b[45] = 1
  return b
}
function stakeAccount() {
  const b = Buffer.alloc(200)
  b.writeUInt32LE(1, 0); b.writeBigUInt64LE(2_282_880n, 4); raw(me).copy(b, 12); raw(me).copy(b, 44)
  return b
}
function nonceAccount() {
  const b = Buffer.alloc(80)
  b.writeUInt32LE(1, 0); b.writeUInt32LE(1, 4); raw(me).copy(b, 8); b.fill(7, 40, 72); b.writeBigUInt64LE(5000n, 72)
  return b
}

// world is every account that a transaction starts with: program, lamports, data.
function world() {
  const all = [
    [me, system, 100_000_000_000n, Buffer.alloc(0)], [other, system, 1_000_000_000n, Buffer.alloc(0)], [empty, system, 2_000_000n, Buffer.alloc(0)],
    [nonce, system, 60_000_000n, nonceAccount()], [stake, staking, 7_000_000_000n, stakeAccount()], [stake2, staking, 2_282_880n, Buffer.alloc(200)],
    [seeded('a'), system, 3_000_000n, Buffer.alloc(0)], [seeded('b', other), system, 3_000_000n, Buffer.alloc(0)], [fallow, system, 2_000_000n, Buffer.alloc(80)],
    [wrapped, token, 1_461_600n, wrappedMint()],
    [native, token, 2_039_280n + 5_000_000n, tokenAccount(wrapped, me, 5_000_000n, true)],
    [nativeOther, token, 2_039_280n, tokenAccount(wrapped, other, 0n, true)],
  ]
  for (const t of sides) {
    all.push([t.mint, t.program, 1_461_600n, mintAccount()])
    for (const [k, owner, held] of [[t.mine, me, 5_000_000n], [t.mine2, me, 3_000_000n], [t.theirs, other, 0n], [t.bare, me, 0n]]) {
      all.push([k, t.program, 2_039_280n, tokenAccount(t.mint, owner, held)])
    }
  }
  return all
}

const reader = (svm) => (k) => {
  const a = svm.getAccount(address(k.toBase58()))
  return a.exists ? { lamports: BigInt(a.lamports), program: a.programAddress, data: Buffer.from(a.data) } : { lamports: 0n, program: '', data: Buffer.alloc(0) }
}
const keyAt = (b, at) => (b.length < at + 32 ? '' : new PublicKey(b.subarray(at, at + 32)).toBase58())

// hands are who may do what with an account, by name.
function hands(a) {
  const p = a.program, b = a.data
  const out = { program: p }
  if ((p === token.toBase58() || p === token2022.toBase58()) && b.length >= 165) {
    out.owner = keyAt(b, 32)
    out.close = b.readUInt32LE(129) ? keyAt(b, 133) : ''
    out.state = b[108]
  } else if ((p === token.toBase58() || p === token2022.toBase58()) && b.length === 82) {
    out.mint = b.readUInt32LE(0) ? keyAt(b, 4) : ''
    out.freeze = b.readUInt32LE(46) ? keyAt(b, 50) : ''
  } else if (p === staking.toBase58() && b.length >= 76 && b[0] > 0) {
    out.staker = keyAt(b, 12)
    out.withdrawer = keyAt(b, 44)
  } else if (p === system.toBase58() && b.length === 80 && b[4] === 1) out.nonce = keyAt(b, 8)
  return out
}

// check holds what happened against what was said, and says what was not.
function check(said, old, now, start) {
  const me58 = me.toBase58()
  const total = (asset) => said.transfers.filter((t) => t.asset === asset && (t.from === me58 || t.from === ''))
    .reduce((sum, t) => sum + BigInt(t.amount), 0n)
  const own = [me, nonce, stake, native, seeded('a'), seeded('b', other), ...sides.flatMap((t) => [t.mine, t.mine2, t.bare])]
  const lamports = own.reduce((sum, k) => sum + old(k).lamports - now(k).lamports, 0n)
  const may = BigInt(said.fee ?? 0) + total('SOL') + total('token:' + wrapped.toBase58())
  if (lamports > may) return `${lamports} lamports left, ${may} were said`
  for (const t of sides) {
    const held = (read) => [t.mine, t.mine2].reduce((sum, k) => sum + (read(k).data.length >= 72 ? read(k).data.readBigUInt64LE(64) : 0n), 0n)
    const left = held(old) - held(now)
    if (left > total('token:' + t.mint.toBase58())) return `${left} tokens left`
  }
  for (const [k] of start) {
    const [was, is] = [old(k), now(k)]
    if (is.lamports > 0n || was.data.length > 0) {
      const [a, b] = [hands(was), hands(is)]
      const changed = JSON.stringify(a) !== JSON.stringify(b) || (k.equals(me) && was.data.length !== is.data.length)
      if (changed && !said.changes.some((c) => c.subject === k.toBase58()) && is.lamports > 0n) return `${k} changed hands: ${JSON.stringify([a, b])}`
    }
    if (a165(is) && is.data.readUInt32LE(72) === 1) { // a delegate that was not there
      const spender = keyAt(is.data, 76), asset = 'token:' + keyAt(is.data, 0), cap = is.data.readBigUInt64LE(121)
      if (!said.approvals.some((a) => a.spender === spender && a.asset === asset && (a.amount === null || BigInt(a.amount) >= cap))) return `${spender} may take ${cap}`
    }
  }
  return null
}
const a165 = (a) => a.data.length >= 165 && (a.program === token.toBase58() || a.program === token2022.toBase58())

test('what leaves is never more than was said', async (t) => {
  const names = Object.keys(kinds)
  assert.ok(names.length >= 55, `${names.length} kinds`)
  const svm = new LiteSVM().withSigverify(false).withBlockhashCheck(false).withTransactionHistory(0n)
  svm.setSlotHashes([{ slot: 1n, hash: fresh().toBase58() }])
  const start = world()
  const ran = new Map(names.map((n) => [n, 0]))
  const counts = { ran: 0, failed: 0, unknown: 0 }
  for (let done = 0; done < size;) {
    const batch = []
    while (batch.length < 5_000 && done + batch.length < size) {
      const of = Array.from({ length: g.pick([1, 1, 2, 3, 5]) }, () => g.pick(names))
      const made = of.map((n) => { try { return kinds[n]() } catch { return null } })
      if (made.includes(null)) continue
      const message = new TransactionMessage({ payerKey: me, recentBlockhash: fresh().toBase58(), instructions: made }).compileToLegacyMessage()
      const body = message.serialize(), signers = message.header.numRequiredSignatures
      const slots = Buffer.alloc(64 * signers, 1)
      batch.push({ of, bytes: Buffer.concat([u8(signers), slots, body]) })
    }
    const said = oracle.read('solana-effects', batch.map((b) => Buffer.concat([raw(me), b.bytes])))
    batch.forEach(({ of, bytes }, i) => {
      for (const [k, program, lamports, data] of start) {
        svm.setAccount({ address: address(k.toBase58()), executable: false, lamports, programAddress: address(program.toBase58()), data: new Uint8Array(data), space: BigInt(data.length) })
      }
      const before = new Map(start.map(([k, program, lamports, data]) => [k.toBase58(), { lamports, program: program.toBase58(), data }]))
      const result = svm.sendTransaction(getTransactionDecoder().decode(bytes))
      if (result instanceof FailedTransactionMetadata) { counts.failed++; return }
      counts.ran++
      for (const n of of) ran.set(n, ran.get(n) + 1)
      assert.ok(said[i], `refused: ${bytes.toString('hex')}`)
      if (said[i].unknown) { counts.unknown++; return }
      const why = check(said[i], (k) => before.get(k.toBase58()), reader(svm), start)
      assert.equal(why, null, `${of}: ${JSON.stringify(said[i])}: ${bytes.toString('hex')}`)
    })
    done += batch.length
  }
  t.diagnostic(JSON.stringify(counts))
  const never = names.filter((n) => ran.get(n) === 0)
  t.diagnostic(`never ran: ${never}`)
  assert.deepEqual(never, [])
  assert.ok(counts.ran > size / 3 && counts.ran - counts.unknown > size / 5, JSON.stringify(counts))
})
