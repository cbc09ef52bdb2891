// Certificates for servers of a test: a root that nobody else trusts, and under it one of an address of this machine.
// Written out as X.509 has them (RFC 5280), so that no other program is needed.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

const der = (tag, ...parts) => {
  const body = Buffer.concat(parts.map((p) => Buffer.from(p)))
  const size = body.length < 0x80 ? [body.length] : body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}
const sequence = (...parts) => der(0x30, ...parts)
const oid = (...bytes) => der(0x06, bytes)
const time = (ms) => der(0x17, new Date(ms).toISOString().replace(/^..|\..*|[-:T]/g, '') + 'Z')
const name = (text) => sequence(der(0x31, sequence(oid(0x55, 4, 3), der(0x0c, text))))
const extension = (id, critical, value) => sequence(oid(0x55, 29, id), ...(critical ? [der(0x01, [0xff])] : []), der(0x04, value))
const ecdsaWithSHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2))

const pem = (bytes) => `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

function certificate({ subject, publicKey, issuer, signer, extensions }) {
  const day = 86_400_000
  const body = sequence(
    der(0xa0, der(0x02, [2])), der(0x02, [1, ...randomBytes(8)]), ecdsaWithSHA256, name(issuer),
    sequence(time(Date.now() - day), time(Date.now() + day)), name(subject),
    publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, sequence(...extensions)),
  )
  return pem(sequence(body, ecdsaWithSHA256, der(0x03, [0], sign('sha256', body, signer))))
}

// newCertificate resolves to {root, cert, key}, all in PEM; cert is of 127.0.0.1.
export function newCertificate() {
  const above = newKey()
  const own = newKey()
  const issuer = `root of a test ${randomBytes(4).toString('hex')}`
  const root = certificate({
    subject: issuer, publicKey: above.publicKey, issuer, signer: above.privateKey,
    extensions: [extension(19, true, sequence(der(0x01, [0xff]))), extension(15, true, der(0x03, [2, 0x04]))], // it may sign certificates
  })
  const cert = certificate({
    subject: 'server of a test', publicKey: own.publicKey, issuer, signer: above.privateKey,
    extensions: [extension(17, false, sequence(der(0x87, [127, 0, 0, 1])))],
  })
  return { root, cert, key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }) }
}
