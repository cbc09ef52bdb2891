// The least of JSON-RPC 2.0 over HTTP: one server for the nodes, one call for the tests.
import { createServer } from 'node:http'

// RpcError is an error that the caller sees, with the code that a real node would give.
export class RpcError extends Error {
  constructor(code, message, data) {
    super(message)
    this.code = code
    this.data = data
  }
}

// serve answers each method of `methods` on a free or given port and resolves to {url, close}.
export async function serve(methods, { port = 0, host = '127.0.0.1' } = {}) {
  const server = createServer((req, res) => {
    const chunks = []
    req.on('data', (c) => chunks.push(c))
    req.on('end', async () => {
      const answer = await respond(methods, Buffer.concat(chunks).toString('utf8'))
      res.writeHead(200, { 'content-type': 'application/json' })
      res.end(JSON.stringify(answer))
    })
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    url: `http://${host}:${server.address().port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

async function respond(methods, text) {
  let request
  try {
    request = JSON.parse(text)
  } catch {
    return failure(null, new RpcError(-32700, 'Parse error'))
  }
  if (Array.isArray(request)) return Promise.all(request.map((r) => one(methods, r)))
  return one(methods, request)
}

async function one(methods, { id = null, method, params = [] }) {
  if (!Object.hasOwn(methods, method)) return failure(id, new RpcError(-32601, 'Method not found'))
  try {
    return { jsonrpc: '2.0', id, result: await methods[method](...params) }
  } catch (e) {
    return failure(id, e instanceof RpcError ? e : new RpcError(-32603, `Internal error: ${e.message}`))
  }
}

function failure(id, { code, message, data }) {
  return { jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } }
}

// call makes one request and returns its result or throws an RpcError.
export async function call(url, method, ...params) {
  const res = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { result, error } = await res.json()
  if (error) throw new RpcError(error.code, error.message, error.data)
  return result
}
