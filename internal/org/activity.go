package org

// Activity is the record of where an organization's entries in the log end. Each entry names the commit of the one
// before, so that they are a chain to which nothing can be added, and from which nothing can be taken, unnoticed.
type Activity struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // SchemaVersion
	Count   uint64   // entries of the organization
	Commit  uint64   // that holds the newest of them
}
