// Every page of Connect, in every state that people may see it in.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import bs58 from 'bs58'
import { decidable } from './logins.mjs'
import { check, watch } from './pagechecks.mjs'
import { startOutside } from './outside.mjs'

let outside, provider, server, logins, origin

before(async () => {
  outside = await startOutside({ appId: 'Acme-Wallet' })
  ;({ provider, server, logins } = outside)
  ;({ origin } = logins)
})
after(() => outside?.stop())

// visitor is somebody new, whose pages are watched.
async function visitor() {
  const person = await logins.person()
  const seen = watch(person.context, origin)
  return { ...person, see: (name, main, more) => check(person.page, seen, name, { main, ...more }) }
}

const told = (page) => page.waitForSelector('#problem:not([hidden])')

// firstGeneration is the address to which apps of the first generation send people.
const firstGeneration = (query) => `${origin}/login?${new URLSearchParams({
  app_id: 'older-app', session_id: 'x', redirect_uri: `${logins.dapp.origin}/back`, ...query,
})}`

describe('where apps send people', () => {
  test('without a request, and with one of an app that did not register its address', async () => {
    const { page, see } = await visitor()
    await page.goto(`${origin}/login/start`)
    await told(page)
    await see('start-without-request')
    await page.goto(`${origin}/login`)
    await told(page)
    await see('first-generation-without-request')
    await page.goto(firstGeneration({ public_key: 'nonsense' }))
    await told(page)
    assert.match(await page.textContent('#problem'), /did not send you here/)
    await see('first-generation-from-elsewhere', undefined, { refused: true })
    await page.goto(firstGeneration({ public_key: 'nonsense' }), { referer: logins.dapp.origin })
    await told(page)
    assert.match(await page.textContent('#problem'), /is no key/)
    await see('first-generation-bad-key', undefined, { refused: true })
    await assert.rejects(logins.depart(page, { authOptions: { ...logins.options().authOptions, redirectUrl: 'https://elsewhere.example/back' } }, 5000))
    await told(page)
    assert.match(await page.textContent('#problem'), /did not register the address/)
    await see('start-unregistered-address', undefined, { refused: true })
  })

  test('with a login that has ended, and without JavaScript', async () => {
    const { page, see } = await visitor()
    await page.goto(`${origin}/login/sign-in?login=${randomBytes(16).toString('base64url')}`)
    await see('login-ended', undefined, { refused: true })
    const plain = await logins.browser.newContext({ javaScriptEnabled: false })
    const bare = await plain.newPage()
    await bare.goto(`${origin}/login/start`)
    assert.match(await bare.textContent('noscript'), /JavaScript is off.*needs it/s)
    await bare.screenshot({ path: new URL('./shots/without-javascript-light.png', import.meta.url).pathname, fullPage: true })
    await plain.close()
  })
})

describe('signing in', () => {
  test('with a passkey that is not used, and by a code', async () => {
    const { page, see, device } = await visitor()
    await logins.depart(page)
    await see('sign-in', '#passkey')
    await device.verified(false)
    await page.click('#create')
    await told(page)
    await see('sign-in-passkey-cancelled', '#create')
    await page.fill('#email', 'not an address')
    await page.click('#mail-form button')
    await page.waitForSelector('#email[aria-invalid=true]')
    await see('sign-in-bad-address', '#mail-form button')
    await page.fill('#email', 'somebody@example.com')
    await page.click('#mail-form button')
    await page.waitForSelector('#code-form:not([hidden])')
    await see('code', '#code-form button[type=submit]')
    const codes = server.output().match(/code=\d{8}/g)
    const code = codes.at(-1).slice(5)
    await page.fill('#code', String((Number(code) + 1) % 1e8).padStart(8, '0'))
    await page.click('#code-form button[type=submit]')
    await told(page)
    assert.equal(await page.textContent('#problem'), 'The code is wrong; check it, or have another one sent.')
    assert.match(await page.textContent('#mail-again'), /another code/)
    await see('code-wrong', '#code-form button[type=submit]', { refused: true })
    await page.fill('#code', code)
    await page.click('#code-form button[type=submit]')
    await decidable(page)
    await see('consent', '#allow')
    await page.goto(`${origin}/account`)
    await page.waitForSelector('#ways .what')
    assert.match(await page.textContent('#ways'), /Codes by e-mail.*cannot change who may sign in/s)
    await see('account-weak', '#add-passkey')
    await device.verified(true)
    await page.click('#add-passkey')
    await page.waitForSelector('#changes .what') // a code alone changes nothing at once
    await see('account-weak-waits', '#changes button')
  })

  test('by an account elsewhere that says no', async () => {
    const { page, see } = await visitor()
    await logins.depart(page)
    await page.click('[data-provider=Local]')
    await page.waitForURL(`${provider.issuer}/**`)
    await page.click('a:text("Cancel")')
    await told(page)
    await see('callback-refused', '#onward', { refused: true })
  })
})

