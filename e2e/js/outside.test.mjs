// People sign in by an account elsewhere: a certified OpenID provider, unmodified, which the test can have lie and go away.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import bs58 from 'bs58'
import { b64u, call, ed25519Key, found, post, request, stampOf } from './app.mjs'
import { addDevice } from './browser.mjs'
import { address, arrive, decidable, open } from './logins.mjs'
import { startOutside } from './outside.mjs'

let outside, provider, server, logins, origin

before(async () => {
  outside = await startOutside()
  ;({ provider, server, logins } = outside)
  ;({ origin } = logins)
})
after(() => outside?.stop())

// identify tells the provider who one is, and lets Connect know.
async function identify(page, sub) {
  await page.waitForURL(`${provider.issuer}/**`)
  await page.fill('input[name=login]', sub)
  await page.fill('input[name=password]', 'any')
  await page.click('button[type=submit]')
  await page.click('button:text-is("Continue")')
}

// as signs a person in by the provider, from the page for it.
const as = (sub) => async (page) => {
  await page.click('[data-provider=Local]')
  await identify(page, sub)
}

const organizationOf = async (person) => (await logins.asPerson(person, 'getOrganization', {})).organizationId

const signMessage = (page) => page.evaluate(async () => {
  const { signature } = await window.wallet.solana.signMessage('hello')
  return signature instanceof Uint8Array ? [...signature] : signature
})

describe('an account elsewhere', () => {
  let person
  before(async () => { person = await logins.login({}, {}, as('alice')) })

  test('leads a new person to a wallet, which signs', async () => {
    assert.equal(person.connected, true, JSON.stringify(person.events))
    const made = await signMessage(person.page)
    const signature = Array.isArray(made) ? Uint8Array.from(made) : bs58.decode(made)
    assert.ok(ed25519.verify(signature, new TextEncoder().encode('hello'), bs58.decode(address(person, 'Solana'))))
    assert.deepEqual(person.problems, [])
  })

  test('leads to the same wallet again, also from another browser', async () => {
    await person.page.evaluate(() => window.wallet.disconnect())
    await logins.depart(person.page)
    await person.page.click('[data-provider=Local]') // where the person is signed in still, and has agreed
    await logins.consent(person.page)
    assert.deepEqual((await arrive(person.page, logins.options())).addresses, person.addresses)
    const elsewhere = await logins.login({}, {}, as('alice'))
    assert.deepEqual(elsewhere.addresses, person.addresses)
    assert.equal(await organizationOf(elsewhere), await organizationOf(person))
  })

  test('of somebody else leads somewhere else', async () => {
    const other = await logins.login({}, {}, as('bob'))
    assert.equal(other.connected, true)
    assert.notEqual(await organizationOf(other), await organizationOf(person))
    assert.notEqual(address(other, 'Solana'), address(person, 'Solana'))
  })

  test('is not used when the person says no there', async () => {
    const { page } = await logins.person()
    await logins.depart(page)
    await page.click('[data-provider=Local]')
    await page.waitForURL(`${provider.issuer}/**`)
    await page.click('a:text("Cancel")')
    await refused(page, /Local did not let you in; choose another way to sign in, or try again\./)
    await page.click('#onward')
    await page.waitForURL('**/login/sign-in*')
    await page.click('#create')
    await decidable(page)
  })
})

// refused checks that the page says what is wrong and what to do, and that nobody is signed in.
async function refused(page, why) {
  await page.waitForURL(`${origin}/login/callback*`)
  await page.waitForSelector('#problem:not([hidden])')
  assert.match(await page.textContent('#problem'), why)
  assert.equal(await page.textContent('#heading'), 'This did not work')
  assert.equal(await page.evaluate(async () => (await import('/login/assets/session.js')).current()), null)
}

