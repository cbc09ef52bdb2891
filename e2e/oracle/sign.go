package main

import (
	"encoding/json"
	"io"
	"math/rand/v2"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
)

// sign signs random digests by random keys, one key for every ten digests.
func sign(n int, out io.Writer) error {
	var key [32]byte
	key[0] = 15
	g := rand.NewChaCha8(key)
	lines := json.NewEncoder(out)
	var keys map[string]curve.PrivateKey
	secret, digest := make([]byte, 32), make([]byte, 32)
	for i := range n {
		if i%10 == 0 {
			_, _ = g.Read(secret) // never fails
			var err error
			if keys, err = kinds(secret); err != nil {
				return err
			}
		}
		_, _ = g.Read(digest)
		for kind, k := range keys {
			signature, err := k.Sign(digest)
			if err != nil {
				return err
			}
			line := object{"kind": kind, "publicKey": digits(k.Public()), "digest": digits(digest), "signature": digits(signature)}
			if err := lines.Encode(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// kinds are the keys that a secret makes.
func kinds(secret []byte) (map[string]curve.PrivateKey, error) {
	keys := make(map[string]curve.PrivateKey)
	for _, c := range []api.Curve{api.CurveEd25519, api.CurveSecp256k1, api.CurveSecp256r1} {
		k, err := curve.New(c, secret)
		if err != nil {
			return nil, err
		}
		keys[string(c)] = k
	}
	for kind, of := range map[string]func(curve.PrivateKey) (curve.PrivateKey, error){"Schnorr": curve.Schnorr, "Taproot": curve.Taproot} {
		k, err := of(keys[string(api.CurveSecp256k1)])
		if err != nil {
			return nil, err
		}
		keys[kind] = k
	}
	return keys, nil
}
