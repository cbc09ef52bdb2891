package signer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
	"github.com/redoubt-kms/redoubt/internal/curve"
	"github.com/redoubt-kms/redoubt/internal/permit"
)

// bitcoinAccount is one of the kinds of accounts, with the address of the public test mnemonic.
type bitcoinAccount struct {
	path      string
	format    api.AddressFormat
	algorithm api.Algorithm
}

func bitcoinAccounts() []bitcoinAccount {
	return []bitcoinAccount{
		{"m/84'/0'/0'/0", api.AddressBitcoinSegwit, api.Secp256k1},
		{"m/49'/0'/0'/0/0", api.AddressBitcoinNestedSegwit, api.Secp256k1},
		{"m/86'/0'/0'/0/0", api.AddressBitcoinTaproot, api.Secp256k1Schnorr},
	}
}

// permitted is a permit of a Bitcoin account for a payload.
func (r *rig) permitted(t testing.TB, a bitcoinAccount, kind permit.PayloadKind, payload []byte) permit.Permit {
	t.Helper()
	p, _ := r.solanaPermit(t, ownWallet, "")
	p.Path, p.Curve, p.Format, p.Algorithm = path(t, a.path), api.CurveSecp256k1, a.format, a.algorithm
	p.Kind, p.Payload = kind, sha256.Sum256(payload)
	return p
}

// unsignedPSBT spends two outputs of one transaction that pay a script: version 0, with the previous transaction.
func unsignedPSBT(own []byte) []byte {
	out := func(b []byte, value uint64, script []byte) []byte {
		b = binary.LittleEndian.AppendUint64(b, value)
		return append(append(b, byte(len(script))), script...)
	}
	prev := append([]byte{2, 0, 0, 0, 1}, make([]byte, 36)...)
	prev = append(prev, 1, 0x51, 0xff, 0xff, 0xff, 0xff, 2)
	prev = append(out(out(prev, 10_000, own), 20_000, own), 0, 0, 0, 0)
	id := sha256.Sum256(prev)
	id = sha256.Sum256(id[:])
	tx := []byte{2, 0, 0, 0, 2}
	for i := range 2 {
		tx = append(append(tx, id[:]...), byte(i), 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	}
	tx = append(out(append(tx, 1), 29_000, []byte{0x51}), 0, 0, 0, 0)
	b := append([]byte("psbt\xff\x01\x00"), byte(len(tx)))
	b = append(append(b, tx...), 0)
	for range 2 {
		b = append(append(append(b, 1, 0, byte(len(prev))), prev...), 0)
	}
	return append(b, 0)
}

// TestBitcoin signs both inputs of a PSBT, and a message, under one permit each, and nothing else with such accounts.
func TestBitcoin(t *testing.T) {
	for _, a := range bitcoinAccounts() {
		t.Run(string(a.format), func(t *testing.T) {
			r := newRig(t)
			text := []byte("hello")
			logged := r.log(t, r.permitted(t, a, permit.PayloadBIP322, text), text, nil)
			result, err := r.signOne(r.receipt(t, nil).Receipt, r.order(t, logged, r.sealed(t, ownWallet)))
			if err != nil || len(result.Transaction) == 0 || result.Signature != nil {
				t.Fatalf("message: %+v, %v", result, err)
			}
			own, err := script.Output(a.format, result.PublicKey)
			if err != nil || script.Address(own) != result.Address {
				t.Fatalf("address %s, %v", result.Address, err)
			}
			psbt := unsignedPSBT(own)
			logged = r.log(t, r.permitted(t, a, permit.PayloadPSBT, psbt), psbt, nil)
			result, err = r.signOne(r.receipt(t, nil).Receipt, r.order(t, logged, nil))
			if err != nil {
				t.Fatal(err)
			}
			checkSigned(t, a, psbt, result.Transaction, result.PublicKey)
			for _, kind := range []permit.PayloadKind{permit.PayloadUTF8, permit.PayloadPersonal, permit.PayloadSuiText} {
				logged = r.log(t, r.permitted(t, a, kind, text), text, nil)
				if result, err := r.signOne(r.receipt(t, nil).Receipt, r.order(t, logged, nil)); err == nil {
					t.Errorf("kind %d is signed: %+v", kind, result)
				}
			}
		})
	}
}

// checkSigned verifies each signature, and finishes the transaction.
func checkSigned(t *testing.T, a bitcoinAccount, psbt, signed, publicKey []byte) {
	t.Helper()
	spend, err := bitcoin.ParseSpend(a.format, psbt)
	if err != nil {
		t.Fatal(err)
	}
	digests, err := spend.Digests(publicKey)
	if err != nil || len(digests) != 2 || bytes.Equal(digests[0], digests[1]) {
		t.Fatalf("%d digests, %v", len(digests), err)
	}
	final, err := bitcoin.Finalize(signed)
	if err != nil || final.Transaction == nil {
		t.Fatalf("it does not finish: %v", err)
	}
	if a.format != api.AddressBitcoinTaproot {
		return // the tests of chain/bitcoin have an engine run these
	}
	output, err := script.Output(a.format, publicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range digests {
		found := false
		for i := 0; i+64 <= len(final.Transaction); i++ {
			found = found || curve.VerifySchnorr(output[2:], d, final.Transaction[i:i+64])
		}
		if !found {
			t.Error("no signature for an input")
		}
	}
}

// TestOthersSignNoBitcoin: accounts of other formats sign neither PSBTs nor proofs.
func TestOthersSignNoBitcoin(t *testing.T) {
	r := newRig(t)
	for _, kind := range []permit.PayloadKind{permit.PayloadPSBT, permit.PayloadBIP322} {
		a := bitcoinAccount{"m/44'/60'/0'/0/0", api.AddressEthereum, api.Secp256k1}
		logged := r.log(t, r.permitted(t, a, kind, []byte("x")), []byte("x"), nil)
		if _, err := r.signOne(r.receipt(t, nil).Receipt, r.order(t, logged, r.sealed(t, ownWallet))); err == nil {
			t.Errorf("an Ethereum account signs kind %d", kind)
		}
	}
}

// TestRawSchnorr signs raw bytes by the key itself, not by the tweaked one.
func TestRawSchnorr(t *testing.T) {
	r := newRig(t)
	a := bitcoinAccounts()[2]
	logged := r.log(t, r.permitted(t, a, permit.PayloadRaw, []byte("raw")), []byte("raw"), nil)
	result, err := r.signOne(r.receipt(t, nil).Receipt, r.order(t, logged, r.sealed(t, ownWallet)))
	if err != nil || !curve.Verify(api.Secp256k1Schnorr, result.PublicKey[1:], []byte("raw"), result.Signature) {
		t.Errorf("%+v, %v", result, err)
	}
}
