// Random Sui transactions as the public library builds them, the same for the same seed. Run as a program it writes the
// vectors of chain/sui: node suirandom.mjs COUNT > ../../chain/sui/testdata/mysten.txt
import { fileURLToPath } from 'node:url'
import { bcs } from '@mysten/sui/bcs'
import { Inputs, Transaction } from '@mysten/sui/transactions'
import { toBase58, toHex } from '@mysten/sui/utils'

// generator is a small one (mulberry32): good enough to vary, and the same everywhere.
export function generator(seed) {
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (n) => next() % n
  const bytes = (n) => Uint8Array.from({ length: n }, () => below(256))
  return {
    below, bytes,
    pick: (list) => list[below(list.length)],
    address: () => '0x' + toHex(bytes(32)),
    u64: () => BigInt(next()) * BigInt(1 + below(1 << 20)),
  }
}

const objectRef = (g) => ({ objectId: g.address(), version: g.u64().toString(), digest: toBase58(g.bytes(32)) })
const names = ['coin', 'pool', 'swap_exact_in', '_x', 'T0', 'deposit']
const types = (g, depth = 0) => g.pick([
  'u8', 'u64', 'u128', 'u256', 'u16', 'u32', 'bool', 'address', '0x2::sui::SUI',
  ...(depth > 3 ? [] : [`vector<${types(g, depth + 1)}>`, `${g.address()}::${g.pick(names)}::${g.pick(names)}<${types(g, depth + 1)}, ${types(g, depth + 1)}>`]),
])

function object(g, tx) {
  return tx.object(g.pick([
    () => Inputs.ObjectRef(objectRef(g)),
    () => Inputs.ReceivingRef(objectRef(g)),
    () => Inputs.SharedObjectRef({ objectId: g.address(), initialSharedVersion: g.u64().toString(), mutable: g.below(2) === 1 }),
  ])())
}

const expirations = (g) => [
  { None: true },
  { Epoch: g.below(1 << 20) },
  { ValidDuring: { minEpoch: '5', maxEpoch: '6', minTimestamp: null, maxTimestamp: null, chain: toBase58(g.bytes(32)), nonce: g.below(1 << 30) } },
]

// randomTransaction makes a transaction of a sender, whose gas another may pay.
export function randomTransaction(g, sender, owner = sender) {
  const tx = new Transaction()
  tx.setSender(sender)
  tx.setGasOwner(owner)
  tx.setGasPrice(1 + g.below(5000))
  tx.setGasBudget(g.u64() + 1n)
  tx.setGasPayment(Array.from({ length: g.below(4) }, () => objectRef(g)))
  tx.setExpiration(g.pick(expirations(g)))
  const coins = [tx.gas]
  for (let i = 0; i < 3; i++) coins.push(object(g, tx))
  for (let left = 1 + g.below(8); left > 0; left--) {
    g.pick([
      () => {
        const amounts = Array.from({ length: 1 + g.below(3) }, () => g.u64())
        const made = tx.splitCoins(g.pick(coins), amounts)
        amounts.forEach((_, i) => coins.push(made[i]))
      },
      () => tx.transferObjects(Array.from({ length: 1 + g.below(3) }, () => g.pick(coins)), g.address()),
      () => tx.mergeCoins(g.pick(coins), [g.pick(coins)]),
      () => coins.push(tx.moveCall({
        target: `${g.address()}::${g.pick(names)}::${g.pick(names)}`,
        typeArguments: Array.from({ length: g.below(3) }, () => types(g)),
        arguments: [g.pick(coins), tx.pure.u8(g.below(256)), tx.pure.string('grüezi'), tx.pure(bcs.vector(bcs.u16()).serialize([1, 2, 3]))],
      })),
      () => tx.makeMoveVec({ type: g.below(2) ? types(g) : undefined, elements: [g.pick(coins), g.pick(coins)] }),
      () => tx.publish({ modules: [[...g.bytes(g.below(300))]], dependencies: [g.address()] }),
      () => tx.upgrade({ modules: [[...g.bytes(g.below(40))]], dependencies: ['0x1', '0x2'], package: g.address(), ticket: g.pick(coins) }),
    ])()
  }
  return tx
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const g = generator(1)
  for (let i = 0; i < Number(process.argv[2]); i++) {
    const sender = g.address()
    const tx = randomTransaction(g, sender, g.below(3) ? sender : g.address())
    const bytes = await tx.build()
    process.stdout.write(`${Buffer.from(bytes).toString('base64')} ${await tx.getDigest()}\n`)
  }
}