describe('consent', () => {
  test('with wallets to choose from, and a limit that is none', async () => {
    const { page, see } = await visitor()
    await logins.depart(page, { appId: 'first-app' })
    await page.click('#create')
    await logins.consent(page)
    await page.evaluate(() => window.wallet?.disconnect())
    await logins.depart(page)
    await see('sign-in-again', '#continue-button')
    await page.click('#continue-button')
    await decidable(page)
    await page.click('summary')
    await page.locator('#others input').first().check()
    await page.fill('#limit', '250')
    await see('consent-wallets', '#allow')
    await page.fill('#limit', '-5')
    await page.click('#allow')
    await told(page)
    await see('consent-bad-limit', '#allow')
  })

  test('while somebody asks to change how the person signs in', async () => {
    const { page, see } = await visitor()
    await page.goto(`${origin}/account`)
    await page.fill('#email', 'careful@example.com')
    await page.click('#mail-form button')
    await page.waitForSelector('#code-form:not([hidden])')
    await page.fill('#code', server.output().match(/code=\d{8}/g).at(-1).slice(5))
    await page.click('#code-form button[type=submit]')
    await page.waitForSelector('#ways .what')
    await page.click('#add-passkey')
    await page.waitForSelector('#changes .what') // a code alone changes nothing at once
    await logins.depart(page)
    await page.click('#continue-button')
    await decidable(page)
    assert.ok(await page.isVisible('#changing'))
    assert.equal(await page.textContent('#changing'), 'Somebody asked to change how you sign in. Look at it.')
    await see('consent-change-waits', '#allow')
    await page.click('#changing a')
    await page.waitForURL(`${origin}/account`)
    await page.click('#changes button:text-is("Stop")')
    await page.waitForSelector('#changes-section', { state: 'hidden' })
    await logins.depart(page)
    await page.click('#continue-button')
    await decidable(page)
    assert.ok(!await page.isVisible('#changing'))
  })

  test('of the first generation', async () => {
    const { page, see } = await visitor()
    await page.goto(firstGeneration({ public_key: bs58.encode(randomBytes(32)) }), { referer: logins.dapp.origin })
    await page.waitForURL('**/login/sign-in*')
    await page.click('#create')
    await decidable(page)
    await see('consent-first-generation', '#allow')
  })
})

describe('a device', () => {
  const nonce = () => createHash('sha256').update(randomBytes(32)).digest('base64url')
  async function userCode() {
    const registered = await fetch(`${origin}/oauth2/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'Trading agent', grant_types: ['urn:ietf:params:oauth:grant-type:device_code'], token_endpoint_auth_method: 'none' }),
    })
    assert.equal(registered.status, 201)
    const { client_id } = await registered.json()
    const begun = await fetch(`${origin}/oauth2/device/auth`, { method: 'POST', body: new URLSearchParams({ client_id, nonce: nonce() }) })
    assert.equal(begun.status, 200)
    return (await begun.json()).user_code
  }

  test('whose code is typed wrong, compared, and let in', async () => {
    const { page, see } = await visitor()
    await page.goto(`${origin}/device-connect`)
    await see('device', '#device-form button')
    await page.fill('#user-code', 'BBBB-BBBB')
    await page.click('#device-form button')
    await told(page)
    await see('device-unknown-code', '#device-form button', { refused: true })
    await page.goto(`${origin}/device-connect?user_code=${await userCode()}`)
    await see('device-compare', '#device-form button')
    await page.click('#device-form button')
    await page.waitForURL('**/login/sign-in*')
    await see('sign-in-device', '#passkey')
    await page.click('#create')
    await decidable(page)
    await see('consent-device', '#allow')
    await page.click('#allow')
    await page.waitForURL('**/device-connect/done')
    await see('device-done', 'main a')
    await page.goto(`${origin}/account`)
    await page.waitForSelector('#connections .what')
    await see('account-device', '#connections button')
  })

  test('that is not let in', async () => {
    const { page, see } = await visitor()
    await page.goto(`${origin}/device-connect?user_code=${await userCode()}`)
    await page.click('#device-form button')
    await page.waitForURL('**/login/sign-in*')
    await page.click('#create')
    await decidable(page)
    await page.click('#deny')
    await page.waitForURL('**/device-connect/done?denied=1')
    await see('device-denied', 'main a')
  })
})

describe('the account', () => {
  test('of somebody new, then with an app, a second way, and a change that waits', async () => {
    const { page, see } = await visitor()
    await page.goto(`${origin}/account`)
    await page.waitForURL('**/login/sign-in*')
    await see('sign-in-account', '#passkey')
    await page.click('#create')
    await page.waitForSelector('#ways .what')
    await see('account-new', '#add-passkey')
    await logins.depart(page)
    await page.click('#continue-button')
    await logins.consent(page, { limit: 25 })
    await page.goto(`${origin}/account`)
    await page.waitForSelector('#ways .what')
    await page.click('[data-provider=Local]')
    await page.fill('input[name=login]', 'erin')
    await page.fill('input[name=password]', 'any')
    await page.click('button[type=submit]')
    await page.click('button:text-is("Continue")')
    await page.waitForFunction(() => document.querySelectorAll('#ways .what').length === 2)
    await see('account', '#connections button')
    await page.click('#ways button >> nth=0')
    await see('account-dialog', '#ask-yes')
    await page.click('#ask-yes')
    await page.waitForSelector('#changes .what')
    await see('account-waits', '#changes button')
    await page.click('#prove [data-prove=Local]')
    await page.waitForFunction(() => /two of your ways/.test(document.getElementById('prove-text')?.textContent))
    await see('account-two-ways', '#add-passkey')
  })
})
