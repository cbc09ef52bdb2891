// The published contract, read from its package, as JSON schemas to hold requests and answers against. Where real clients
// or this server differ from it, the difference is written down here, and nowhere else; docs/spec/rpc.md explains each.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'

const require = createRequire(import.meta.url)
const file = require.resolve('@phantom/openapi-wallet-service/package.json').replace('package.json', 'kms_api.yml')
const components = parse(readFileSync(file, 'utf8')).components.schemas

// resolve writes out references; the contract has no circle of them.
function resolve(schema) {
  if (Array.isArray(schema)) return schema.map(resolve)
  if (schema === null || typeof schema !== 'object') return schema
  if (schema.$ref) {
    const { $ref, ...rest } = schema
    return resolve({ ...components[$ref.split('/').pop()], ...rest })
  }
  return Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, k === 'example' || k === 'examples' ? v : resolve(v)]))
}

// close refuses members that the contract does not name. Parts of an allOf are closed together.
function close(schema, part = false) {
  if (schema === null || typeof schema !== 'object' || Array.isArray(schema)) return schema
  const out = { ...schema }
  for (const k of ['oneOf', 'anyOf']) if (out[k]) out[k] = out[k].map((s) => close(s, part))
  if (out.allOf) out.allOf = out.allOf.map((s) => close(s, true))
  if (out.properties) out.properties = Object.fromEntries(Object.entries(out.properties).map(([k, v]) => [k, close(v)]))
  if (out.items) out.items = close(out.items)
  const object = out.properties || out.allOf
  if (object && !part && out.additionalProperties === undefined) out.unevaluatedProperties = false
  return out
}

// edit walks all objects with a property of a name.
function edit(schema, name, change) {
  if (schema === null || typeof schema !== 'object') return
  if (schema.properties?.[name]) change(schema, schema.properties)
  Object.values(schema).forEach((s) => edit(s, name, change))
}

const optional = (schema, ...names) => { schema.required = schema.required?.filter((n) => !names.includes(n)) }

// What clients send beyond the contract, and what this server takes or leaves out.
function deviations(schema) {
  edit(schema, 'publicKey', (s, p) => {
    if (p.publicKey.type === 'array') p.publicKey = { type: 'string' } // base64url, as all clients send it
  })
  edit(schema, 'derivationPath', (s) => optional(s, 'curve', 'addressFormat')) // they follow from the path
  edit(schema, 'mnemonicLength', (s) => { s.not = { required: ['curve'] } }) // whose presence decides
  edit(schema, 'verifyingContract', (s, p) => { p.chainId = { type: ['string', 'integer', 'null'] } }) // a number, as clients send it
  return schema
}

const extra = {
  createAuthenticator: { authenticatorName: { type: 'string' } },
  createOrganization: { parentOrganizationId: { type: ['string', 'null'] } },
  getWalletWithTag: { derivationPaths: { type: 'array', items: { type: 'string' } } },
  getAccounts: { policyName: { type: ['string', 'null'] } },
  signTransaction: { submissionConfig: { type: 'object' }, simulationConfig: { type: 'object' } },
  transferOrganizationWallet: { awaitAcceptance: { type: 'boolean' } },
  getOrCreatePhantomOrganization: { publicKey: { type: 'string' } },
  getPhantomOrganization: { publicKey: { type: 'string' } },
  initWalletImport: { kem: { type: 'string' } },
}

const unwrap = (schema) => schema.oneOf ?? [schema]

// methods maps each method of the contract to the schema of its parameters.
export const methods = Object.fromEntries(unwrap(components.KmsRpcRequestParams).map((arm) => {
  const name = arm.properties.method.enum[0]
  const params = deviations(resolve(arm.properties.params ?? { type: 'object' }))
  return [name, close({ allOf: [params, { type: 'object', properties: extra[name] ?? {} }] })]
}))

const titled = (title) => resolve(components.KmsResult).oneOf.find((s) => s.title === title)
const organization = deviations(titled('Organization'))
const authenticator = deviations(titled('Authenticator'))
const wallet = deviations(titled('Kms Wallet with Derived Accounts'))
const grant = titled('Organization to Wallet')
const signature = titled('Signature with Public Key')
const orNull = (schema) => ({ oneOf: [{ type: 'null' }, schema] })

// results maps each method to the schema of its result.
export const results = {
  createOrganization: organization,
  getOrganization: organization,
  getPhantomOrganization: orNull(organization),
  getOrCreatePhantomOrganization: organization,
  addUserToOrganization: organization,
  updateUserInOrganization: organization,
  deleteUserFromOrganization: organization,
  createAuthenticator: authenticator,
  updateAuthenticator: authenticator,
  deleteAuthenticator: authenticator,
  createWallet: wallet,
  getOrCreateWalletWithTag: wallet,
  getWalletWithTag: orNull(wallet),
  completeImportWallet: wallet,
  getOrganizationWallets: titled('Organization Wallets'),
  getAccounts: titled('Derived Accounts'),
  signRawPayload: signature,
  signUtf8Message: signature,
  ethereumSignMessage: signature,
  ethereumSignTypedData: signature,
  signTransaction: titled('Signed transaction with Public Key'),
  grantOrganizationAccess: grant,
  revokeOrganizationAccess: grant,
  transferOrganizationWallet: grant,
  getWalletAccessGrantsRequest: titled('Wallet Access Grants'),
  initWalletImport: resolve(titled('Import Envelope') ?? components.ImportEnvelope),
  exportWallet: titled('Encrypted Bundle (either mnemonic entropy or keypair)'),
}

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats(ajv)
const compile = (schemas) => Object.fromEntries(Object.entries(schemas).map(([k, s]) => [k, ajv.compile(s)]))
export const validParams = compile(methods)
export const validResult = compile(results)
export const validError = ajv.compile(resolve(components.ErrorResponse))
export const complaints = (validate) => ajv.errorsText(validate.errors)
