// Serves the page, and starts a development server of Redoubt and a local chain beside it, until it is told to stop.
import { build } from 'esbuild'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

// chain starts the tests' local Solana chain, and resolves to undefined where it is not installed.
async function chain() {
  const { startLiteSVM } = await import('../../e2e/js/nodes/litesvm-rpc.mjs').catch(() => ({}))
  return startLiteSVM?.()
}

// redoubt starts the server on a new folder, and resolves to {origin, stop} when it serves.
async function redoubt(solana) {
  const data = await mkdtemp(join(tmpdir(), 'redoubt-example-'))
  const args = ['dev', '--addr', '127.0.0.1:0', '--data', join(data, 'data'), ...(solana ? ['--rpc', `solana/devnet=${solana}`] : [])]
  const child = spawn(here('../../bin/redoubt'), args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.on('close', resolve))
  const origin = await new Promise((resolve, reject) => {
    child.on('error', () => reject(new Error('there is no bin/redoubt: run make build')))
    child.on('close', (code) => reject(new Error(`redoubt ended with ${code}`)))
    child.stdout.on('data', (text) => {
      const port = /^ready http:\/\/127\.0\.0\.1:(\d+)/m.exec(text)?.[1]
      if (port) resolve(`http://localhost:${port}`)
    })
  })
  const stop = async () => { child.kill('SIGTERM'); await ended; await rm(data, { recursive: true, force: true }) }
  return { origin, stop }
}

const local = await chain()
const server = await redoubt(local?.url)
const { outputFiles } = await build({
  entryPoints: [here('app.mjs')], bundle: true, write: false, format: 'esm', platform: 'browser',
  define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' }, logLevel: 'error',
})
const page = await readFile(here('index.html'))
const files = {
  '/app.js': ['text/javascript', outputFiles[0].text],
  '/settings.json': ['application/json', JSON.stringify({ redoubt: server.origin, solana: local && '/rpc' })],
}
const pages = createServer(async (request, response) => {
  if (local && request.url === '/rpc') { // the chain allows no pages of other origins
    let body = ''
    for await (const part of request) body += part
    const answer = await fetch(local.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
    return
  }
  const [type, body] = files[new URL(request.url, 'http://localhost').pathname] ?? ['text/html', page]
  response.writeHead(200, { 'content-type': type }).end(body)
})
pages.listen(Number(process.env.PORT ?? 5173), '127.0.0.1', () => {
  console.log(`open http://localhost:${pages.address().port}`)
})

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    if (stopping) return
    stopping = true
    pages.close()
    pages.closeAllConnections()
    await server.stop()
    await local?.close()
    process.exit(0)
  })
}
