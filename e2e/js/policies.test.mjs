// Our evaluation of rules against another implementation of CEL, on random rules and requests: both find each rule true,
// false or in error, and what follows for the request is what the specification of policies says.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CelScalar, celEnv, celFunc, isCelError, parse, plan, run } from '@bufbuild/cel'
import { buildOracle, scale } from './oracle.mjs'
import { bindings, constants, randomRequest, rules } from './policyrandom.mjs'
import { generator } from './suirandom.mjs'

const pairs = Number(process.env.DIFFERENTIAL ?? scale(2_000, 100_000))
const requestsEach = 5
let oracle
before(() => { oracle = buildOracle() })
after(() => oracle?.remove())

const natural = (n) => { if (n < 0n) throw new Error('below zero'); return n }
const { INT, STRING } = CelScalar
const env = celEnv({ funcs: [
  celFunc('uint256', [STRING], INT, (text) => { if (!/^(0x[0-9a-f]+|[0-9]+)$/.test(text)) throw new Error('not a number'); return BigInt(text) }),
  celFunc('uint256', [INT], INT, natural),
  celFunc('minus', [INT, INT], INT, (a, b) => natural(a - b)),
] })

// value makes integers of the numbers in JSON.
const value = (v) => (typeof v === 'number' ? BigInt(v) : Array.isArray(v) ? v.map(value) : v && typeof v === 'object' ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, value(x)])) : v)
const fixed = value(constants)
const json = JSON.stringify(constants, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)).replace(/"(\d+)n"/g, '$1')

function theirs(planned, vars) {
  let v
  try {
    v = planned(vars)
  } catch {
    return 'error'
  }
  if (isCelError(v)) return 'error'
  assert.equal(typeof v, 'boolean')
  return String(v)
}

// outcome is what the results of rules come to.
function outcome(list, results) {
  if (list.some((r, i) => r.Outcome === 'DENY' && results[i] !== 'false')) return 'DENY'
  return list.some((r, i) => r.Outcome === 'ALLOW' && results[i] === 'true') ? 'ALLOW' : ''
}

test('rules and @bufbuild/cel', (t) => {
  const g = generator(21)
  const rule = rules(g)
  let refused = 0
  const counts = { true: 0, false: 0, error: 0, ALLOW: 0, DENY: 0, '': 0 }
  for (let done = 0; done < pairs;) {
    const policies = []
    while (policies.length < 500 && done < pairs) {
      const list = Array.from({ length: 1 + g.below(3) }, () => ({ text: rule(), Outcome: g.pick(['ALLOW', 'ALLOW', 'DENY']) }))
      policies.push({ list, Requests: Array.from({ length: requestsEach }, () => randomRequest(g)) })
      done += requestsEach
    }
    const inputs = policies.map(({ list, Requests }) => {
      const Rules = list.map((r) => ({ Expression: r.text[0], Outcome: r.Outcome }))
      return Buffer.from(JSON.stringify({ Rules, Requests }).replace(/}$/, `,"Constants":${json}}`))
    })
    const answers = oracle.read('policy', inputs)
    policies.forEach(({ list, Requests }, i) => {
      if (/: type conversion error from 'string'/.test(answers[i]?.refused)) { // of a literal, which we see when it is written
        refused++
        return
      }
      assert.ok(Array.isArray(answers[i]), `${answers[i]?.refused ?? inputs[i]}`)
      const planned = list.map((r) => plan(env, parse(r.text[1])))
      Requests.forEach((request, j) => {
        const ours = answers[i][j]
        const time = run(`timestamp('${new Date(request.Time).toISOString()}')`)
        const vars = { ...fixed, ...bindings(request, ours.effects, time) }
        const results = planned.map((p) => theirs(p, vars))
        list.forEach((r, k) => assert.equal(ours.results[k], results[k], `${r.text[0]}\n${JSON.stringify(request)}\n${JSON.stringify(ours.effects)}`))
        assert.equal(ours.outcome, outcome(list, results))
        counts[ours.outcome]++
        for (const r of results) counts[r]++
      })
    })
  }
  t.diagnostic(`${JSON.stringify(counts)}, refused: ${refused}`)
  assert.ok(refused * requestsEach < pairs / 50, `${refused} are refused`)
  for (const [kind, n] of Object.entries(counts)) assert.ok(n > pairs / 20, `${kind}: ${JSON.stringify(counts)}`)
})
