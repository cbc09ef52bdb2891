package evm_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/chaintest"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testKey is the key of the EIP-155 example.
func testKey() *secp256k1.PrivateKey {
	return secp256k1.PrivKeyFromBytes(bytes.Repeat([]byte{0x46}, 32))
}

func publicKey() []byte { return testKey().PubKey().SerializeCompressed() }

// sign returns r‖s‖recovery id.
func sign(key *secp256k1.PrivateKey, digest []byte) []byte {
	compact := ecdsa.SignCompact(key, digest, false)
	return append(compact[1:], compact[0]-27)
}

func unsignedFormat() chaintest.Format {
	return chaintest.Format{
		Parse:  func(b []byte) (chain.Transaction, error) { return evm.ParseUnsigned(b) },
		Encode: func(tx chain.Transaction) []byte { return tx.(*evm.Transaction).Unsigned() },
		Reparse: func(signed []byte) ([]byte, error) {
			s, err := evm.ParseSigned(signed)
			if err != nil {
				return nil, err
			}
			return s.Tx.SigningBytes(), nil
		},
		Sign: func(tx chain.Transaction) ([]byte, []byte) {
			return publicKey(), sign(testKey(), tx.SigningBytes())
		},
	}
}

// samples are one transaction of each form.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	to := "943535353535353535353535353535353535353535"
	access := "f838f794" + strings.Repeat("de", 20) + "e1a0" + strings.Repeat("07", 32)
	return map[string][]byte{
		"eip155":   list(t, "098504a817c800825208"+to+"880de0b6b3a764000080018080"),
		"oldest":   list(t, "098504a817c800825208"+to+"880de0b6b3a764000080"),
		"creation": list(t, "098504a817c800830186a08080826000018080"),
		"type1":    list(t, "01098504a817c800825208"+to+"80821234"+access, 1),
		"type2":    list(t, "83aa36a78001843b9aca0082520894000000000000000000000000000000000000dead0180c0", 2),
		"type3":    list(t, blobFields("83aa36a7"), 3),
		"type4":    list(t, setCodeFields("83aa36a7", authorizationItem(t)), 4),
	}
}

// list encodes a transaction of fields in hexadecimal, after a type if there is one.
func list(t testing.TB, fields string, kind ...byte) []byte {
	t.Helper()
	return rlp.AppendList(kind, unhex(t, fields))
}

func TestConformance(t *testing.T) {
	for name, b := range samples(t) {
		t.Run(name, func(t *testing.T) { chaintest.Run(t, unsignedFormat(), b) })
	}
}

// TestEIP155 is the worked example of EIP-155.
func TestEIP155(t *testing.T) {
	tx, err := evm.ParseUnsigned(samples(t)["eip155"])
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(tx.SigningBytes()); got != "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53" {
		t.Errorf("digest = %s", got)
	}
	raw, err := tx.Attach(publicKey(), sign(testKey(), tx.SigningBytes()))
	if err != nil {
		t.Fatal(err)
	}
	want := "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe" +
		"537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
	if got := hex.EncodeToString(raw); got != want {
		t.Errorf("raw = %s", got)
	}
	s, err := evm.ParseSigned(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := eip55.Encode(s.Sender); got != "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F" {
		t.Errorf("sender = %s", got)
	}
}

func TestParseUnsignedRefuses(t *testing.T) {
	to := "943535353535353535353535353535353535353535"
	for _, tc := range []struct{ name, in, reason string }{
		{"empty", "", "empty transaction"},
		{"unknown type", "7fc0", "unknown transaction type"},
		{"string", "80", "neither a list"},
		{"list length not minimal", "f82c" + "098504a817c800825208" + to + "880de0b6b3a764000080018080", "not minimal"},
		{"nonce with leading zero", "c88200098080808080", "leading zero"},
		{"zero byte for zero", "c6008080808080", "leading zero"},
		{"nonce as list", "c6c08080808080", "list where a string"},
		{"short receiver", "c8808080820101" + "8080", "receiver of 2 bytes"},
		{"nonce too large", "ce88ffffffffffffffff8080808080", "nonce is too large"},
		{"gas of 65 bits", "cf808089010000000000000000808080", "more than 64 bits"},
		{"chain id zero", "c9808080808080808080", "chain id is zero"},
		{"seven fields", "c780808080808001", "truncated before a field"},
		{"ten fields", "ca80808080808001808080", "after the last field"},
		{"signed legacy", "c98080808080801b0101", "signed already"},
		{"signed type 2", "02cc0180808080808080c0800101", "signed already"},
		{"priority above cap", "02c90180020180808080c0", "priority fee exceeds"},
		{"access list as string", "02c90180808080808080" + "80", "string where a list"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := evm.ParseUnsigned(unhex(t, tc.in))
			if !errors.Is(err, chain.ErrMalformed) || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("error = %v, want %q", err, tc.reason)
			}
		})
	}
}

