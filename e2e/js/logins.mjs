// How people log in to an app: its page with the public browser SDK, their browser, and the pages of Connect in between.
import { newPerson, startBrowser } from './browser.mjs'
import { startDapp } from './dapp.mjs'

// address finds that of a type among those of a person.
export const address = (person, type) => person.addresses.find((a) => a.addressType === type)?.address

// open makes the SDK in the page where it is, and notes its events.
export async function open(page, options) {
  await page.waitForFunction(() => window.dapp)
  await page.evaluate((given) => {
    window.events = []
    window.wallet = new window.dapp.sdk.BrowserSDK(given)
    for (const name of ['connect', 'connect_error', 'disconnect', 'spending_limit_reached', 'error']) {
      window.wallet.on(name, (data) => window.events.push([name, String(data?.error?.message ?? data?.error ?? '')]))
    }
  }, options)
}

// leave starts a login, which leaves the page for where one signs in, in time.
export async function leave(page, timeout) {
  page.evaluate(() => { window.wallet.connect({ provider: 'google' }).catch((error) => { window.failed = String(error) }) }).catch(() => {})
  await page.waitForURL('**/login/sign-in*', { timeout })
}

// decidable waits until the page asks whether the app may go on.
export async function decidable(page) {
  await page.waitForURL('**/login/consent*')
  await page.waitForFunction(() => !document.getElementById('allow').disabled)
}

// arrive has the SDK take up the login, and resolves to the addresses.
export async function arrive(page, options) {
  await open(page, options)
  return page.evaluate(async () => {
    await window.wallet.autoConnect()
    return { addresses: await window.wallet.getAddresses(), connected: window.wallet.isConnected(), events: window.events }
  })
}

// startLogins starts a browser and an app for a server, and resolves to them and the steps of people there. `context` are
// options of each person's browser profile.
export async function startLogins(baseUrl, { appId = 'app-of-the-tests', context = {} } = {}) {
  const apiBaseUrl = baseUrl.replace('127.0.0.1', 'localhost')
  const { origin } = new URL(apiBaseUrl)
  const browser = await startBrowser()
  const dapp = await startDapp()

  const options = (more = {}) => ({
    providers: ['google'], addressTypes: ['Solana', 'Ethereum'], appId, apiBaseUrl,
    authOptions: { authUrl: `${origin}/login/start`, authApiBaseUrl: origin, redirectUrl: `${dapp.origin}/back` }, ...more,
  })

  // depart goes from the app's page to where one signs in.
  async function depart(page, more, timeout) {
    await page.goto(dapp.origin)
    await open(page, options(more))
    await leave(page, timeout)
  }

  // consent allows what the page asks for.
  async function consent(page, { limit, wallet, account } = {}) {
    await decidable(page)
    if (limit !== undefined) await page.fill('#limit', String(limit))
    if (wallet !== undefined) await page.check(`input[name=wallet][value="${wallet}"]`)
    if (account !== undefined) await page.fill('#account', String(account))
    await page.click('#allow')
    await page.waitForURL(`${dapp.origin}/**`)
  }

  const person = () => newPerson(browser, context)

  // login takes a new person from the app's page over sign-in and consent back to the app. `by` signs in.
  async function login(more = {}, choices = {}, by = (page) => page.click('#create')) {
    const somebody = await person()
    await depart(somebody.page, more)
    await by(somebody.page)
    await consent(somebody.page, choices)
    return { ...somebody, ...(await arrive(somebody.page, options(more))) }
  }

  // asPerson has the page of Connect send a request of the person's own, as its script does.
  async function asPerson(somebody, method, params) {
    const page = await somebody.context.newPage()
    await page.goto(`${origin}/account`)
    const result = await page.evaluate(async ({ method, params }) => {
      const [{ call, organization }, { current }] = await Promise.all([import('/login/assets/kms.js'), import('/login/assets/session.js')])
      const session = await current()
      return call(session, method, { organizationId: await organization(session), ...params })
    }, { method, params })
    await page.close()
    return result
  }

  async function stop() {
    await browser.close()
    await dapp.stop()
  }
  return { origin, browser, dapp, options, depart, consent, person, login, asPerson, stop }
}