describe('a provider that lies', () => {
  const seconds = Math.floor(Date.now() / 1000)
  const again = /; try again, or choose another way to sign in\.$/
  for (const [what, lie, why] of [
    ['sends another state', () => ({ query: { state: `${randomBytes(16).toString('base64url')}.${randomBytes(24).toString('base64url')}` } }), /go back to where you came from and log in again\./],
    ['names another issuer in the address', () => ({ query: { iss: 'https://evil.example' } }), /somebody else than Local answered; choose another way/i],
    ['makes a token for another key', () => ({ claims: { nonce: randomBytes(32).toString('base64url') } }), /another session key/],
    ['makes a token for another client', () => ({ claims: { aud: 'somebody-else' } }), /another client/],
    ['makes a token for another party', () => ({ claims: { azp: 'somebody-else' } }), /another party/],
    ['makes a token that has expired', () => ({ claims: { iat: seconds - 300, exp: seconds - 120 } }), /expired/],
    ['makes a token long ago', () => ({ claims: { iat: seconds - 900, exp: seconds + 900 } }), /older than tokens may be/],
    ['makes a token in the name of another', () => ({ claims: { iss: 'https://evil.example' } }), /no provider with the issuer/],
    ['has somebody else sign', () => ({ foreign: true }), /not signed by a key of its issuer/],
  ]) {
    test(`${what}: nobody is signed in, and the page says what to do`, async () => {
      const { page } = await logins.person()
      provider.lie(lie())
      try {
        await logins.depart(page)
        await as('mallory')(page)
        await refused(page, why)
        if (lie().claims || lie().foreign) assert.match(await page.textContent('#problem'), again)
      } finally {
        provider.lie()
      }
    })
  }

  test('a code is good once, and for the login that it was made for', async () => {
    const { page } = await logins.person()
    await logins.depart(page)
    const came = page.waitForRequest(`${origin}/login/callback?*`)
    await as('carol')(page)
    const used = (await came).url()
    await decidable(page)
    await page.goto(used)
    await page.waitForSelector('#problem:not([hidden])')
    assert.match(await page.textContent('#problem'), /This login has ended .* log in again\./)

    const other = await logins.person()
    await logins.depart(other.page)
    provider.lie({ query: { code: new URL(used).searchParams.get('code') } })
    try {
      await as('carol')(other.page)
      await refused(other.page, /Local did not confirm the sign-in; try again\./)
    } finally {
      provider.lie()
    }
  })
})

describe('a second way to sign in', () => {
  let person, elsewhere

  // account goes to the page of one's ways to sign in, and waits until it shows so many.
  const shows = (page, count) => page.waitForFunction((n) => document.querySelectorAll('#ways .what').length === n, count, { timeout: 10_000 })
    .catch(async (error) => { throw new Error(`${await page.textContent('main')}`, { cause: error }) })
  const account = async (page, count) => {
    await page.goto(`${origin}/account`)
    await shows(page, count)
  }
  const remove = async (page, name) => {
    await page.click(`button[aria-label="Remove ${name}"]`)
    await page.click('dialog button[value=yes]')
  }
  const status = (page, text) => page.waitForFunction((t) => new RegExp(t).test(document.getElementById('status')?.textContent), text)
  const first = 'Passkey'

  before(async () => { person = await logins.login() }) // by a passkey

  test('is added on the account page', async () => {
    await account(person.page, 1)
    await person.page.click('[data-provider=Local]')
    await identify(person.page, 'dora')
    await shows(person.page, 2)
    await status(person.page, '^Done')
    assert.match(await person.page.textContent('#ways'), /Local.*An account elsewhere/s)
  })

  test('leads to the same wallet from a device without the passkey', async () => {
    elsewhere = await logins.login({}, {}, as('dora'))
    assert.deepEqual(elsewhere.addresses, person.addresses)
  })

  test('alone it takes the other one away only after 48 hours, and any way stops that', async () => {
    const { page } = elsewhere
    await account(page, 2)
    await remove(page, first)
    await status(page, 'takes effect on .*, unless it is stopped')
    await page.waitForSelector('#changes .what')
    assert.equal(await page.locator('#ways .what').count(), 2, 'it is there still')
    assert.equal(await page.locator('#changes button:text("Complete")').count(), 0)
    const { pending: [{ id: changeId }] } = await logins.asPerson(elsewhere, 'listWays', {})
    await assert.rejects(logins.asPerson(elsewhere, 'completeWayChange', { changeId }), /the change waits until/i)
    await account(person.page, 2) // by the passkey, which was not lost after all
    await person.page.click('button[aria-label="Stop the change"]')
    await person.page.waitForSelector('#changes-section', { state: 'hidden' })
    assert.deepEqual((await logins.asPerson(elsewhere, 'listWays', {})).pending, [])
  })

  test('with another at hand, a lost passkey is replaced at once', async () => {
    const { page } = person
    await account(page, 2)
    await page.click('[data-prove=Local]')
    await page.waitForFunction(() => /two of your ways/.test(document.getElementById('prove-text')?.textContent))
    await person.device.remove()
    await addDevice(person.context, page) // a new one, on which there is no passkey
    await page.click('#add-passkey')
    await shows(page, 3)
    await remove(page, first)
    await page.waitForURL('**/login/sign-in*') // that was what the person was signed in with
    await page.click('#passkey')
    await page.waitForURL('**/account')
    await shows(page, 2)
    const { ways, pending } = await logins.asPerson(person, 'listWays', {})
    assert.deepEqual([ways.map((w) => w.name.replace(/ of .*/, '')).sort(), pending], [['Local', 'Passkey'], []])
  })

  test('the new passkey leads to the same wallet', async () => {
    const { page } = person
    await page.click('#sign-out')
    await page.waitForURL('**/login/sign-in*')
    await page.goto(logins.dapp.origin)
    await open(page, logins.options())
    await page.evaluate(() => window.wallet.disconnect()) // an origin has one session, whatever the app
    await logins.depart(page, { appId: 'another-app' })
    await page.click('#passkey')
    await decidable(page)
    await page.locator('#others input').first().check()
    await logins.consent(page)
    assert.deepEqual((await arrive(page, logins.options({ appId: 'another-app' }))).addresses, elsewhere.addresses)
  })
})

