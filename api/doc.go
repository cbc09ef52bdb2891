// Package api holds the wire types of the public contract: the JSON that clients send and receive over
// POST /v1/wallets/kms/rpc, its error body, its names and its limits. It has no behaviour beyond that and imports
// only the standard library, so that clients and servers share one spelling of every field.
package api
