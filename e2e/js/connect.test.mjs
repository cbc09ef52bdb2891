// People log in to an app with the public browser SDK, unmodified, in a real browser: the scenarios of a wallet's day.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { Connection, LAMPORTS_PER_SOL, PublicKey } from '@solana/web3.js'
import bs58 from 'bs58'
import { verifyMessage } from 'viem'
import { shots } from './browser.mjs'
import { startDapp } from './dapp.mjs'
import { address, arrive, decidable, leave, open, startLogins } from './logins.mjs'
import { binary, run } from './redoubt.mjs'
import { startWorld } from './world.mjs'

const to = '2xNweLHLqrbx4zo1waDvgWJHgsUpPj8Y8icbAFeR4a8i'
let world, logins, origin, dapp

before(async () => {
  world = await startWorld()
  logins = await startLogins(world.baseUrl)
  ;({ origin, dapp } = logins)
})
after(async () => {
  await logins?.stop()
  await world?.stop()
})

describe('logging in', () => {
  let person
  before(async () => { person = await logins.login() })

  test('a new person has a wallet of the app', () => {
    assert.equal(person.connected, true, JSON.stringify(person.events))
    assert.equal(person.addresses.length, 2)
    assert.deepEqual(person.problems, [])
  })

  test('signs messages on both chains', async () => {
    const signed = await person.page.evaluate(async (account) => {
      const { signature } = await window.wallet.solana.signMessage('hello')
      const text = '0x' + [...new TextEncoder().encode('hello')].map((b) => b.toString(16).padStart(2, '0')).join('')
      return { solana: signature instanceof Uint8Array ? [...signature] : signature, ethereum: await window.wallet.ethereum.signPersonalMessage(text, account) }
    }, address(person, 'Ethereum'))
    const signature = Array.isArray(signed.solana) ? Uint8Array.from(signed.solana) : bs58.decode(signed.solana)
    assert.ok(ed25519.verify(signature, new TextEncoder().encode('hello'), bs58.decode(address(person, 'Solana'))))
    assert.ok(await verifyMessage({ address: address(person, 'Ethereum'), message: 'hello', signature: signed.ethereum.signature ?? signed.ethereum }))
  })

  test('sends SOL, and the balance moves', async () => {
    const connection = new Connection(world.solana.url, 'confirmed')
    const from = new PublicKey(address(person, 'Solana'))
    await connection.requestAirdrop(from, LAMPORTS_PER_SOL)
    const { blockhash } = await connection.getLatestBlockhash()
    const { signature } = await person.page.evaluate(async ({ from, to, blockhash }) => {
      const { web3 } = window.dapp
      const payer = new web3.PublicKey(from)
      const tx = new web3.Transaction({ feePayer: payer, recentBlockhash: blockhash })
        .add(web3.SystemProgram.transfer({ fromPubkey: payer, toPubkey: new web3.PublicKey(to), lamports: 10_000_000 }))
      await window.wallet.solana.switchNetwork?.('devnet')
      return window.wallet.solana.signAndSendTransaction(tx)
    }, { from: from.toBase58(), to, blockhash })
    assert.ok(signature)
    assert.equal(await connection.getBalance(new PublicKey(to)), 10_000_000)
  })

  test('sends ETH, and the balance moves', async () => {
    const from = address(person, 'Ethereum')
    const receiver = '0x00000000000000000000000000000000000ca11e'
    await world.ethereum.setBalance(from, 10n ** 18n)
    const { hash } = await person.page.evaluate(async ({ from, receiver }) => {
      await window.wallet.ethereum.switchChain(11155111)
      return window.wallet.ethereum.sendTransaction({
        from, to: receiver, value: '0x2386f26fc10000', gas: '0x5208', maxFeePerGas: '0x77359400', maxPriorityFeePerGas: '0x3b9aca00', nonce: '0x0', chainId: 11155111, type: 2,
      }).then((sent) => ({ hash: sent?.hash ?? sent }))
    }, { from, receiver })
    await world.ethereum.receipt(hash)
    assert.equal(await world.ethereum.balance(receiver), 10n ** 16n)
  })

  test('is there after the page is loaded again', async () => {
    await person.page.goto(dapp.origin)
    const again = await arrive(person.page, logins.options())
    assert.equal(again.connected, true, JSON.stringify(again.events))
    assert.deepEqual(again.addresses, person.addresses)
  })

  test('after a logout, a login leads to the same wallet', async () => {
    await person.page.evaluate(() => window.wallet.disconnect())
    await logins.depart(person.page)
    await person.page.click('#passkey')
    await logins.consent(person.page)
    assert.deepEqual((await arrive(person.page, logins.options())).addresses, person.addresses)
  })

  test('after it is revoked, the next request is refused and the session goes', async () => {
    const account = await person.context.newPage()
    await account.goto(`${origin}/account`)
    await account.click('#connections button')
    await account.click('dialog button[value=yes]')
    await account.waitForSelector('#connections .empty')
    await account.close()
    const failed = await person.page.evaluate(() => window.wallet.solana.signMessage('hello').then(() => 'signed', (error) => String(error)))
    assert.match(failed, /401|not stamped by a valid authenticator/)
    await person.page.goto(dapp.origin)
    const gone = await arrive(person.page, logins.options())
    assert.equal(gone.connected, false)
    assert.ok(gone.events.some(([name]) => name === 'connect_error'), JSON.stringify(gone.events))
  })
})