describe('keys of an issuer that goes away', () => {
  let app
  before(async () => { app = await found(server.baseUrl) })
  const jwks = (more = '') => ({ jwksUrl: `${provider.issuer}/jwks${more}` })

  // member lets somebody act by tokens of the provider, whose keys are where `source` says, and resolves to a request of theirs.
  async function member(sub, source) {
    const { organizationId } = app
    await call(server.baseUrl, app.key, 'createAuthenticator', { organizationId, username: 'admin', authenticator: {
      authenticatorName: sub, authenticatorKind: 'oidc', idTokenClaims: { iss: provider.issuer, sub, aud: ['agents'] }, ...source,
    } })
    const key = ed25519Key()
    const iat = Math.floor(Date.now() / 1000)
    const idToken = provider.token({ sub, aud: 'agents', nonce: createHash('sha256').update(key.publicKey).digest('base64url'), iat, exp: iat + 600 })
    return async () => {
      const body = request('getOrganization', { organizationId })
      const { status, json, text } = await post(server.baseUrl, body, { stamp: stampOf(key, body, { kind: 'OIDC', idToken, salt: '' }) })
      return { status, text, id: json?.result?.organizationId }
    }
  }
  const passes = async (ask) => {
    const { status, id, text } = await ask()
    assert.equal(status, 200, text)
    assert.equal(id, app.organizationId)
  }

  test('keys that are known hold on, and those that cannot be had are asked for again', async () => {
    const known = [await member('by-issuer', { issuerUrl: provider.issuer }), await member('by-url', jwks())]
    for (const ask of known) await passes(ask)

    await provider.stop()
    const stranger = await member('never-fetched', jwks('?never'))
    for (const ask of known) await passes(ask)
    const denied = await stranger()
    assert.equal(denied.status, 503)
    assert.match(denied.text, /the keys of https:[^ ]*\?never, .* cannot be fetched: .*connection refused/)

    await provider.start()
    assert.equal((await stranger()).text.includes('connection refused'), true, 'not more than one fetch a minute from one URL')
    await passes(await member('asked-later', jwks('?later')))
    for (const ask of known) await passes(ask)
  })

  test('a token of another issuer, or for nobody here, is none', async () => {
    const { organizationId } = app
    const ask = await member('by-url-again', jwks())
    await passes(ask)
    const key = ed25519Key()
    const body = request('getOrganization', { organizationId })
    const iat = Math.floor(Date.now() / 1000)
    const nonce = createHash('sha256').update(key.publicKey).digest('base64url')
    for (const change of [{ sub: 'somebody' }, { aud: 'others' }, { iss: 'https://evil.example' }, { nonce: b64u(randomBytes(32)) }, { exp: iat - 120, iat: iat - 600 }]) {
      const idToken = provider.token({ sub: 'by-url-again', aud: 'agents', nonce, iat, exp: iat + 600, ...change })
      const { status } = await post(server.baseUrl, body, { stamp: stampOf(key, body, { kind: 'OIDC', idToken, salt: '' }) })
      assert.equal(status, 401, JSON.stringify(change))
    }
  })
})