func TestCostOverflow(t *testing.T) {
	max256 := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	f := evm.DynamicFee{ChainID: big.NewInt(1), MaxFeePerGas: max256, GasLimit: 1}
	if _, err := evm.NewDynamicFee(f); err != nil {
		t.Errorf("a cost of 2^256-1 is refused: %v", err)
	}
	f.GasLimit = 2
	if _, err := evm.NewDynamicFee(f); !errors.Is(err, evm.ErrField) {
		t.Errorf("error = %v, want ErrField", err)
	}
	f.GasLimit, f.Value = 1, new(big.Int).Add(max256, big.NewInt(1))
	if _, err := evm.NewDynamicFee(f); !errors.Is(err, evm.ErrField) {
		t.Errorf("value of 2^256: error = %v, want ErrField", err)
	}
	f.Value, f.To = big.NewInt(1), &[20]byte{}
	hashes := [][32]byte{{1}}
	if _, err := evm.NewBlob(f, new(big.Int), hashes); err != nil {
		t.Errorf("a cost of 2^256-1 and free blobs are refused: %v", err)
	}
	if _, err := evm.NewBlob(f, big.NewInt(1), hashes); !errors.Is(err, evm.ErrField) {
		t.Errorf("cost of 2^256 with its blob: error = %v, want ErrField", err)
	}
	f.Value = big.NewInt(-1)
	if _, err := evm.NewDynamicFee(f); !errors.Is(err, evm.ErrField) {
		t.Errorf("negative value: error = %v, want ErrField", err)
	}
}

func TestAttachRefuses(t *testing.T) {
	tx, err := evm.ParseUnsigned(samples(t)["type2"])
	if err != nil {
		t.Fatal(err)
	}
	good := sign(testKey(), tx.SigningBytes())
	order := secp256k1.S256().N
	highS := bytes.Clone(good)
	new(big.Int).Sub(order, new(big.Int).SetBytes(good[32:64])).FillBytes(highS[32:64])
	highS[64] ^= 1 // the same signature, but malleated
	other := secp256k1.PrivKeyFromBytes([]byte{7})
	wrongID := bytes.Clone(good)
	wrongID[64] ^= 1
	for name, sig := range map[string][]byte{
		"high s":            highS,
		"r zero":            append(make([]byte, 32), good[32:]...),
		"s zero":            append(append(bytes.Clone(good[:32]), make([]byte, 32)...), good[64]),
		"r above the order": append(bytes.Repeat([]byte{0xff}, 32), good[32:]...),
		"v of 27":           append(bytes.Clone(good[:64]), 27),
		"wrong recovery id": wrongID,
		"another key's":     sign(other, tx.SigningBytes()),
		"another message's": sign(testKey(), bytes.Repeat([]byte{1}, 32)),
	} {
		if _, err := tx.Attach(publicKey(), sig); !errors.Is(err, evm.ErrSignature) {
			t.Errorf("%s: error = %v, want ErrSignature", name, err)
		}
	}
	if _, err := tx.Attach(publicKey(), good); err != nil {
		t.Errorf("good signature: %v", err)
	}
}

func FuzzParseUnsigned(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		unsignedFormat().Canonical(t, b)
		if tx, err := evm.ParseUnsigned(b); err == nil {
			tx.Effects(publicKey())
			if !evm.IsPreimage(b) {
				t.Fatal("a transaction passes the screen")
			}
		}
	})
}

func FuzzParseSigned(f *testing.F) {
	for _, b := range samples(f) {
		if tx, err := evm.ParseUnsigned(b); err == nil {
			raw, err := tx.Attach(publicKey(), sign(testKey(), tx.SigningBytes()))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := evm.ParseSigned(b)
		if err != nil {
			return
		}
		if _, err := evm.ParseUnsigned(b); err == nil {
			t.Fatal("reads both as signed and as unsigned")
		}
		if again, err := evm.ParseUnsigned(s.Tx.Unsigned()); err != nil || !bytes.Equal(again.SigningBytes(), s.Tx.SigningBytes()) {
			t.Fatalf("its unsigned form is refused or differs: %v", err)
		}
	})
}

func keccak(s string) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write([]byte(s))
	return h.Sum(nil)
}
