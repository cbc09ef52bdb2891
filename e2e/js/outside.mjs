// A server whose people may sign in by an outside provider, and an app in front of it.
import { startLogins } from './logins.mjs'
import { startProvider } from './provider.mjs'
import { startRedoubt } from './redoubt.mjs'

// startOutside resolves to {provider, server, logins, stop}. `options` are those of startLogins.
export async function startOutside(options = {}) {
  const parts = []
  const stop = async () => {
    for (const part of parts.splice(0).reverse()) await part()
  }
  try {
    const provider = await startProvider()
    parts.push(provider.close)
    const server = await startRedoubt({ args: provider.args })
    parts.push(server.stop)
    // The browser does not know the provider's root, either.
    const logins = await startLogins(server.baseUrl, { ...options, context: { ignoreHTTPSErrors: true } })
    parts.push(logins.stop)
    provider.accept(`${logins.origin}/login/callback`)
    return { provider, server, logins, stop }
  } catch (e) {
    await stop()
    throw e
  }
}
