package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

var errNoSigner = errors.New("the signer does not answer")

// signers is the channel to the signer. A lost one is opened again when it is next needed: the signer keeps nothing
// that it cannot be given again.
type signers struct {
	vault *enclave.Vault
	mu    sync.Mutex
	link  *wire.Link
	holds map[proof.ID]bool // wallets whose secret this signer was given
}

// maxHolds bounds the memory of what the signer holds; the signer's own cache is of the same size.
const maxHolds = 4096

func (s *signers) channel(ctx context.Context) (*wire.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != nil {
		select {
		case <-s.link.Done():
		default:
			return s.link, nil
		}
	}
	link, err := s.vault.Dial(ctx, proof.RoleSigner)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSigner, err)
	}
	s.link, s.holds = link, map[proof.ID]bool{}
	return link, nil
}

// begin sends a batch and returns how to wait for its signatures.
func (s *signers) begin(ctx context.Context, batch wire.SignBatch) (func(context.Context) (wire.SignedBatch, error), error) {
	link, err := s.channel(ctx)
	if err != nil {
		return nil, err
	}
	return wire.Begin[wire.SignedBatch](link, wire.KindSign, batch)
}

func askSigner[Answer any](ctx context.Context, s *signers, kind wire.Kind, message any) (Answer, error) {
	link, err := s.channel(ctx)
	if err != nil {
		var none Answer
		return none, err
	}
	return wire.Ask[Answer](ctx, link, kind, message)
}

// holding says whether the signer is likely to hold a wallet's secret.
func (s *signers) holding(wallet proof.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holds[wallet]
}

// gave notes that the signer was given a wallet's secret.
func (s *signers) gave(wallet proof.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds == nil || len(s.holds) >= maxHolds {
		s.holds = map[proof.ID]bool{}
	}
	s.holds[wallet] = true
}
