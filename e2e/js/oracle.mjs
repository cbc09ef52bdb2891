// Asks our parsers and keys, as e2e/oracle prints them, without a server in between.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const maxBuffer = 1 << 30

// full is whether heavy lines run whole.
export const full = process.env.REDOUBT_ACCEPTANCE === 'full'
// scale is the size of a heavy line.
export const scale = (sample, whole) => (full ? whole : sample)
export const hex = (bytes) => '0x' + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

// buildOracle builds the program, and gives back how to ask it and how to remove it.
export function buildOracle() {
  const folder = mkdtempSync(join(tmpdir(), 'oracle-'))
  const program = join(folder, 'oracle')
  execFileSync('go', ['build', '-o', program, './e2e/oracle'], { cwd: root, env: { ...process.env, CGO_ENABLED: '0' } })
  const run = (args, input) => {
    const lines = execFileSync(program, args, { input, maxBuffer }).toString().split('\n')
    assert.equal(lines.pop(), '')
    return lines.map((l) => JSON.parse(l))
  }
  return {
    // read gives for each input what ours says of it, or null.
    read: (format, inputs) => {
      const said = run(['read'], inputs.map((b) => `${format} ${hex(b).slice(2)}\n`).join(''))
      assert.equal(said.length, inputs.length)
      return said
    },
    // sign makes signatures of every kind of key.
    sign: (count) => run(['sign', String(count)]),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

// differ draws inputs in batches, asks both sides about good ones and about mutants of them, and counts. What we accept,
// they must accept, but for numbers that are `beyond` what they can hold; `same` compares the parts. They may take what we
// refuse, but not if nobody spoilt it.
export function differ({ oracle, format, count, make, mutants, mutate, theirs, same, beyond = () => false }) {
  const counts = { good: 0, both: 0, neither: 0, stricter: 0, beyond: 0 }
  for (let done = 0; done < count;) {
    const inputs = []
    while (inputs.length < 20_000 && done + inputs.length < count) {
      const good = make()
      inputs.push({ bytes: good, good: true })
      for (let i = 0; i < mutants; i++) inputs.push({ bytes: mutate(good), good: false })
    }
    const ours = oracle.read(format, inputs.map((i) => i.bytes))
    inputs.forEach(({ bytes, good }, i) => {
      let other
      try {
        other = theirs(bytes)
      } catch (e) {
        assert.ok(ours[i] === null || beyond(ours[i]), `we accept ${format} ${hex(bytes)}, they say ${e.message}`)
        assert.ok(!good, `a good ${format} is refused: ${hex(bytes)}: ${e.message}`)
        counts[ours[i] === null ? 'neither' : 'beyond']++
        return
      }
      if (ours[i] !== null) same(ours[i], other, bytes)
      assert.ok(ours[i] !== null || !good, `we refuse a good ${format} ${hex(bytes)}`)
      counts[ours[i] === null ? 'stricter' : good ? 'good' : 'both']++
    })
    done += inputs.length
  }
  return counts
}

// flip changes one to three bytes of a copy: bits, whole bytes, or what is there from somewhere on.
export function flip(g, bytes, from = 0) {
  const b = Uint8Array.from(bytes)
  const n = 1 + g.below(3)
  for (let i = 0; i < n; i++) {
    const at = from + g.below(b.length - from)
    if (g.below(2)) b[at] ^= 1 << g.below(8)
    else b[at] = g.pick([0, 1, 0x7f, 0x80, 0xff, g.below(256)])
  }
  if (g.below(8) === 0) return b.slice(0, b.length - 1 - g.below(Math.min(b.length - 1, 40)))
  if (g.below(16) === 0) return Uint8Array.from([...b, ...g.bytes(1 + g.below(4))])
  return b
}
