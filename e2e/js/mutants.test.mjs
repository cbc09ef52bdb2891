// Hostile bodies: for each method of the contract, bodies that it allows and bodies that it does not. Nothing is a server
// error, every answer has the contract's shape, and what the contract does not allow is not done.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { call, ed25519Key, ethereumPath, found, post, request, solanaPath } from './app.mjs'
import { complaints, methods, validError, validParams, validResult } from './openapi.mjs'
import { startRedoubt } from './redoubt.mjs'

const runs = Number(process.env.MUTANTS ?? 30)
const seed = Number(process.env.SEED ?? 20260101)

let redoubt, baseUrl, owner, live
before(async () => {
  redoubt = await startRedoubt()
  baseUrl = redoubt.baseUrl
  owner = await found(baseUrl)
  const target = await found(baseUrl)
  const make = () => call(baseUrl, owner.key, 'createWallet', { organizationId: owner.organizationId, walletName: 'w' })
  live = {
    organizationId: owner.organizationId, ownerOrganizationId: owner.organizationId, targetOrganizationId: target.organizationId,
    walletId: (await make()).walletId, given: (await make()).walletId,
  }
})
after(() => redoubt?.stop())

// A value by the name of its member: most of them must mean something for a request to get far.
const named = {
  organizationId: () => fc.constant(live.organizationId),
  ownerOrganizationId: () => fc.constant(live.ownerOrganizationId),
  targetOrganizationId: () => fc.constant(live.targetOrganizationId),
  walletId: () => fc.oneof({ weight: 9, arbitrary: fc.constant(live.walletId) }, { weight: 1, arbitrary: fc.uuid() }),
  authenticatorId: () => fc.uuid(),
  username: () => fc.constantFrom('admin', 'u1', 'u2', 'u3'),
  walletName: () => fc.string({ minLength: 1, maxLength: 70 }),
  tag: () => fc.constantFrom('a', 'b', 'c'),
  derivationPath: () => fc.constantFrom(solanaPath(), ethereumPath(), "m/84'/0'/0'/0", "m/44'/784'/0'/0'/0'", "m/86'/0'/0'/0/0", 'm/0'),
  publicKey: () => fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('base64url')),
  parentOrganizationId: () => fc.constantFrom(null, live?.organizationId),
}

// from makes values that a schema allows.
function from(schema, name) {
  const string = schema.type === 'string' || (Array.isArray(schema.type) && schema.type.includes('string'))
  if (named[name] && string) return named[name]()
  if (schema.oneOf) return fc.oneof(...schema.oneOf.map((s) => from(s, name)))
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.allOf) return fc.tuple(...schema.allOf.map((s) => from(s))).map((parts) => Object.assign({}, ...parts))
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => from({ ...schema, type }, name)))
  switch (schema.type) {
    case 'null': return fc.constant(null)
    case 'boolean': return fc.boolean()
    case 'integer': return fc.oneof(fc.nat(50), fc.maxSafeNat())
    case 'string': return fc.oneof(fc.base64String({ maxLength: 60 }), fc.string({ maxLength: 30, unit: 'grapheme' }), fc.uuid())
    case 'array': return fc.array(from(schema.items ?? {}, name), { maxLength: 3 })
    case 'object': return object(schema)
    default: return fc.oneof(fc.nat(9), fc.string({ maxLength: 5 }), fc.constant(null), fc.constant({}))
  }
}

function object(schema) {
  const members = Object.entries(schema.properties ?? {})
  const required = new Set(schema.required ?? [])
  const model = Object.fromEntries(members.map(([k, s]) => [k, from(s, k)]))
  if (members.length === 0 && schema.additionalProperties) {
    return fc.dictionary(fc.string({ minLength: 1, maxLength: 9 }), from(schema.additionalProperties), { maxKeys: 3 })
  }
  return fc.record(model, { requiredKeys: members.map(([k]) => k).filter((k) => required.has(k)) })
}

// spoil changes one place of a value: a member goes, comes, is renamed, or becomes something else.
const spoiled = (params) => fc.tuple(fc.nat(), fc.nat(5)).map(([at, how]) => {
  const copy = structuredClone(params)
  const places = []
  const walk = (o) => {
    if (o === null || typeof o !== 'object') return
    for (const k of Object.keys(o)) {
      places.push([o, k])
      walk(o[k])
    }
  }
  walk(copy)
  if (places.length === 0) return { extra: 1 }
  const [o, k] = places[at % places.length]
  const value = o[k]
  if (how === 0) delete o[k]
  else if (how === 1) o[k] = typeof value === 'object' ? 'text' : { value }
  else if (how === 2) o[k] = [value]
  else if (how === 3 && !Array.isArray(o)) { o[k.toUpperCase() + 'x'] = value }
  else if (how === 4 && !Array.isArray(o)) { delete o[k]; o[k[0].toUpperCase() + k.slice(1)] = value }
  else o[k] = typeof value === 'number' ? value + 0.5 : 12.5
  return copy
})

async function send(method, params) {
  // Keys that found or join an organization are new each time; the caller's own stays.
  const answer = await post(baseUrl, request(method, params), { key: owner.key })
  const shown = `${method} ${JSON.stringify(params)}: ${answer.status} ${answer.text}`
  assert.ok(answer.status < 500, shown)
  if (answer.status === 200) assert.ok(validResult[method](answer.json.result), `${shown}: ${complaints(validResult[method])}`)
  else assert.ok(validError(answer.json) && answer.json.type && answer.json.requestId, shown)
  return { ...answer, shown }
}

for (const method of Object.keys(methods)) {
  test(method, async () => {
    if (method === 'transferOrganizationWallet') named.walletId = () => fc.constant(live.given)
    const allowed = from(methods[method])
    let count = 0
    await fc.assert(fc.asyncProperty(allowed, async (params) => { await send(method, params) }), { numRuns: runs, seed })
    await fc.assert(fc.asyncProperty(allowed.chain(spoiled), async (params) => {
      if (validParams[method](params)) return
      count++
      const { status, shown } = await send(method, params)
      assert.notEqual(status, 200, `done, although the contract does not allow it (${complaints(validParams[method])}): ${shown}`)
    }), { numRuns: runs, seed })
    assert.ok(count > 0, 'nothing was spoiled')
  })
}

test('bodies that are no JSON of the protocol', async () => {
  const good = request('getOrganization', { organizationId: owner.organizationId })
  const bad = [
    '', 'null', '[]', '1', '{', good + '}', good + good, good.replace('{', '{"method":"getOrganization",'),
    good.replace('"method"', '"Method"'), good.replace('"params"', '"\\u0070arams","x"'), good.replace('{', '{"constructor":{},'),
    good.replace(owner.organizationId, randomUUID().toUpperCase()), `\ufeff${good}`, good.replace(/\d{13}/, '1e12'), good.replace(/\d{13}/, '-1'),
    good.replace('getOrganization', '__proto__'), good.replace('getOrganization', 'constructor'), '['.repeat(100_000),
  ]
  for (const body of bad) {
    const { status, json, text } = await post(baseUrl, body, { key: owner.key })
    assert.ok(status >= 400 && status < 500 && json?.type, `${body.slice(0, 80)}: ${status} ${text}`)
  }
})
