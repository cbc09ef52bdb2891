// The demonstration: a server, two chains, and everything that an app does with a wallet, in a few seconds. It
// ends with an error if anything that it tells about did not happen.
import assert from 'node:assert/strict'
import { ed25519 } from '@noble/curves/ed25519.js'
import { NetworkId } from '@phantom/client'
import { Connection, Keypair, PublicKey, SystemProgram, Transaction } from '@solana/web3.js'
import bs58 from 'bs58'
import { Transaction as EthereumTransaction, Wallet, parseEther, verifyMessage } from 'ethers'
import { authenticator, b64u, connect, ed25519Key, post, request, solanaPath, unb64u } from './app.mjs'
import { run, verifyReceipt } from './redoubt.mjs'
import { amount, bold, dim, done, green, red, refused, row, say, short, step, table, title } from './stage.mjs'
import { startWorld } from './world.mjs'

const SOL = 1_000_000_000
const sol = (lamports) => amount(BigInt(lamports), 9, 'SOL')
const eth = (wei) => amount(wei, 18, 'ETH')

async function main() {
  const began = Date.now()
  title('Redoubt, in one minute',
    'Wallet keys are made and used inside enclaves, here processes of their own. The app holds a key to ask with.')
  const world = await start()
  try {
    const app = await foundOrganization(world)
    const wallet = await createWallet(app)
    await signMessages(app, wallet)
    const moved = await sendMoney(world, app, wallet)
    await refuse(world, app, wallet)
    await allowance(world, app, wallet)
    const log = await showLog(world, app)
    summary({ moved, log, seconds: (Date.now() - began) / 1000 })
  } finally {
    await world.stop()
  }
}

async function start() {
  step('Two chains and a server')
  const world = await startWorld()
  row('Solana', `${world.solana.url}  ${dim('LiteSVM')}`)
  row('Ethereum', `${world.ethereum.url}  ${dim('anvil')}`)
  row('Redoubt', `${world.baseUrl}  ${dim('host, policy engine, signer, certifier')}`)
  done('all are up')
  return world
}

async function foundOrganization({ baseUrl }) {
  step('An organization, founded without any account')
  const key = ed25519Key()
  const { organizationId } = await connect(baseUrl).createOrganization('Demo', [
    { username: 'admin', role: 'ADMIN', authenticators: [authenticator(key, 'laptop')] },
  ])
  row('organization', organizationId)
  row('administrator', `admin, key ${short(b64u(key.publicKey))}`)
  done('from here on every request is stamped by that key')
  return { baseUrl, key, organizationId, client: connect(baseUrl, key, organizationId) }
}

async function createWallet({ client }) {
  step('A wallet: one mnemonic of 24 words that nobody has seen, four chains')
  const wallet = await client.createWallet('Treasury')
  for (const { addressType, address } of wallet.addresses) row(addressType, address)
  const [solana, ethereum] = wallet.addresses.map((a) => a.address)
  return { id: wallet.walletId, solana, ethereum }
}

async function signMessages({ client }, wallet) {
  step('Two messages, signed and checked by other libraries')
  const message = 'Hello from Redoubt'
  const a = unb64u(await client.signUtf8Message({ walletId: wallet.id, message, networkId: NetworkId.SOLANA_DEVNET }))
  assert.ok(ed25519.verify(a, Buffer.from(message), bs58.decode(wallet.solana)))
  row('Solana', short(bs58.encode(a)))
  const b = await client.ethereumSignMessage({
    walletId: wallet.id, message: b64u(Buffer.from(message)), networkId: NetworkId.ETHEREUM_SEPOLIA,
  })
  const hex = '0x' + Buffer.from(unb64u(b)).toString('hex')
  assert.equal(verifyMessage(message, hex), wallet.ethereum)
  row('Ethereum', short(hex))
  done('both signatures belong to the addresses above')
}

