// The client asks a hard-coded host for the time and falls back to its own clock only after that has failed,
// slowly. Importing this module answers it here. Nothing else of the client is touched.
const clock = 'https://time.phantom.app/utc'
const network = globalThis.fetch

globalThis.fetch = (input, init) => {
  const url = input instanceof Request ? input.url : String(input)
  return url === clock ? Promise.resolve(new Response(String(Date.now()))) : network(input, init)
}
