// A local Ethereum node: anvil, as its package on npm ships it.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { call } from './rpc.mjs'
import { freePort, startProcess } from './process.mjs'

// startAnvil resolves to {url, call, setBalance, stop}. The chain is Sepolia by its id only; it starts empty.
export async function startAnvil({ chainId = 11155111, port } = {}) {
  port ??= await freePort()
  const child = await startProcess(binary(), [
    '--host', '127.0.0.1', '--port', String(port), '--hardfork', 'osaka', '--chain-id', String(chainId),
  ], { ready: /Listening on (\S+)/ })
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    pid: child.pid,
    stop: child.stop,
    call: (method, ...params) => call(url, method, ...params),
    setBalance: (address, wei) => call(url, 'anvil_setBalance', address, `0x${wei.toString(16)}`),
    receipt: (hash) => receipt(url, hash),
    balance: async (address) => BigInt(await call(url, 'eth_getBalance', address, 'latest')),
  }
}

// receipt waits for the block: anvil answers a submission before it has mined it.
async function receipt(url, hash) {
  for (let i = 0; i < 100; i++) {
    const found = await call(url, 'eth_getTransactionReceipt', hash)
    if (found) return found
    await setTimeout(50)
  }
  throw new Error(`the transaction ${hash} is in no block`)
}

// binary is the program itself: the package's own launcher would be one more process to stop.
function binary() {
  const name = `@foundry-rs/anvil-${process.platform}-${{ x64: 'amd64', arm64: 'arm64' }[process.arch]}`
  const require = createRequire(import.meta.url)
  const root = dirname(require.resolve(`${name}/package.json`))
  const path = join(root, 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil')
  if (!existsSync(path)) throw new Error(`no anvil for this machine: ${path}`)
  return path
}
