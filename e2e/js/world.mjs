// The server with a chain on either side of it. Solana runs in this process, Ethereum and Redoubt beside it.
import { startAnvil } from './nodes/anvil.mjs'
import { startLiteSVM } from './nodes/litesvm-rpc.mjs'
import { startRedoubt } from './redoubt.mjs'

// startWorld resolves to {baseUrl, redoubt, solana, ethereum, stop}. `rpc` adds nodes of further networks.
export async function startWorld({ rpc = {}, args } = {}) {
  const parts = []
  const stop = async () => {
    for (const part of parts.splice(0).reverse()) await part()
  }
  try {
    const solana = await startLiteSVM()
    parts.push(solana.close)
    const ethereum = await startAnvil()
    parts.push(() => ethereum.stop())
    const redoubt = await startRedoubt({
      args,
      rpc: { 'solana/devnet': solana.url, 'ethereum/sepolia': ethereum.url, ...rpc },
    })
    parts.push(redoubt.stop)
    return { baseUrl: redoubt.baseUrl, redoubt, solana, ethereum, stop }
  } catch (e) {
    await stop()
    throw e
  }
}
