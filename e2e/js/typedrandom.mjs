// Random typed data of EIP-712 and what remains of it after a change in one place, the same for the same seed.
import { hexlify } from 'ethers'

const texts = ['', 'a', 'grüezi', '0x', 'Mail(address to)', '\u0000', '😀']
const domainTypes = [
  { name: 'name', type: 'string' }, { name: 'version', type: 'string' }, { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
]
const address = (g) => hexlify(g.bytes(20))

// typeName names an atom or a later struct, perhaps in arrays.
function typeName(g, later) {
  const arrays = g.below(4) ? '' : g.pick(['[]', '[2]', '[][]', '[1][]'])
  const size = 8 * (1 + g.below(32))
  return g.pick([`uint${size}`, `int${size}`, `bytes${1 + g.below(32)}`, 'bool', 'address', 'string', 'bytes', ...later, ...later]) + arrays
}

function value(g, types, type) {
  const array = /^(.*)\[(\d*)\]$/.exec(type)
  if (array) return Array.from({ length: array[2] ? Number(array[2]) : g.below(3) }, () => value(g, types, array[1]))
  if (types[type]) return Object.fromEntries(types[type].map((f) => [f.name, value(g, types, f.type)]))
  if (type === 'bool') return g.below(2) === 1
  if (type === 'string') return g.pick(texts)
  if (type === 'address') return address(g)
  if (type === 'bytes') return hexlify(g.bytes(g.below(50)))
  const [, kind, size] = /^(\D+)(\d+)$/.exec(type)
  if (kind === 'bytes') return hexlify(g.bytes(Number(size)))
  const bits = BigInt.asUintN(Number(size) - (kind === 'int' ? 1 : 0), BigInt(hexlify(g.bytes(32))) >> BigInt(g.below(256)))
  const n = kind === 'int' && g.below(2) ? -bits : bits
  return n > -1000n && n < 1000n && g.below(2) ? Number(n) : n.toString()
}

// randomTyped makes structs T0, T1, …, each of which mentions later ones only.
export function randomTyped(g) {
  const count = 1 + g.below(4)
  const names = Array.from({ length: count }, (_, i) => `T${i}`)
  const types = { EIP712Domain: domainTypes }
  names.forEach((name, i) => {
    types[name] = Array.from({ length: 1 + g.below(5) }, (_, j) => ({ name: `f${j}`, type: typeName(g, names.slice(i + 1)) }))
  })
  return {
    types, primaryType: 'T0', message: value(g, types, 'T0'),
    domain: { name: g.pick(texts), version: '1', chainId: g.below(2) ? 1 + g.below(9) : String(1 + g.below(99)), verifyingContract: address(g) },
  }
}

// spoilt changes one place of a copy.
export function spoilt(g, typed) {
  const places = []
  const walk = (o) => {
    for (const k of Object.keys(o)) {
      places.push([o, k])
      if (o[k] !== null && typeof o[k] === 'object') walk(o[k])
    }
  }
  walk(typed)
  const [o, k] = g.pick(places)
  const v = o[k]
  const text = String(v)
  o[k] = g.pick([
    () => text + g.pick(['0', ' ', 'x', '[]', '.0', 'e1']), () => text.slice(0, -1), () => text.toUpperCase(), () => '0' + text, () => '-' + text,
    () => '0x' + text, () => [v], () => Object(v) === v ? {} : { v }, () => null, () => true, () => 1, () => -1, () => 2 ** 60, () => 1.5, () => '1e3',
    () => '', () => 'T1', () => 'uint256', () => 'string', () => 'bytes32', () => '0x00', () => hexlify(g.bytes(20)), () => typeof v === 'string' ? Number(v) : text,
    () => g.pick(texts), () => Number(v) + 1, () => '0x' + '0'.repeat(63) + '1',
  ])()
  if (g.below(10) === 0) delete o[k]
  if (g.below(10) === 0 && !Array.isArray(o)) o[k + 'x'] = v
  return typed
}
