package signer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/seed"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// importKey is what an import envelope seals: the seed of the private key to which the secret will be encrypted.
type importKey struct {
	_      struct{} `cbor:",toarray"`
	Schema uint8    // 1
	Size   uint16   // of the public key, which names the suite
	Seed   []byte
}

// importContext binds the sealed key to what it is for.
func importContext(p wire.ImportPurpose) ([]byte, error) {
	b, err := proof.Encode(p)
	return append([]byte("redoubt/import/v1\x00"), b...), err
}

// newImport makes a key for one import. The signer keeps nothing of it.
func (s *Signer) newImport(request wire.NewImport) (wire.ImportKey, error) {
	k := importKey{Schema: 1, Size: request.Size, Seed: make([]byte, envelope.SeedSize)}
	rand.Read(k.Seed)
	defer clear(k.Seed)
	private, err := envelope.NewKey(k.Seed, int(k.Size))
	if err != nil {
		return wire.ImportKey{}, err
	}
	plain, err := proof.Encode(k)
	if err != nil {
		return wire.ImportKey{}, err
	}
	defer clear(plain)
	context, err := importContext(request.Purpose)
	if err != nil {
		return wire.ImportKey{}, err
	}
	sealed, err := s.importKey.Seal(context, plain)
	return wire.ImportKey{Sealed: sealed, PublicKey: private.PublicKey()}, err
}

// importSecret opens an encrypted secret and makes it the secret of a new wallet.
func (s *Signer) importSecret(request wire.ImportSecret) (wire.ImportedSecret, error) {
	made, err := s.openImport(request)
	if err != nil {
		return wire.ImportedSecret{}, err
	}
	defer made.wipe()
	created, err := s.keep(made, request.Wallet, request.Accounts)
	return wire.ImportedSecret{Created: created, Fingerprint: s.fingerprint(made)}, err
}

func (s *Signer) openImport(request wire.ImportSecret) (*secret, error) {
	s.mu.Lock()
	late := s.newest.Time >= request.Purpose.Expires
	s.mu.Unlock()
	if late { // by the newest receipt, which may be old; the policy engine knows the time
		return nil, wire.Faultf("invalid", "the import envelope has expired")
	}
	context, err := importContext(request.Purpose)
	if err != nil {
		return nil, err
	}
	plain, err := s.importKey.Open(context, request.Sealed)
	if err != nil {
		return nil, err // the policy engine knows this envelope: somebody exchanged it
	}
	defer clear(plain)
	var k importKey
	if err := proof.Decode(plain, &k); err != nil {
		return nil, err
	}
	defer clear(k.Seed)
	private, err := envelope.NewKey(k.Seed, int(k.Size))
	if err != nil {
		return nil, err
	}
	if !slices.Equal(private.PublicKey(), request.PublicKey) {
		return nil, wire.Faultf("invalid", "the public key is not the envelope's: whoever encrypted to it was deceived")
	}
	opened, err := private.Open(envelope.Purpose{
		Method: api.CompleteImportWallet, Organization: request.Purpose.Organization, Context: request.Context,
	}, request.Encrypted)
	if err != nil {
		return nil, wire.Faultf("invalid", "%v", err)
	}
	defer opened.Wipe()
	if request.Curve != "" {
		return importKeypair(opened, api.Curve(request.Curve))
	}
	return importMnemonic(opened, int(request.Bits)/8)
}

// importMnemonic takes words, whose checksum must be right, or the entropy that they spell.
func importMnemonic(from *envelope.Secret, size int) (*secret, error) {
	var s *seed.Seed
	var err error
	switch from.Kind {
	case envelope.Mnemonic:
		s, err = seed.FromMnemonic(from.Bytes)
	case envelope.Entropy:
		s, err = seed.New(from.Bytes)
	case envelope.Ed25519, envelope.Secp256k1:
		return nil, wire.Faultf("invalid", "the envelope holds a key, but the request has no curve")
	}
	if err != nil {
		return nil, wire.Faultf("invalid", "not an English BIP-39 mnemonic of 12, 15, 18, 21 or 24 words with a right checksum")
	}
	defer s.Zero()
	made := &secret{Schema: 1, KeyEpoch: 1, Kind: api.WalletMnemonic, Entropy: s.Entropy(), Seed: s.Stretched()}
	if size != 0 && size != len(made.Entropy) {
		defer made.wipe()
		return nil, wire.Faultf("invalid", "the mnemonic has %d words, not as many as mnemonicLength says", len(made.Entropy)*3/4)
	}
	return made, nil
}

// importKeypair takes a private key. A public key beside it must be its own.
func importKeypair(from *envelope.Secret, c api.Curve) (*secret, error) {
	want := map[api.Curve]envelope.Kind{api.CurveEd25519: envelope.Ed25519, api.CurveSecp256k1: envelope.Secp256k1}[c]
	if from.Kind != want {
		return nil, wire.Faultf("invalid", "the envelope does not hold a key of the curve that the request names")
	}
	key, err := curve.New(c, from.Bytes[:32])
	if err != nil {
		return nil, wire.Faultf("invalid", "not a private key of this curve")
	}
	defer key.Zero()
	if public := from.Bytes[32:]; len(public) > 0 && !slices.Equal(public, key.Public()) {
		return nil, wire.Faultf("invalid", "the public key in the last 32 bytes is another one than the seed's")
	}
	return &secret{Schema: 1, KeyEpoch: 1, Kind: api.WalletKeypair, Curve: c, Entropy: slices.Clone(from.Bytes[:32])}, nil
}

// fingerprint tells equal secrets to whoever does not know them, and nothing else: it is keyed.
func (s *Signer) fingerprint(of *secret) proof.ID {
	mac := hmac.New(sha256.New, s.fingerprintKey[:])
	mac.Write([]byte(of.Kind + "\x00" + string(of.Curve) + "\x00"))
	mac.Write(of.Entropy)
	return proof.ID(mac.Sum(nil)[:16])
}
