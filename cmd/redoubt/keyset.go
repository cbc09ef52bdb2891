package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/proof"
)

// keySet are the keys of a deployment, by name.
type keySet map[string][]byte

// keyNames are the keys that a deployment has, in their order.
func keyNames() []string {
	var names []string
	for _, role := range roles() {
		names = append(names, string(role))
	}
	return append(names, keyLauncher, keyOperator)
}

// readKeys reads the keys, and refuses those that are not the manifest's: a backup of them would be worth nothing.
func (d deployment) readKeys(m proof.Manifest) (keySet, error) {
	keys := keySet{}
	for _, name := range keyNames() {
		secret, err := os.ReadFile(d.key(name))
		if errors.Is(err, os.ErrNotExist) && name == keyOperator {
			continue // it belongs elsewhere
		}
		if err == nil {
			err = checkKey(m, name, secret)
		}
		if err != nil {
			keys.clear()
			return nil, err
		}
		keys[name] = secret
	}
	return keys, nil
}

// checkKey checks that a key is the one that the manifest names.
func checkKey(m proof.Manifest, name string, secret []byte) error {
	wrong := fmt.Errorf("key %s is not the one that the manifest names", name)
	if name == keyLauncher || name == keyOperator {
		if len(secret) != ed25519.SeedSize {
			return fmt.Errorf("key %s has %d bytes, want %d", name, len(secret), ed25519.SeedSize)
		}
		key := ed25519.NewKeyFromSeed(secret)
		defer clear(key)
		if name == keyLauncher && !sameKey(key, m.Launcher) || name == keyOperator && !slices.ContainsFunc(m.Operators, func(named []byte) bool { return sameKey(key, named) }) {
			return wrong
		}
		return nil
	}
	root, err := seal.NewRoot(secret)
	if err != nil {
		return fmt.Errorf("key %s: %w", name, err)
	}
	defer root.Zero()
	if !m.Knows(proof.Role(name), root.Commitment()) {
		return wrong
	}
	return nil
}

func (k keySet) each(do func(name string, secret []byte) error) error {
	for _, name := range k.names() {
		if err := do(name, k[name]); err != nil {
			return err
		}
	}
	return nil
}

func (k keySet) names() []string {
	var names []string
	for _, name := range keyNames() {
		if _, ok := k[name]; ok {
			names = append(names, name)
		}
	}
	return names
}

func (k keySet) clear() {
	for _, secret := range k {
		clear(secret)
	}
}

// headKey is what authenticates the heads of this ledger.
func (k keySet) headKey() ([32]byte, error) {
	root, err := seal.NewRoot(k[string(proof.RolePolicy)])
	if err != nil {
		return [32]byte{}, err
	}
	defer root.Zero()
	return root.Derive("head"), nil
}

func sameKey(key ed25519.PrivateKey, public []byte) bool {
	return key.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(public))
}
