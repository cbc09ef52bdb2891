// Starts the all-in-one server, `redoubt dev`, as its users do.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startProcess } from './nodes/process.mjs'

// binary is where the build puts the program; the environment variable REDOUBT names another one.
export const binary = process.env.REDOUBT ?? fileURLToPath(new URL('../../bin/redoubt', import.meta.url))

// startRedoubt resolves to {baseUrl, data, output, stop}. `rpc` maps networks such as solana/devnet to the URLs
// of their nodes. Without `data` the server keeps its state in a temporary folder and loses it at the end.
export async function startRedoubt({ data, rpc = {}, args = [] } = {}) {
  if (!existsSync(binary)) {
    throw new Error(`there is no ${binary}: build it with go build -o bin/redoubt ./cmd/redoubt`)
  }
  const scratch = data ? undefined : await mkdtemp(join(tmpdir(), 'redoubt-'))
  const folder = data ?? join(scratch, 'data')
  const networks = Object.entries(rpc).flatMap(([network, url]) => ['--rpc', `${network}=${url}`])
  const child = await startProcess(
    binary,
    ['dev', '--addr', '127.0.0.1:0', '--data', folder, ...networks, ...args],
    { ready: /^ready (http:\/\/\S+)\s*$/m },
  )
  const stop = async () => {
    const result = await child.stop('SIGTERM')
    if (scratch) await rm(scratch, { recursive: true, force: true })
    return result
  }
  return { baseUrl: child.match[1].replace(/\/$/, ''), data: folder, pid: child.pid, output: child.output, stop }
}

// run runs another command of the program to its end, and throws if it fails.
export const run = (...args) => promisify(execFile)(binary, args)

// verifyReceipt asks the program whether a receipt proves that this response answered this request.
export async function verifyReceipt(baseUrl, { request, response, receipt }) {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-'))
  try {
    const files = { request: join(folder, 'request'), response: join(folder, 'response') }
    await writeFile(files.request, request)
    await writeFile(files.response, response)
    return await run('receipt', 'verify', '--url', baseUrl, '--receipt', receipt,
      '--request', files.request, '--response', files.response)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
