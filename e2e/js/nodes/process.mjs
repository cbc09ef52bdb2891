// Child processes that say when they are ready.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'

// startProcess runs a program until its output has a line that `ready` matches, and resolves to
// {match, output, stop}. stop asks by signal, waits, and insists after ten seconds.
export async function startProcess(file, args, { ready, timeout = 30_000, env } = {}) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const output = []
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  exited.then(() => process.off('exit', kill))

  const match = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${file}: ${why}\n${output.join('')}`))
    const timer = setTimeout(() => {
      kill()
      fail(`not ready after ${timeout} ms`)
    }, timeout)
    const read = (chunk) => {
      output.push(chunk)
      const found = ready.exec(output.join(''))
      if (found) {
        clearTimeout(timer)
        resolve(found)
      }
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    child.once('error', (e) => fail(e.message))
    exited.then(({ code, signal }) => {
      clearTimeout(timer)
      fail(`ended with ${signal ?? code} before it was ready`)
    })
  })

  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal)
    const timer = setTimeout(kill, 10_000)
    const result = await exited
    clearTimeout(timer)
    return result
  }
  return { match, pid: child.pid, output: () => output.join(''), stop }
}

// freePort finds a port that nobody listens on right now.
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
