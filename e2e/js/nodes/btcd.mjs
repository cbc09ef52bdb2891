// A local Bitcoin node: btcd in regtest, built from tools/btcd. It has no wallet, and mines when it is told to.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RpcError } from './rpc.mjs'
import { freePort, startProcess } from './process.mjs'

const binary = fileURLToPath(new URL('../../../bin/btcd', import.meta.url))

// startBtcd resolves to {call, stop}; every block pays `miner`, an address of regtest.
export async function startBtcd({ miner }) {
  if (!existsSync(binary)) throw new Error(`there is no ${binary}: build it with make bin/btcd`)
  const data = await mkdtemp(join(tmpdir(), 'btcd-'))
  const [rpc, peers] = [await freePort(), await freePort()]
  const child = await startProcess(binary, [
    '--regtest', '--notls', '--nobanning', '--txindex', '--rpcuser=test', '--rpcpass=test', `--datadir=${data}`, `--logdir=${data}`,
    `--configfile=${join(data, 'none')}`, `--rpclisten=127.0.0.1:${rpc}`, `--listen=127.0.0.1:${peers}`, `--miningaddr=${miner}`,
  ], { ready: /RPC server listening/ })
  const url = `http://127.0.0.1:${rpc}`
  return {
    call: (method, ...params) => call(url, method, params),
    stop: async () => {
      await child.stop()
      await rm(data, { recursive: true, force: true })
    },
  }
}

// call is a request with the node's password.
async function call(url, method, params) {
  const res = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${Buffer.from('test:test').toString('base64')}` },
    body: JSON.stringify({ jsonrpc: '1.0', id: 1, method, params }),
  })
  const { result, error } = await res.json()
  if (error) throw new RpcError(error.code, error.message)
  return result
}
