// Package proof holds what an outsider verifies, and nothing else: the manifest of a deployment, the certificates that
// its certifier issued, the head of its ledger under a receipt, the receipt of one request, and inclusion in the log.
//
// Every format is deterministic CBOR (RFC 8949, section 4.2.1) of an array whose first element is the format's version,
// and every signature is Ed25519 over a context string, a zero byte and those bytes. Trees are those of RFC 6962. The
// formats are written up in docs/spec. The enclaves use this package too, so that a format has one reader.
package proof
