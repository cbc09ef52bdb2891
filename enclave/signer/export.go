package signer

import (
	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/permit"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// exportContext binds a sealed bundle to its wallet and organization; the permit binds the rest.
func exportContext(organization, wallet proof.ID) []byte {
	b := append([]byte("redoubt/export/v1\x00"), organization[:]...)
	return append(b, wallet[:]...)
}

// export encrypts a wallet's secret to a public key, and seals what comes out until a permit frees it: nobody gets it
// before the log says so. Of a mnemonic it gives the entropy, never a key that was derived: a leaf key with an extended
// public key gives away its parent.
func (s *Signer) export(request wire.ExportSecret) (wire.ExportedSecret, error) {
	opened, err := s.open(request.Wallet, request.Sealed)
	if err != nil {
		return wire.ExportedSecret{}, err
	}
	defer opened.wipe()
	out := &envelope.Secret{Kind: envelope.Entropy, Bytes: opened.Entropy}
	if opened.Kind == api.WalletKeypair {
		out.Kind = envelope.Secp256k1
		if opened.Curve == api.CurveEd25519 {
			out.Kind = envelope.Ed25519
		}
	}
	bundle, err := envelope.Seal(request.PublicKey, envelope.Purpose{
		Method: api.ExportWallet, Organization: request.Organization, Subject: request.Wallet, Context: request.Request,
	}, out)
	if err != nil {
		return wire.ExportedSecret{}, wire.Faultf("invalid", "%v", err)
	}
	sealed, err := s.exportKey.Seal(exportContext(request.Organization, request.Wallet), bundle)
	return wire.ExportedSecret{Bundle: sealed, Fingerprint: s.fingerprint(opened)}, err
}

// release opens a bundle whose export is permitted.
func (s *Signer) release(p permit.Permit, sealed []byte) (wire.SignResult, error) {
	bundle, err := s.exportKey.Open(exportContext(p.Organization, p.Wallet), sealed)
	return wire.SignResult{Signature: bundle}, err
}
