package signer

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/derivation"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/seed"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// secret is what a wallet's secret record seals. It never changes, so its record has version 1 for ever.
type secret struct {
	_        struct{} `cbor:",toarray"`
	Schema   uint8    // 1
	KeyEpoch uint8    // of the sealing key, 1
	Kind     string   // MNEMONIC or KEYPAIR
	Curve    api.Curve
	Entropy  []byte // of a mnemonic, 16 to 32 bytes; or the 32 bytes of a private key
	Seed     []byte // 64 bytes of BIP-39, so that opening a wallet stretches nothing
}

const secretVersion = 1

func secretContext(wallet proof.ID) []byte {
	return ledger.Context(ledger.NewKey(ledger.KindSecret, wallet, proof.ID{}), secretVersion)
}

// create makes the secret of a new wallet and derives its first accounts.
func (s *Signer) create(request wire.CreateSecret) (wire.CreatedSecret, error) {
	made, err := newSecret(request)
	if err != nil {
		return wire.CreatedSecret{}, err
	}
	defer made.wipe()
	return s.keep(made, request.Wallet, request.Accounts)
}

// keep seals a new secret and derives its first accounts.
func (s *Signer) keep(made *secret, wallet proof.ID, wanted []wire.AccountRequest) (wire.CreatedSecret, error) {
	plain, err := proof.Encode(made)
	if err != nil {
		return wire.CreatedSecret{}, err
	}
	defer clear(plain)
	sealed, err := s.secretKey.Seal(secretContext(wallet), plain)
	if err != nil {
		return wire.CreatedSecret{}, err
	}
	var accounts []wire.Account
	err = s.lend(wallet, sealed, func(h *held) error {
		accounts, err = h.accounts(wanted)
		return err
	})
	return wire.CreatedSecret{Sealed: sealed, Accounts: accounts}, err
}

// open opens a wallet's sealed secret. The caller wipes it.
func (s *Signer) open(wallet proof.ID, sealed []byte) (*secret, error) {
	plain, err := s.secretKey.Open(secretContext(wallet), sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	opened := &secret{}
	if err := proof.Decode(plain, opened); err != nil {
		return nil, err
	}
	return opened, opened.check()
}

// check knows the schemas.
func (s *secret) check() error {
	if s.Schema != 1 || s.KeyEpoch != 1 {
		return fmt.Errorf("secret of schema %d", s.Schema)
	}
	return nil
}

func newSecret(request wire.CreateSecret) (*secret, error) {
	made := &secret{Schema: 1, KeyEpoch: 1}
	if request.Bits == 0 {
		made.Kind, made.Curve, made.Entropy = api.WalletKeypair, api.Curve(request.Curve), make([]byte, 32)
		if made.Curve != api.CurveEd25519 && made.Curve != api.CurveSecp256k1 {
			return nil, fmt.Errorf("no keypair wallets of curve %q", made.Curve)
		}
		for { // once, but for one of 2^128 numbers
			rand.Read(made.Entropy)
			if key, err := curve.New(made.Curve, made.Entropy); err == nil {
				key.Zero()
				return made, nil
			}
		}
	}
	if request.Bits%32 != 0 || request.Bits < 128 || request.Bits > 256 {
		return nil, fmt.Errorf("entropy of %d bits", request.Bits)
	}
	made.Kind, made.Entropy = api.WalletMnemonic, make([]byte, request.Bits/8)
	rand.Read(made.Entropy)
	stretched, err := seed.New(made.Entropy)
	if err != nil {
		return nil, err
	}
	defer stretched.Zero()
	made.Seed = stretched.Stretched()
	return made, nil
}

func (s *secret) wipe() {
	clear(s.Entropy)
	clear(s.Seed)
}

// accounts derives public keys and addresses.
func (s *Signer) accounts(request wire.AccountsRequest) (wire.Accounts, error) {
	var accounts []wire.Account
	err := s.lend(request.Wallet, request.Sealed, func(h *held) error {
		var err error
		accounts, err = h.accounts(request.Accounts)
		return err
	})
	if errors.Is(err, errNotHeld) {
		return wire.Accounts{Missing: true}, nil
	}
	return wire.Accounts{Accounts: accounts}, err
}

func (h *held) accounts(wanted []wire.AccountRequest) ([]wire.Account, error) {
	accounts := make([]wire.Account, len(wanted))
	for i, a := range wanted {
		format := api.AddressFormat(a.Format)
		err := h.use(derivation.Path(a.Path), api.Curve(a.Curve), format, func(key accountKey) error {
			accounts[i] = key.public
			return nil
		})
		if errors.Is(err, errNotHeld) {
			return nil, err
		}
		if err != nil {
			return nil, wire.Faultf("invalid", "account %d: %v", i, err)
		}
	}
	return accounts, nil
}