describe('choices of the person', () => {
  test('an existing wallet, with a limit, is what the app gets', async () => {
    const first = await logins.login({ appId: 'first-app' })
    const { page } = first
    const other = { appId: 'second-app' }
    await page.evaluate(() => window.wallet.disconnect()) // an origin has one session, whatever the app
    await logins.depart(page, other)
    await page.click('#continue-button')
    await decidable(page)
    const wallet = await page.getAttribute('#others input', 'value')
    await logins.consent(page, { wallet, limit: 5 })
    const second = await arrive(page, logins.options(other))
    assert.deepEqual(second.addresses, first.addresses, 'the wallet is the one that the person chose')
    const denied = await page.evaluate(async ({ from, to }) => {
      const { web3 } = window.dapp
      const payer = new web3.PublicKey(from)
      const tx = new web3.Transaction({ feePayer: payer, recentBlockhash: '11111111111111111111111111111111' })
        .add(web3.SystemProgram.transfer({ fromPubkey: payer, toPubkey: new web3.PublicKey(to), lamports: 10 }))
      return window.wallet.solana.signAndSendTransaction(tx).then(() => 'sent', (error) => String(error))
    }, { from: address(first, 'Solana'), to })
    assert.match(denied, /price/, 'a limit in dollars denies what nobody priced')
    assert.deepEqual(first.problems, [])
  })

  test('another account of a wallet is what the app shows and signs with', async () => {
    const first = await logins.login({ appId: 'fourth-app' })
    const { page } = first
    const other = { appId: 'fifth-app' }
    await page.evaluate(() => window.wallet.disconnect())
    await logins.depart(page, other)
    await page.click('#continue-button')
    await decidable(page)
    assert.equal(await page.isVisible('#account'), false, 'a wallet of the app alone has one account')
    const wallet = await page.getAttribute('#others input', 'value')
    await page.check(`input[name=wallet][value="${wallet}"]`)
    await page.fill('#account', '0')
    await page.click('#allow')
    await page.waitForSelector('#problem:not([hidden])')
    assert.match(await page.textContent('#problem'), /number from 1 to 100/)
    await logins.consent(page, { wallet, account: 3 })
    const third = await arrive(page, logins.options(other))
    assert.equal(third.connected, true, JSON.stringify(third.events))
    const paths = ["m/44'/501'/2'/0'", "m/44'/60'/0'/0/2"]
    const derived = await logins.asPerson(first, 'getAccounts', { walletId: wallet, accounts: paths.map((derivationPath, i) => ({ derivationPath, curve: i ? 'Secp256k1' : 'Ed25519', addressFormat: i ? 'Ethereum' : 'Solana' })) })
    assert.deepEqual(third.addresses.map((a) => a.address).sort(), derived.map((a) => a.address).sort())
    const signature = await page.evaluate(async () => {
      const { signature } = await window.wallet.solana.signMessage('third')
      return signature instanceof Uint8Array ? [...signature] : signature
    })
    const bytes = Array.isArray(signature) ? Uint8Array.from(signature) : bs58.decode(signature)
    const own = third.addresses.find((a) => a.addressType === 'Solana').address
    assert.ok(ed25519.verify(bytes, new TextEncoder().encode('third'), bs58.decode(own)))
  })

  test('a person who says no sends the app back with access_denied', async () => {
    const { page } = await logins.person()
    await logins.depart(page)
    await page.click('#create')
    await page.waitForURL('**/login/consent*')
    await page.click('#deny')
    await page.waitForURL(`${dapp.origin}/**`)
    assert.match(page.url(), /[?&]error=access_denied/)
    assert.equal((await arrive(page, logins.options())).connected, false)
  })

  test('a code of another login is not taken: state differs', async () => {
    const { page } = await logins.person()
    await logins.depart(page)
    await page.click('#create')
    await decidable(page)
    await page.click('#allow')
    await page.waitForURL(`${dapp.origin}/**`)
    const url = new URL(page.url())
    url.searchParams.set('state', crypto.randomUUID())
    await page.goto(url.href)
    assert.equal((await arrive(page, logins.options())).connected, false)
  })

  test('a limit that is used up is told as such, and the app stays connected', async () => {
    const person = await logins.login({ appId: 'third-app' }, { limit: 1 })
    await logins.asPerson(person, 'setPrices', { prices: [{ asset: 'SOL', decimals: 9, usd: '100' }] })
    const pay = (lamports) => person.page.evaluate(async ({ from, to, lamports, blockhash }) => {
      const { web3 } = window.dapp
      const payer = new web3.PublicKey(from)
      const tx = new web3.Transaction({ feePayer: payer, recentBlockhash: blockhash })
        .add(web3.SystemProgram.transfer({ fromPubkey: payer, toPubkey: new web3.PublicKey(to), lamports }))
      await window.wallet.solana.switchNetwork('devnet')
      const sent = await window.wallet.solana.signAndSendTransaction(tx).then(() => 'sent', (error) => String(error))
      return { sent, events: window.events, connected: window.wallet.isConnected() }
    }, { from: address(person, 'Solana'), to, lamports, ...funded })
    const connection = new Connection(world.solana.url, 'confirmed')
    await connection.requestAirdrop(new PublicKey(address(person, 'Solana')), LAMPORTS_PER_SOL)
    const funded = await connection.getLatestBlockhash().then(({ blockhash }) => ({ blockhash }))
    assert.equal((await pay(9_000_000)).sent, 'sent', '90 cents of a dollar')
    const over = await pay(2_000_000)
    assert.match(over.sent, /SpendingLimitError.*left 99500/)
    assert.ok(over.events.some(([name]) => name === 'spending_limit_reached'), JSON.stringify(over.events))
    assert.equal(over.connected, true)
  })
})

