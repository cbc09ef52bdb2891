// A small JSON-RPC front before LiteSVM, which executes Solana transactions for real, in this process. Enough of
// the interface of a node for a wallet: blockhash, send, balance, airdrop, status, account. Run it by itself
// (node nodes/litesvm-rpc.mjs --port 8899) or call startLiteSVM from a test.
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { address, getTransactionDecoder, lamports } from '@solana/kit'
import bs58 from 'bs58'
import { FailedTransactionMetadata, LiteSVM } from 'litesvm'
import { RpcError, serve } from './rpc.mjs'

// What a node says about the errors that wallets meet.
const texts = {
  AccountNotFound: 'Attempt to debit an account but found no record of a prior credit.',
  AlreadyProcessed: 'This transaction has already been processed',
  BlockhashNotFound: 'Blockhash not found',
  InsufficientFundsForFee: 'Insufficient funds for fee',
}

// startLiteSVM resolves to {url, svm, node, close}; node.received counts the calls of sendTransaction.
export async function startLiteSVM({ port = 0 } = {}) {
  const svm = new LiteSVM()
  const node = new Node(svm)
  const server = await serve(node.methods(), { port })
  return { ...server, svm, node }
}

class Node {
  statuses = new Map() // signature (base58) → what getSignatureStatuses says
  received = 0 // calls of sendTransaction, to find double broadcasts

  constructor(svm) {
    this.svm = svm
  }

  methods() {
    return {
      getHealth: () => 'ok',
      getVersion: () => ({ 'solana-core': '3.0.0', 'feature-set': 0 }),
      getGenesisHash: () => 'EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG',
      getSlot: () => this.slot(),
      getLatestBlockhash: () =>
        this.inContext({ blockhash: this.svm.latestBlockhash(), lastValidBlockHeight: this.slot() + 150 }),
      getBalance: (key) => this.inContext(Number(this.svm.getBalance(parseKey(key)) ?? 0n)),
      getMinimumBalanceForRentExemption: (size) =>
        Number(this.svm.minimumBalanceForRentExemption(BigInt(size))),
      getAccountInfo: (key) => this.inContext(this.account(parseKey(key))),
      getSignatureStatuses: (list) => this.inContext(list.map((s) => this.statuses.get(s) ?? null)),
      requestAirdrop: (key, amount) => this.airdrop(parseKey(key), amount),
      sendTransaction: (text, options) => this.send(text, options ?? {}),
      simulateTransaction: (text, options) => this.simulate(text, options ?? {}),
    }
  }

  slot() {
    return Number(this.svm.getClock().slot)
  }

  inContext(value) {
    return { context: { slot: this.slot() }, value }
  }

  account(key) {
    const a = this.svm.getAccount(key)
    if (!a.exists) return null
    return {
      data: [Buffer.from(a.data).toString('base64'), 'base64'],
      executable: a.executable,
      lamports: Number(a.lamports),
      owner: a.programAddress,
      rentEpoch: 0,
      space: Number(a.space),
    }
  }

  airdrop(key, amount) {
    const result = this.svm.airdrop(key, lamports(BigInt(amount)))
    if (!result || result instanceof FailedTransactionMetadata) throw new RpcError(-32603, 'Airdrop failed')
    return this.record(bs58.encode(result.signature()), null)
  }

  // send behaves as a node does: with preflight an invalid transaction is refused and changes nothing; without,
  // its signature is returned whatever becomes of it.
  send(text, { encoding = 'base58', skipPreflight = false }) {
    this.received++
    const tx = parseTransaction(text, encoding)
    const signature = firstSignature(tx)
    if (!skipPreflight) refuse(this.attempt(() => this.svm.simulateTransaction(tx)))
    const err = this.attempt(() => this.svm.sendTransaction(tx)).err
    if (err !== 'AlreadyProcessed') this.record(signature, err)
    return signature
  }

  // simulate runs a transaction without keeping what it does; unsigned ones, and old blockhashes, if the caller says so.
  simulate(text, { encoding, sigVerify, replaceRecentBlockhash }) {
    const tx = parseTransaction(text, encoding)
    this.svm.withSigverify(!!sigVerify).withBlockhashCheck(!replaceRecentBlockhash)
    try {
      const result = this.svm.simulateTransaction(tx)
      const failed = result instanceof FailedTransactionMetadata
      const meta = result.meta()
      return this.inContext({
        err: failed ? parseError(String(result)) : null, logs: meta.logs(), unitsConsumed: Number(meta.computeUnitsConsumed()),
      })
    } finally {
      this.svm.withSigverify(true).withBlockhashCheck(true)
    }
  }

  // attempt runs a transaction and resolves to {err, logs}, err being null or what RPC calls it.
  attempt(run) {
    let result
    try {
      result = run()
    } catch {
      return { err: 'SignatureFailure', logs: [] } // the wrapper refuses missing signatures by itself
    }
    if (!(result instanceof FailedTransactionMetadata)) return { err: null, logs: [] }
    return { err: parseError(String(result)), logs: result.meta().logs() }
  }

  record(signature, err) {
    this.statuses.set(signature, {
      slot: this.slot(),
      confirmations: null,
      err,
      status: err === null ? { Ok: null } : { Err: err },
      confirmationStatus: 'finalized',
    })
    return signature
  }
}

function refuse({ err, logs }) {
  if (err === null) return
  if (err === 'SignatureFailure') throw new RpcError(-32003, 'Transaction signature verification failure')
  throw new RpcError(-32002, `Transaction simulation failed: ${describe(err)}`, {
    accounts: null,
    err,
    innerInstructions: null,
    logs,
    returnData: null,
    unitsConsumed: 0,
  })
}

function describe(err) {
  if (typeof err === 'string') return texts[err] ?? err
  const [index, what] = err.InstructionError
  const detail = typeof what === 'string' ? what : `custom program error: 0x${what.Custom.toString(16)}`
  return `Error processing Instruction ${index}: ${detail}`
}

// parseError reads the error out of its Rust notation: the wrapper has numbers where RPC has names.
function parseError(text) {
  const [, name, detail] = /err: (\w+)(?:\((.*?)\))?, meta/.exec(text) ?? [null, 'Unknown']
  const parts = /^(\d+), (\w+)(?:\((\d+))?/.exec(detail ?? '')
  if (name !== 'InstructionError' || !parts) return name
  return { InstructionError: [Number(parts[1]), parts[3] ? { [parts[2]]: Number(parts[3]) } : parts[2]] }
}

function parseKey(text) {
  try {
    return address(text)
  } catch {
    throw new RpcError(-32602, 'Invalid param: Invalid')
  }
}

function parseTransaction(text, encoding) {
  try {
    const bytes = encoding === 'base64' ? Buffer.from(text, 'base64') : bs58.decode(text)
    return getTransactionDecoder().decode(bytes)
  } catch {
    throw new RpcError(-32602, 'failed to deserialize solana_transaction::versioned::VersionedTransaction')
  }
}

function firstSignature(tx) {
  const [signature] = Object.values(tx.signatures)
  if (!signature) throw new RpcError(-32003, 'Transaction signature verification failure')
  return bs58.encode(signature)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8899' } } })
  const { url } = await startLiteSVM({ port: Number(values.port) })
  console.log(`ready ${url}`)
}
