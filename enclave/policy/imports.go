package policy

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
	"github.com/redoubt-kms/redoubt/proof/envelope"
)

// An import envelope is a version, its identifier, and the private key as the signer sealed it.
const (
	envelopeVersion = 1
	envelopeHead    = 1 + len(proof.ID{})
	maxEnvelope     = 256 // bytes; what the signer seals is shorter
)

func importsKey(organization proof.ID) ledger.Key {
	return ledger.NewKey(ledger.KindImports, organization, proof.ID{})
}

// initImport has the signer make a key to which a secret can be encrypted. The result is signed like any other, which is
// how a client knows that the key is the signer's and not the host's.
func (e *Engine) initImport(ctx context.Context, c *caller, params *api.InitWalletImportParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	size, ok := map[string]uint16{"": envelope.SizeX25519, api.KEMX25519: envelope.SizeX25519, api.KEMHybrid: envelope.SizeHybrid}[params.KEM]
	if !ok {
		return answer{}, api.Errorf(api.TypeInvalid, "want %s or %s", api.KEMX25519, api.KEMHybrid).At("params.kem")
	}
	waiting, err := load[org.Imports](ctx, e, importsKey(c.organization))
	if err != nil {
		return answer{}, err
	}
	one := org.Import{ID: id.Random(), User: c.member.User.Name(), Expires: c.now + uint64(api.ImportWindow/time.Millisecond)}
	if _, err := waiting.value.Add(one, c.now); err != nil {
		return answer{}, err // before a key is made for nothing
	}
	made, err := askSigner[wire.ImportKey](ctx, e.signers, wire.KindImportKey, wire.NewImport{Purpose: c.importPurpose(one), Size: size})
	if err != nil {
		return answer{}, err
	}
	sealed := append(append([]byte{envelopeVersion}, one.ID[:]...), made.Sealed...)
	one.Envelope = hashOf(sealed)
	after, err := waiting.value.Add(one, c.now)
	if err != nil {
		return answer{}, err
	}
	a := success(api.ImportEnvelope{
		Envelope: base64.StdEncoding.EncodeToString(sealed), PublicKey: base64.StdEncoding.EncodeToString(made.PublicKey),
	})
	p := &proposal{entry: c.entry(d), body: c.body, answer: c.complete(a), replay: c.replay}
	p.entry.Status, p.entry.Outcome = uint16(a.status), a.body
	p.put(importsKey(c.organization), after)
	if err := e.apply(p, func() error { return e.still(c, importsKey(c.organization), waiting.version) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

func (c *caller) importPurpose(one org.Import) wire.ImportPurpose {
	return wire.ImportPurpose{Envelope: one.ID, Organization: c.organization, User: one.User, Expires: one.Expires}
}

// still says whether a record and the organization are as a decision saw them. The engine's lock is held.
func (e *Engine) still(c *caller, key ledger.Key, version uint64) error {
	if e.version(key) != version {
		return errChanged
	}
	return e.unchanged(c)
}

// completeImport has the signer open an encrypted secret and stores it as that of a new wallet. The envelope is used up
// in the same commit, and by nothing else: a secret that does not open may be sent again.
func (e *Engine) completeImport(ctx context.Context, c *caller, params *api.CompleteImportWalletParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	w, err := readNewWallet(params.WalletName, params.Tags, params.WalletParameters)
	if err != nil {
		return answer{}, err
	}
	if params.MnemonicLength == nil {
		w.bits = 0 // any
	}
	request, err := readImport(params)
	if err != nil {
		return answer{}, err
	}
	waiting, err := load[org.Imports](ctx, e, importsKey(c.organization))
	if err != nil {
		return answer{}, err
	}
	after, one, err := waiting.value.Take(request.Purpose.Envelope, c.member.User.Name(), c.now)
	if err != nil {
		return answer{}, err
	}
	if one.Envelope != request.Context {
		return answer{}, api.Errorf(api.TypeInvalid, "is not the one that initWalletImport returned").At("params.importEnvelope.envelope")
	}
	if taken, err := e.tagTaken(c.organization, w.tags); taken {
		return answer{}, tagConflict(err)
	}
	request.Wallet, request.Purpose = e.nextWallet(c.now), c.importPurpose(one)
	request.Bits, request.Curve, request.Accounts = w.bits, string(w.curve), w.requests()
	made, err := askSigner[wire.ImportedSecret](ctx, e.signers, wire.KindImport, request)
	if fault := (*wire.Fault)(nil); asFault(err, &fault) && fault.Code == "invalid" {
		return answer{}, api.Errorf(api.TypeInvalid, "%s", fault.Message).At("params.encryptedSecret")
	}
	if err != nil {
		return answer{}, err
	}
	mark := ledger.NewKey(ledger.KindFingerprint, made.Fingerprint, proof.ID{})
	known, err := load[org.Fingerprint](ctx, e, mark)
	if err != nil {
		return answer{}, err
	}
	if known.value != nil {
		return answer{}, c.knownSecret(known.value)
	}
	a, err := e.storeWallet(ctx, c, d, w, request.Wallet, made.Created, func(p *proposal) func() error {
		p.put(importsKey(c.organization), after)
		p.put(mark, &org.Fingerprint{Version: org.SchemaVersion, Organization: c.organization, Wallet: request.Wallet})
		return func() error {
			if e.exists(mark) {
				return errChanged
			}
			return e.still(c, importsKey(c.organization), waiting.version)
		}
	})
	return a, tagConflict(err)
}

func tagConflict(err error) error {
	if errors.Is(err, errTagTaken) {
		return api.Errorf(api.TypeConflict, "another wallet of the organization carries this tag").At("params.tags")
	}
	return err
}

// knownSecret refuses a secret that was imported or exported before. Whoever holds it is told no more than that, unless
// the wallet is their own organization's.
func (c *caller) knownSecret(mark *org.Fingerprint) error {
	if mark.Organization == c.organization {
		return api.Errorf(api.TypeConflict, "this secret is the wallet %s of the organization", uuid(mark.Wallet)).At("params.encryptedSecret")
	}
	return api.Errorf(api.TypeConflict, "this secret is a wallet here already, of somebody else: whoever else knows it can spend from it").At("params.encryptedSecret")
}

// readImport reads what a client sends to complete an import.
func readImport(params *api.CompleteImportWalletParams) (wire.ImportSecret, error) {
	var r wire.ImportSecret
	sealed, err := anyBase64(params.ImportEnvelope.Envelope)
	if err != nil || len(sealed) <= envelopeHead || len(sealed) > maxEnvelope || sealed[0] != envelopeVersion {
		return r, api.Errorf(api.TypeInvalid, "want the envelope that initWalletImport returned, in base64").At("params.importEnvelope.envelope")
	}
	r.Purpose.Envelope, r.Context, r.Sealed = proof.ID(sealed[1:envelopeHead]), hashOf(sealed), sealed[envelopeHead:]
	if r.PublicKey, err = anyBase64(params.ImportEnvelope.PublicKey); err != nil || envelope.CheckPublicKey(r.PublicKey) != nil {
		return r, api.Errorf(api.TypeInvalid, "want the public key that initWalletImport returned, in base64").At("params.importEnvelope.publicKey")
	}
	if r.Encrypted, err = anyBase64(params.EncryptedSecret); err != nil || len(r.Encrypted) == 0 || len(r.Encrypted) > envelope.MaxSize {
		return r, api.Errorf(api.TypeInvalid, "want the encrypted secret in base64 (docs/spec/envelope.md), %d bytes at most", envelope.MaxSize).At("params.encryptedSecret")
	}
	return r, nil
}