describe('sessions', () => {
  test('tokens are refreshed before they expire, with the same wallet, from two tabs at once', async () => {
    const given = logins.options({ appId: 'refreshing-app' })
    const person = await logins.login({ appId: 'refreshing-app' })
    const { page, context } = person
    const aged = () => page.evaluate(async () => {
      const name = (await indexedDB.databases()).map((d) => d.name).find((n) => n.startsWith('phantom-auth2'))
      const db = await new Promise((resolve, reject) => { const r = indexedDB.open(name); r.onsuccess = () => resolve(r.result); r.onerror = () => reject(r.error) })
      const stores = [...db.objectStoreNames]
      let changed = 0
      for (const store of stores) {
        const tx = db.transaction(store, 'readwrite').objectStore(store)
        const keys = await new Promise((resolve) => { const r = tx.getAllKeys(); r.onsuccess = () => resolve(r.result) })
        for (const key of keys) {
          const value = await new Promise((resolve) => { const r = tx.get(key); r.onsuccess = () => resolve(r.result) })
          const walk = (o) => { for (const [k, v] of Object.entries(o ?? {})) { if (/expir/i.test(k) && typeof v === 'number') { o[k] = Date.now() + 60_000; changed++ } else if (v && typeof v === 'object' && !(v instanceof CryptoKey)) walk(v) } }
          if (value && typeof value === 'object') { walk(value); await new Promise((resolve) => { const r = tx.keyPath ? tx.put(value) : tx.put(value, key); r.onsuccess = resolve }) }
        }
      }
      db.close()
      return changed
    })
    assert.ok(await aged() > 0, 'the SDK keeps when its tokens expire')
    const second = await context.newPage()
    const refreshes = []
    context.on('request', (request) => { if (request.url().endsWith('/oauth2/token')) refreshes.push(request.postData()) })
    await Promise.all([page.goto(dapp.origin), second.goto(dapp.origin)])
    const [a, b] = await Promise.all([arrive(page, given), arrive(second, given)])
    assert.deepEqual([a.connected, b.connected], [true, true], JSON.stringify([a.events, b.events]))
    assert.ok(refreshes.some((body) => body.includes('grant_type=refresh_token')), `no refresh: ${refreshes}`)
    for (const tab of [page, second]) {
      const signed = await tab.evaluate(() => window.wallet.solana.signMessage('again').then(() => 'signed', String))
      assert.equal(signed, 'signed')
    }
  })

  test('a session that is over by the clock of the browser is gone there, and a login leads to the same wallet', async () => {
    const app = { appId: 'forgetting-app' }
    const given = logins.options(app)
    const person = await logins.login(app)
    const { page, context } = person
    const later = await context.newPage()
    await later.addInitScript(() => { const { now } = Date; Date.now = () => now() + 8 * 24 * 3_600_000 }) // the consent is for 7 days
    await later.goto(dapp.origin)
    assert.equal((await arrive(later, given)).connected, false)
    await later.close()
    await logins.depart(page, app)
    await page.click('#continue-button')
    await logins.consent(page)
    const again = await arrive(page, given)
    assert.equal(again.connected, true, JSON.stringify(again.events))
    assert.deepEqual(again.addresses, person.addresses)
  })
})

