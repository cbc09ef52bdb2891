// The page: a wallet by the public browser SDK, pointed at one's own server.
import { AddressType, BrowserSDK } from '@phantom/browser-sdk'
import { Connection, PublicKey, SystemProgram, Transaction } from '@solana/web3.js'
import { Buffer } from 'buffer'

globalThis.Buffer = Buffer
const { redoubt, solana } = await (await fetch('/settings.json')).json()
const byId = (id) => document.getElementById(id)
const say = (text) => { byId('said').textContent = text }

const wallet = new BrowserSDK({
  providers: ['google'], // a hint only: Connect offers the ways that it has
  addressTypes: [AddressType.solana],
  appId: 'embedded-example',
  apiBaseUrl: `${redoubt}/v1/wallets`,
  authOptions: { authUrl: `${redoubt}/login/start`, authApiBaseUrl: redoubt, redirectUrl: `${location.origin}/` },
})

let account
async function loggedIn() {
  account = (await wallet.getAddresses()).find((a) => a.addressType === AddressType.solana)?.address
  byId('send').disabled = !solana
  say(`Your wallet: ${account}`)
}

byId('login').addEventListener('click', async () => {
  if (wallet.isConnected()) return loggedIn()
  await wallet.connect({ provider: 'google' }).catch((error) => say(String(error)))
})

byId('send').addEventListener('click', async () => {
  say('Sending…')
  try {
    const chain = new Connection(new URL(solana, location.origin).href, 'confirmed')
    const from = new PublicKey(account)
    if (await chain.getBalance(from) === 0) await chain.requestAirdrop(from, 1_000_000_000)
    const { blockhash } = await chain.getLatestBlockhash()
    const transaction = new Transaction({ feePayer: from, recentBlockhash: blockhash })
      .add(SystemProgram.transfer({ fromPubkey: from, toPubkey: from, lamports: 10_000_000 }))
    await wallet.solana.switchNetwork('devnet')
    const { signature } = await wallet.solana.signAndSendTransaction(transaction)
    say(`Sent to yourself: ${signature}`)
  } catch (error) {
    say(String(error))
  }
})

await wallet.autoConnect().catch(() => {})
if (wallet.isConnected()) await loggedIn()
else say('Log in to begin.')
