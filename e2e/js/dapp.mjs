// An app as its developers write it: a page of its own origin with the public browser SDK, unmodified, and two chains.
import { build } from 'esbuild'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('.', import.meta.url))

// page is what the browser runs: it makes the SDK available to the test as `window.dapp`.
const page = (sdk) => `
  import * as sdk from '${sdk}'
  import * as web3 from '@solana/web3.js'
  import { Buffer } from 'buffer'
  globalThis.Buffer = Buffer
  globalThis.dapp = { sdk, web3 }
`

async function bundle(sdk) {
  const { outputFiles } = await build({
    stdin: { contents: page(sdk), resolveDir: root }, bundle: true, write: false, format: 'esm', platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' }, logLevel: 'error',
  })
  return outputFiles[0].text
}

// startDapp serves the page at http://localhost:PORT and resolves to {origin, stop}. `sdk` names the package.
export async function startDapp({ sdk = '@phantom/browser-sdk', port = 0 } = {}) {
  const script = await bundle(sdk)
  const server = createServer((request, response) => {
    if (request.url.startsWith('/dapp.js')) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
      return
    }
    response.writeHead(200, { 'content-type': 'text/html' })
      .end('<!doctype html><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,"><script type="module" src="/dapp.js"></script>')
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    origin: `http://localhost:${server.address().port}`,
    stop: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve) }),
  }
}
