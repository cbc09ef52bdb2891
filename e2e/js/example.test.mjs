// The example works as its README says: one command, two buttons.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newPerson, startBrowser } from './browser.mjs'
import { startProcess } from './nodes/process.mjs'

test('the embedded wallet logs in and sends', async () => {
  const serve = fileURLToPath(new URL('../../examples/embedded/serve.mjs', import.meta.url))
  const example = await startProcess(process.execPath, [serve], { ready: /^open (http:\S+)/m, env: { PORT: '0' } })
  const browser = await startBrowser()
  try {
    const { page, shot, problems } = await newPerson(browser)
    const said = (text) => page.waitForFunction((t) => document.getElementById('said').textContent.startsWith(t), text)
    await page.goto(example.match[1])
    await said('Log in to begin.')
    await page.click('#login')
    await page.waitForURL('**/login/sign-in*')
    await page.click('#create')
    await page.waitForURL('**/login/consent*')
    await page.click('#allow:enabled')
    await page.waitForURL(`${example.match[1]}/**`)
    await said('Your wallet: ')
    await page.click('#send:enabled')
    await said('Sent to yourself: ')
    await shot('example')
    assert.match(await page.textContent('#said'), /: [1-9A-HJ-NP-Za-km-z]{80,90}$/)
    assert.deepEqual(problems, [])
  } finally {
    await browser.close()
    const { code } = await example.stop()
    assert.equal(code, 0, example.output())
  }
})