describe('the first generation of the SDK', () => {
  let older
  before(async () => { older = await startDapp({ sdk: 'browser-sdk-v1' }) })
  after(() => older?.stop())

  test('logs in by redirect, and stamps with a key of its own', async () => {
    const { page, problems } = await logins.person()
    const given = logins.options({ embeddedWalletType: 'user-wallet', authOptions: { authUrl: `${origin}/login`, redirectUrl: `${older.origin}/back` } })
    await page.goto(older.origin)
    await open(page, given)
    await leave(page)
    await page.click('#create')
    await decidable(page)
    await page.click('#allow')
    await page.waitForURL(`${older.origin}/**`)
    const { connected, addresses, events } = await arrive(page, given)
    assert.equal(connected, true, JSON.stringify(events))
    const signature = await page.evaluate(async () => {
      const { signature } = await window.wallet.solana.signMessage('hello')
      return signature instanceof Uint8Array ? [...signature] : signature
    })
    const bytes = Array.isArray(signature) ? Uint8Array.from(signature) : bs58.decode(signature)
    const own = addresses.find((a) => a.addressType === 'Solana').address
    assert.ok(ed25519.verify(bytes, new TextEncoder().encode('hello'), bs58.decode(own)))
    assert.deepEqual(problems, [])
  })
})

describe('a program on a device', () => {
  test('logs in by a code that a person compares, and signs with its own wallet', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'login-'))
    try {
      const file = join(folder, 'agent.session')
      const program = spawn(binary, ['login', file, '--url', world.baseUrl, '--name', 'agent of the tests', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
      const ended = new Promise((resolve) => program.on('close', resolve))
      let told = ''
      let printed = ''
      program.stderr.on('data', (text) => { told += text })
      program.stdout.on('data', (text) => { printed += text })
      for (let i = 0; i < 100 && !/open\s+\S+/.test(told); i++) await setTimeout(100)
      const { page } = await logins.person()
      await page.goto(told.match(/open\s+(\S+)/)[1])
      await page.click('#device-form button')
      await page.waitForURL('**/login/sign-in*')
      await page.click('#create')
      await decidable(page)
      await page.screenshot({ path: join(shots, 'consent-device.png'), fullPage: true })
      await page.click('#allow')
      await page.waitForURL('**/device-connect/done')
      assert.equal(await ended, 0, told)
      const { clientId } = JSON.parse(printed)
      const { stdout } = await run('wallet', 'find', clientId, '--url', world.baseUrl, '--key', file, '--json')
      assert.ok(JSON.parse(stdout).walletId)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
