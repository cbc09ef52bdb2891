// Package ledger keeps the state that a hostile host stores for us from being rewritten or rolled back: the log of
// entries, the index of records with their digest, and the chain of heads that ties them together.
//
// A commit appends entries to the log, replaces records, and yields the next head. The head names the root of the log,
// the digest of the index and the hash of the commit as it is stored; the certifier anchors it. What the host hands
// back later is believed only when its hash is the one in the index, or its entry's commitment the one in the log.
package ledger
