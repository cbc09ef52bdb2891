package signer

import (
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/failpoint"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// signOne signs what one permit names, or says that the sealed secret is needed.
func (s *Signer) signOne(receipt proof.Receipt, order wire.SignOrder) (wire.SignResult, error) {
	var p permit.Permit
	if err := proof.Decode(order.Permit, &p); err != nil {
		return wire.SignResult{}, fmt.Errorf("permit: %w", err)
	}
	evidence := permit.Evidence{Entry: order.Entry, Salt: order.Salt, Path: order.Path}
	if err := p.Check(order.Payload, evidence, receipt); err != nil {
		return wire.SignResult{}, err
	}
	if p.Kind == permit.PayloadExport {
		return s.release(p, order.Payload)
	}
	parsed, err := payload.Read(p.Kind, p.Format, p.Algorithm, order.Payload)
	if err != nil {
		return wire.SignResult{}, err
	}
	if !payload.Fits(p.Kind, p.Format) {
		return wire.SignResult{}, errors.New("the payload is not for accounts of this format")
	}
	if parsed.Algorithm() != p.Algorithm || (p.Algorithm == api.Ed25519) != (p.Curve == api.CurveEd25519) ||
		(p.Algorithm == api.Secp256r1) != (p.Curve == api.CurveSecp256r1) {
		return wire.SignResult{}, errors.New("the payload takes another algorithm than the permit or its key")
	}
	var result wire.SignResult
	err = s.lend(p.Wallet, order.Sealed, func(h *held) error {
		return h.use(derivation.Path(p.Path), p.Curve, p.Format, func(key accountKey) error {
			result, err = signWith(key, p, parsed)
			s.stats.signed(p.Algorithm, err)
			return err
		})
	})
	if errors.Is(err, errNotHeld) {
		return wire.SignResult{Missing: true}, nil
	}
	return result, err
}

func signWith(key accountKey, p permit.Permit, parsed chain.Payload) (wire.SignResult, error) {
	result := wire.SignResult{PublicKey: key.public.PublicKey, Address: key.public.Address}
	failpoint.Pass(failpoint.SignerBeforeSign)
	bundle, several := parsed.(chain.Bundle)
	own, err := key.PrivateKey, error(nil)
	switch {
	case p.Algorithm == api.Secp256k1Schnorr && several:
		own, err = curve.Taproot(own)
	case p.Algorithm == api.Secp256k1Schnorr:
		own, err = curve.Schnorr(own)
	}
	if err != nil {
		return result, err
	}
	if p.Algorithm == api.Secp256k1Schnorr {
		defer own.Zero() // made for this order alone
	}
	if several {
		result.Transaction, err = signBundle(own, key.public.PublicKey, bundle)
		return result, err
	}
	if result.Signature, err = own.Sign(parsed.SigningBytes()); err != nil {
		return result, err
	}
	if err := failpoint.Fail(failpoint.SignerAfterSign); err != nil {
		return result, err
	}
	if tx, ok := parsed.(chain.Transaction); ok {
		result.Transaction, err = tx.Attach(result.PublicKey, result.Signature)
		return result, err
	}
	switch p.Algorithm {
	case api.Secp256k1:
		result.Signature = result.Signature[:64] // r‖s: the contract has no recovery id for this algorithm
	case api.Secp256k1Keccak256:
		result.Signature[64] += 27 // v as EIP-191 and EIP-712 verifiers expect it
	case api.Ed25519, api.Secp256r1, api.Secp256k1Schnorr:
	}
	return result, nil
}

// signBundle gives every signature that a payload takes of the account, or none.
func signBundle(own curve.PrivateKey, publicKey []byte, bundle chain.Bundle) ([]byte, error) {
	digests, err := bundle.Digests(publicKey)
	if err != nil {
		return nil, err
	}
	signatures := make([][]byte, len(digests))
	for i, digest := range digests {
		if signatures[i], err = own.Sign(digest); err != nil {
			return nil, err
		}
	}
	if err := failpoint.Fail(failpoint.SignerAfterSign); err != nil {
		return nil, err
	}
	return bundle.AttachAll(publicKey, signatures)
}