async function sendMoney(world, { client }, wallet) {
  step('Money: funded by the local chains, sent by the wallet')
  const connection = new Connection(world.solana.url, 'confirmed')
  const me = new PublicKey(wallet.solana)
  const friend = { solana: Keypair.generate().publicKey, ethereum: Wallet.createRandom().address }
  await connection.requestAirdrop(me, 2 * SOL)
  await world.ethereum.setBalance(wallet.ethereum, parseEther('1'))
  const look = async () => [
    BigInt(await connection.getBalance(me)), BigInt(await connection.getBalance(friend.solana)),
    await world.ethereum.balance(wallet.ethereum), await world.ethereum.balance(friend.ethereum),
  ]
  const before = await look()

  const { blockhash } = await connection.getLatestBlockhash()
  const tx = new Transaction({ feePayer: me, recentBlockhash: blockhash })
  tx.add(SystemProgram.transfer({ fromPubkey: me, toPubkey: friend.solana, lamports: SOL / 2 }))
  const first = await client.signAndSendTransaction({
    walletId: wallet.id, networkId: NetworkId.SOLANA_DEVNET, account: wallet.solana,
    transaction: b64u(tx.serialize({ requireAllSignatures: false })),
  })
  row('0.5 SOL', short(first.hash))

  const transfer = EthereumTransaction.from({
    type: 2, chainId: 11155111, nonce: 0, gasLimit: 21_000, to: friend.ethereum, value: parseEther('0.25'),
    maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n,
  })
  const second = await client.signAndSendTransaction({
    walletId: wallet.id, networkId: NetworkId.ETHEREUM_SEPOLIA, transaction: transfer.unsignedSerialized,
  })
  row('0.25 ETH', short(second.hash))
  const receipt = await world.ethereum.receipt(second.hash)
  assert.equal(receipt.status, '0x1', 'the Ethereum transaction was not executed')

  const after = await look()
  assert.equal(after[1] - before[1], BigInt(SOL / 2), 'the SOL did not arrive')
  assert.equal(after[3] - before[3], parseEther('0.25'), 'the ETH did not arrive')
  say()
  table(['balance', 'before', 'after'], [
    ['wallet', sol(before[0]), sol(after[0])], ['friend', sol(before[1]), sol(after[1])],
    ['wallet', eth(before[2]), eth(after[2])], ['friend', eth(before[3]), eth(after[3])],
  ])
  done('signed in the enclave, broadcast by the host, executed by the chains')
  return 'half a SOL and a quarter of an ETH'
}

async function refuse({ baseUrl }, { client, organizationId }, wallet) {
  step('An app with a leash: a key for one wallet, for one hour')
  const other = await client.createWallet('Savings')
  const guest = ed25519Key()
  await client.addUserToOrganization({
    organizationId, replaceExpirable: true,
    user: {
      username: 'game', authenticators: [authenticator(guest, 'game')], traits: { appId: 'game-1' },
      policy: { type: 'CEL', preset: 'DAPP_CONNECTION_USER', walletId: wallet.id }, expiresInMs: 3_600_000,
    },
  })
  const game = connect(baseUrl, guest, organizationId)
  const sign = (walletId) => game.signUtf8Message({ walletId, message: 'gg', networkId: NetworkId.SOLANA_DEVNET })
  assert.ok(await sign(wallet.id))
  done('it signs with the wallet that it was given')
  const error = await sign(other.walletId).then(() => assert.fail('the game used a wallet of others'), (e) => e)
  assert.equal(error.response?.status, 403, error.message)
  refused(`asking for "Savings": ${error.response.status}, ${error.response.data.message}`)
}

