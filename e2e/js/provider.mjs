// An outside OpenID provider, as others run it: a certified server of its own, over TLS, with a certificate that only
// this test knows. A test can have it lie, and go away.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Provider from 'oidc-provider'
import { newCertificate } from './certificate.mjs'

export const clientId = 'redoubt'
const kid = 'key of the provider'
const b64u = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

function signed(key, claims) {
  const input = `${b64u({ alg: 'RS256', typ: 'JWT', kid })}.${b64u(claims)}`
  return `${input}.${sign('sha256', input, key).toString('base64url')}`
}

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))

// startProvider resolves to {issuer, args, accept, lie, token, stop, start, close}.
export async function startProvider() {
  const folder = await mkdtemp(join(tmpdir(), 'provider-'))
  const { root, cert, key: tlsKey } = newCertificate()
  const rootFile = join(folder, 'root.pem')
  await writeFile(rootFile, root)
  const [key, foreign] = [newKey(), newKey()]
  let answer = (_, response) => response.writeHead(503).end()
  let lies = {}

  const server = createServer({ cert, key: tlsKey }, (request, response) => answer(request, response))
  const listen = (port) => new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address()
  const issuer = `https://127.0.0.1:${port}`
  const stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })

  // accept opens the provider for a client with one address to answer to.
  function accept(redirectUri) {
    const provider = new Provider(issuer, {
      clients: [{ client_id: clientId, redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }],
      jwks: { keys: [{ ...key.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }] },
      cookies: { keys: [randomBytes(16).toString('hex')] },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    })
    provider.use(async (ctx, next) => {
      await next()
      if (ctx.body?.id_token && (lies.claims || lies.foreign)) {
        ctx.body = { ...ctx.body, id_token: signed(lies.foreign ? foreign : key, { ...claimsOf(ctx.body.id_token), ...lies.claims }) }
      }
      const location = ctx.response.get('location') ?? ''
      if (lies.query && location.startsWith(redirectUri)) {
        const to = new URL(location)
        for (const [name, value] of Object.entries(lies.query)) to.searchParams.set(name, value)
        ctx.set('location', to.href)
      }
    })
    answer = provider.callback()
  }

  return {
    issuer, accept, stop,
    args: ['--connect-provider', `Local=${issuer},${clientId}`, '--connect-root', rootFile, '--connect-loopback', `127.0.0.1:${port}`],
    // lie has answers changed from now on: {claims} of ID tokens, {foreign: true} for another key that signs them, {query}
    // of the address that people are sent back to. No argument ends it.
    lie: (what = {}) => { lies = what },
    // token signs claims as the provider does.
    token: (claims) => signed(key, { iss: issuer, ...claims }),
    start: () => listen(port),
    close: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
