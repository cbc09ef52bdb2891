// A real browser: Chromium from the system, without a window, whose names resolve to this machine only.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

// shots is where screenshots go; git ignores it.
export const shots = fileURLToPath(new URL('./shots/', import.meta.url))

export async function startBrowser() {
  if (!existsSync(executablePath)) throw new Error(`there is no ${executablePath}: make chromium installs it`)
  mkdirSync(shots, { recursive: true })
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost'],
  })
}

// newPerson opens a browser profile of somebody with a device that keeps passkeys and asks for the person's finger.
// It resolves to {context, page, device, shot, problems}: problems is what the page complained about.
export async function newPerson(browser, options = {}) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(String(error)))
  const device = await addDevice(context, page)
  const shot = (name) => page.screenshot({ path: join(shots, `${name}.png`), fullPage: true })
  return { context, page, device, shot, problems }
}

// addDevice gives a page an authenticator (WebAuthn over the DevTools protocol) and resolves to {verified, remove}.
export async function addDevice(context, page) {
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    },
  })
  return {
    verified: (isUserVerified) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    remove: () => cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId }),
  }
}