// allowance gives an agent rules: it may spend half an ether a day, on one address at most a quarter at a time.
async function allowance({ baseUrl }, { client, key, organizationId }, wallet) {
  step('An agent with an allowance: rules over what a transaction does')
  const shop = Wallet.createRandom().address, supplier = Wallet.createRandom().address
  const spends = (limit) => ({
    type: 'CEL', constants: [{ name: 'shop', value: shop, comment: '' }, { name: 'supplier', value: supplier, comment: '' }], rules: [{
      expression: `request.method == 'signTransaction' && tx.evm.to == shop && !effects.unknown && usage.spent('ETH', duration('24h')) <= ether('${limit}')`,
      outcome: 'ALLOW', comment: `${limit} ETH a day at the shop`,
    }, { expression: "request.method in ['getOrganization', 'getAccounts']", outcome: 'ALLOW', comment: 'looking' }, {
      expression: "request.method == 'signTransaction' && tx.chain == 'evm' && tx.evm.to == supplier", outcome: 'REQUIRE_APPROVAL',
      comment: 'the supplier, if somebody agrees', approvals: [{ required: 1 }],
    }],
  })
  const agentKey = ed25519Key()
  await client.addUserToOrganization({
    organizationId, user: { username: 'agent', authenticators: [authenticator(agentKey, 'agent')], policy: spends('0.5') },
  })
  let nonce = 7
  const pay = async (value, to = shop) => {
    const transaction = EthereumTransaction.from({
      type: 2, chainId: 1, nonce: nonce++, gasLimit: 21_000, to, value: parseEther(value), maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 1n,
    }).unsignedSerialized
    const body = request('signTransaction', {
      organizationId, walletId: wallet.id, transaction: { kind: 'RLP_ENCODED', bytes: transaction },
      derivationInfo: { derivationPath: "m/44'/60'/0'/0/0", curve: 'Secp256k1', addressFormat: 'Ethereum' },
    })
    const answer = await post(baseUrl, body, { key: agentKey })
    return { status: answer.status, body: JSON.parse(answer.text), again: () => post(baseUrl, body, { key: agentKey }) }
  }
  for (const value of ['0.2', '0.2']) assert.equal((await pay(value)).status, 200)
  done('it paid 0.2 ETH twice')
  const denied = await pay('0.2')
  assert.equal(denied.status, 403)
  const limit = denied.body.explanation.rules[0].because.find((b) => b.limit).limit
  assert.equal(limit.left, '99958000000000000')
  refused(`0.2 ETH more: ${denied.status}, ${denied.body.explanation.rules[0].comment}: used ${eth(BigInt(limit.used))}, left ${eth(BigInt(limit.left))}, fits again at ${limit.freesAt}`)
  const waiting = await pay('2', supplier)
  assert.equal(waiting.status, 202)
  row('2 ETH', `${waiting.status}, it waits for ${waiting.body.approval.required[0].required} approval`)
  const agree = request('approveRequest', { organizationId, requestId: waiting.body.approval.id, requestDigest: waiting.body.approval.requestDigest })
  assert.equal((await post(baseUrl, agree, { key })).status, 200)
  const through = await waiting.again()
  assert.ok(EthereumTransaction.from(JSON.parse(through.text).result.rawTransactionHex ?? '0x' + Buffer.from(unb64u(JSON.parse(through.text).result.transaction)).toString('hex')).from)
  done('the administrator approved exactly that request, and it was signed, once')
  const body = request('replayPolicy', { organizationId, username: 'agent', policy: spends('0.3') })
  const replay = JSON.parse((await post(baseUrl, body, { key })).text).result
  assert.deepEqual([replay.examined, replay.changes.length, replay.changes[0].would], [5, 1, 'DENY'])
  row('0.3 ETH a day', `would have stopped ${replay.changes.length} of ${replay.examined} requests  ${dim('redoubt policy replay')}`)
}

async function showLog({ baseUrl }, app) {
  step('The record: a log that only grows, signed at its head')
  const body = request('signUtf8Message', {
    organizationId: app.organizationId, walletId: (await app.client.getWallets()).wallets[0].walletId,
    message: 'on the record', algorithm: 'Ed25519',
    derivationInfo: { derivationPath: solanaPath(), curve: 'Ed25519', addressFormat: 'Solana' },
  })
  const answer = await post(baseUrl, body, { key: app.key })
  assert.equal(answer.status, 200, answer.text)
  const res = await fetch(`${baseUrl}/attestation`)
  assert.equal(res.status, 200, 'the server does not attest to itself')
  const attestation = await res.json()
  const head = attestation.head ?? {}
  row('entries', String(head.size ?? head.index ?? 'unknown'))
  if (head.root) row('root', head.root)
  if (attestation.mode) row('mode', `${attestation.mode}, tier ${attestation.tier ?? 'unknown'}`)
  const receipt = answer.headers.get('x-redoubt-receipt')
  row('receipt', `${short(receipt)}  ${dim('came with the last answer')}`)
  await verifyReceipt(baseUrl, { request: body, response: answer.text, receipt })
  done('the receipt proves that answer to that request, and names its place in the log')
  await run('log', 'verify', '--url', baseUrl)
  done('the log is whole, from its first entry to its head')
  return head.size ?? head.index
}

function summary({ moved, log, seconds }) {
  title('What happened')
  row('moved', moved)
  row('refused', 'two requests, by policy, with the reasons above')
  row('approved', 'one request, by a second person')
  row('on the record', `${log} log entries`)
  row('keys outside', 'none: they were made, used and kept in the signer')
  row('time', `${seconds.toFixed(1)} s`)
  title('What to try next')
  row('your own server', bold('bin/redoubt dev --data data --rpc solana/devnet=URL'))
  row('your own app', `point the SDK's ${bold('apiBaseUrl')} at http://127.0.0.1:8484/v1/wallets`)
  row('all of it, tested', bold('cd e2e/js && npm test'))
  say()
}

main().then(
  () => say(green('The demonstration is complete.') + '\n'),
  (e) => {
    process.stderr.write(`\n${red('This did not happen:')} ${e.stack ?? e}\n`)
    process.exitCode = 1
  },
)
