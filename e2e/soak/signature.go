package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/mr-tron/base58"
)

// verify checks a signature with code that the server does not use: the standard library and go-ethereum.
func verify(r request, result []byte) error {
	var s struct{ Signature, Address, PublicKey string }
	if err := json.Unmarshal(result, &s); err != nil {
		return err
	}
	signature, err := base64.RawURLEncoding.DecodeString(s.Signature)
	if err != nil {
		return err
	}
	if r.method == "signUtf8Message" {
		public, err := base58.Decode(s.Address)
		if err != nil || len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, []byte(r.check), signature) {
			return errors.Join(fmt.Errorf("the signature of %q does not verify: %s", r.check, result), err)
		}
		return nil
	}
	if len(signature) != crypto.SignatureLength {
		return fmt.Errorf("a signature of %d bytes: %s", len(signature), result)
	}
	if signature[64] >= 27 {
		signature[64] -= 27
	}
	public, err := crypto.SigToPub(accounts.TextHash([]byte(r.check)), signature)
	if err != nil || crypto.PubkeyToAddress(*public).Hex() != s.Address {
		return errors.Join(fmt.Errorf("the signature of %q is not by %s: %s", r.check, s.Address, result), err)
	}
	return nil
}
