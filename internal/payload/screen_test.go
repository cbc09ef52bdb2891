package payload_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
)

// preimage is what some network or contract takes a signature of, made by others' encoders.
type preimage struct {
	algorithm api.Algorithm
	bytes     []byte
	as        api.Method
}

type maker struct{ *rand.Rand }

func (g maker) some(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g maker) list(t *testing.T, kind int, fields ...any) []byte {
	t.Helper()
	b, err := rlp.EncodeToBytes(fields)
	if err != nil {
		t.Fatal(err)
	}
	if kind >= 0 {
		b = append([]byte{byte(kind)}, b...)
	}
	return b
}

// families are the kinds of preimages.
func families() map[string]func(*testing.T, maker) preimage {
	keccak, tx := api.Secp256k1Keccak256, api.SignTransaction
	type access struct {
		Address []byte
		Keys    [][]byte
	}
	none := []access{}
	return map[string]func(*testing.T, maker) preimage{
		"EVM legacy": func(t *testing.T, g maker) preimage {
			t.Helper()
			return preimage{keccak, g.list(t, -1, g.Uint64(), g.Uint64(), g.Uint64(), g.some(20), g.Uint64(), g.some(g.IntN(90))), tx}
		},
		"EVM legacy of a chain": func(t *testing.T, g maker) preimage {
			t.Helper()
			return preimage{keccak, g.list(t, -1, g.Uint64(), g.Uint64(), g.Uint64(), g.some(20), g.Uint64(), g.some(g.IntN(90)), uint64(1+g.IntN(9)), uint(0), uint(0)), tx}
		},
		"EVM type 1": func(t *testing.T, g maker) preimage {
			t.Helper()
			return preimage{keccak, g.list(t, 1, uint64(1), g.Uint64(), g.Uint64(), g.Uint64(), g.some(20), g.Uint64(), g.some(g.IntN(90)), none), tx}
		},
		"EVM type 2": func(t *testing.T, g maker) preimage {
			t.Helper()
			return preimage{keccak, g.list(t, 2, uint64(1), g.Uint64(), g.Uint64(), g.Uint64(), g.Uint64(), g.some(20), g.Uint64(), g.some(g.IntN(90)), none), tx}
		},
		"EIP-7702 authorization": func(t *testing.T, g maker) preimage {
			t.Helper()
			return preimage{keccak, g.list(t, 5, uint64(g.IntN(9)), g.some(20), g.Uint64()), tx}
		},
		"EIP-712": func(_ *testing.T, g maker) preimage {
			return preimage{keccak, append([]byte{0x19, 0x01}, g.some(64)...), api.EthereumSignTypedData}
		},
		"EIP-191": func(_ *testing.T, g maker) preimage {
			return preimage{keccak, append([]byte("\x19Ethereum Signed Message:\n32"), g.some(32)...), api.EthereumSignMessage}
		},
		"BIP-143": func(_ *testing.T, g maker) preimage {
			script := append([]byte{25}, g.some(25)...)
			return preimage{api.Secp256k1, slices.Concat(g.some(104), script, g.some(48), []byte{byte(g.Uint32()), 0, 0, 0}), tx}
		},
		"BIP-341": func(_ *testing.T, g maker) preimage {
			tag := sha256.Sum256([]byte("TapSighash"))
			return preimage{api.Secp256k1Schnorr, slices.Concat(tag[:], tag[:], []byte{0, 0}, g.some(173)), tx}
		},
		"BIP-341 without its tag": func(_ *testing.T, g maker) preimage {
			return preimage{api.Secp256k1Schnorr, slices.Concat([]byte{0, 1}, g.some(168), []byte{0}, g.some(4)), tx}
		},
		"BIP-341 of other hash types": func(_ *testing.T, g maker) preimage {
			kinds := []struct {
				hashType byte
				hashes   int // of prevouts, amounts, scripts, sequences and outputs, as many as the type has
			}{{0x00, 5}, {0x01, 5}, {0x02, 4}, {0x03, 4}, {0x81, 1}, {0x82, 0}, {0x83, 0}}
			kind := kinds[g.IntN(len(kinds))]
			// epoch, hash type, version, lock time, hashes; spend type, of which annexes and scripts make 0 to 3; the input
			return preimage{api.Secp256k1Schnorr, slices.Concat([]byte{0, kind.hashType}, g.some(8+32*kind.hashes), []byte{byte(g.IntN(4))}, g.some(48)), tx}
		},
		"Bitcoin before BIP-143": func(_ *testing.T, g maker) preimage {
			in := slices.Concat(g.some(36), []byte{25}, g.some(25), g.some(4))
			out := slices.Concat(g.some(6), []byte{0, 0, 22}, g.some(22))
			return preimage{api.Secp256k1, slices.Concat([]byte{2, 0, 0, 0, 1}, in, []byte{1}, out, g.some(4), []byte{1, 0, 0, 0}), tx}
		},
		"PSBT": func(_ *testing.T, g maker) preimage {
			return preimage{api.Secp256k1, append([]byte("psbt\xff\x01\x00"), g.some(90)...), tx}
		},
		"Solana legacy":    func(_ *testing.T, g maker) preimage { return preimage{api.Ed25519, g.solana(false), tx} },
		"Solana version 0": func(_ *testing.T, g maker) preimage { return preimage{api.Ed25519, g.solana(true), tx} },
	}
}

// solana writes a message by the format's description: header, keys, blockhash, instructions, look-ups.
func (g maker) solana(versioned bool) []byte {
	var b bytes.Buffer
	if versioned {
		b.WriteByte(0x80)
	}
	signers, keys := 1+g.IntN(3), 4+g.IntN(5)
	b.Write([]byte{byte(signers), 0, 1, byte(keys)})
	b.Write(g.some(32*keys + 32))
	calls := g.IntN(4)
	b.WriteByte(byte(calls))
	for range calls {
		accounts, data := g.IntN(4), g.IntN(60)
		b.Write([]byte{byte(1 + g.IntN(keys-1)), byte(accounts)})
		for range accounts {
			b.WriteByte(byte(g.IntN(keys)))
		}
		b.WriteByte(byte(data))
		b.Write(g.some(data))
	}
	if versioned {
		b.WriteByte(0)
	}
	return b.Bytes()
}

// Nothing that a network or a contract takes a signature of is signed as text, and as raw bytes it is known for what it
// is. A personal message of the same bytes is another digest.
func TestScreen(t *testing.T) {
	n := 300
	if os.Getenv("REDOUBT_ACCEPTANCE") == "full" {
		n = 12_000
	}
	for name, family := range families() {
		t.Run(name, func(t *testing.T) {
			g := maker{rand.New(rand.NewPCG(10, uint64(len(name))))}
			for range n {
				p := family(t, g)
				if _, err := payload.Read(permit.PayloadUTF8, "", p.algorithm, p.bytes); err == nil {
					t.Fatalf("signed as text: %x", p.bytes)
				}
				raw, err := payload.Read(permit.PayloadRaw, "", p.algorithm, p.bytes)
				if err != nil {
					t.Fatal(err)
				}
				if got := raw.(*payload.Raw); got.As != p.as {
					t.Fatalf("taken for %q: %x", got.As, p.bytes)
				}
				personal, err := payload.Read(permit.PayloadPersonal, "", api.Secp256k1Keccak256, p.bytes)
				if err != nil || bytes.Equal(personal.SigningBytes(), crypto.Keccak256(p.bytes)) {
					t.Fatalf("a personal message signs the digest of %x, or %v", p.bytes, err)
				}
			}
		})
	}
}

// What Sui hashes and signs is known for what it is.
func TestIntentsOfSui(t *testing.T) {
	for as, intent := range map[api.Method][]byte{api.SignTransaction: {0, 0, 0}, "": {0, 1, 0}} {
		raw, err := payload.Read(permit.PayloadRaw, "", api.Ed25519, append(intent, make([]byte, 200)...))
		if err != nil || raw.(*payload.Raw).As != as {
			t.Errorf("%x: %+v, %v", intent, raw, err)
		}
	}
}

// 32 bytes are no text where a chain signs digests: nobody can see what they are.
func TestDigestsAreNoText(t *testing.T) {
	for _, n := range []int{31, 32, 33} {
		_, err := payload.Read(permit.PayloadUTF8, "", api.Secp256k1, bytes.Repeat([]byte("x"), n))
		if (err != nil) != (n == 32) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// What can be read is told as what it is, with the effects that it has as itself.
func TestRawIsSeen(t *testing.T) {
	for name, kind := range map[string]permit.PayloadKind{
		"EVM legacy": permit.PayloadEVM, "EVM legacy of a chain": permit.PayloadEVM, "EVM type 1": permit.PayloadEVM, "EVM type 2": permit.PayloadEVM, "EIP-7702 authorization": 0,
		"EIP-191": 0, "Solana legacy": permit.PayloadSolana, "Solana version 0": permit.PayloadSolana,
	} {
		g, account := maker{rand.New(rand.NewPCG(11, uint64(len(name))))}, make([]byte, 65)
		seen, everywhere := 0, 0
		for range 300 {
			p := families()[name](t, g)
			read, err := payload.Read(permit.PayloadRaw, "", p.algorithm, p.bytes)
			if err != nil {
				t.Fatal(err)
			}
			raw := read.(*payload.Raw)
			if raw.Seen() != nil {
				seen++
				if raw.EveryNetwork {
					everywhere++
				}
			}
			if kind == 0 {
				continue
			}
			itself, err := payload.Read(kind, "", p.algorithm, p.bytes)
			if (err == nil) != (raw.Seen() != nil) {
				t.Fatalf("%s: seen as %v, and %v by itself: %x", name, raw.Seen(), err, p.bytes)
			}
			if err == nil && !reflect.DeepEqual(raw.Effects(account), itself.Effects(account)) {
				t.Fatalf("%s: other effects than its own: %x", name, p.bytes)
			}
		}
		if seen == 0 {
			t.Errorf("%s is never seen for what it is", name)
		}
		want := map[string]bool{"EVM legacy": everywhere == seen, "EIP-7702 authorization": everywhere > 0 && everywhere < seen} // one in nine is for chain 0
		if right, known := want[name]; known && !right || !known && everywhere > 0 {
			t.Errorf("%s: %d of %d are good on every network", name, everywhere, seen)
		}
	}
}

// What the screens cannot know is marked: 32 bytes for an algorithm that signs digests of a chain.
func TestBlind(t *testing.T) {
	for algorithm, blind := range map[api.Algorithm]bool{api.Ed25519: true, api.Secp256k1: true, api.Secp256k1Schnorr: true, api.Secp256k1Keccak256: false} {
		for _, n := range []int{1, 31, 32, 33, 64} {
			p, err := payload.Read(permit.PayloadRaw, "", algorithm, bytes.Repeat([]byte{0xee}, n))
			if err != nil {
				t.Fatal(err)
			}
			raw := p.(*payload.Raw)
			if raw.Blind != (blind && n == 32) || raw.As != "" || !raw.Effects(nil).Unknown {
				t.Errorf("%s, %d bytes: blind %v, as %q", algorithm, n, raw.Blind, raw.As)
			}
		}
		if _, err := payload.Read(permit.PayloadRaw, "", algorithm, nil); err == nil {
			t.Errorf("%s signs nothing", algorithm)
		}
	}
}

// Nothing is signed by an algorithm that is none.
func TestAlgorithmsThatAreNone(t *testing.T) {
	for _, kind := range []permit.PayloadKind{permit.PayloadRaw, permit.PayloadUTF8} {
		for _, algorithm := range []api.Algorithm{"", "ed25519", "Secp256k2"} {
			if _, err := payload.Read(kind, api.AddressNone, algorithm, []byte("hello")); !errors.Is(err, chain.ErrMalformed) {
				t.Errorf("kind %d, %q: %v", kind, algorithm, err)
			}
		}
	}
}

// A transaction that we do not read, and a network might, is judged as if it were valid everywhere: here one of type 4 with
// an authorization for every chain, beside one that networks pass over and we refuse.
func TestUnreadIsOfEveryNetwork(t *testing.T) {
	consents := rlpList(slices.Concat(authorization(1), []byte{0xd9, 0x80, 0x94}, make([]byte, 20), []byte{1, 2, 1, 1}))
	for name, b := range map[string][]byte{"type 4": dynamic(4, []byte{0xc0}, consents), "type 9": dynamic(9, []byte{0xc0})} {
		p, err := payload.Read(permit.PayloadRaw, "", api.Secp256k1Keccak256, b)
		if err != nil {
			t.Fatal(err)
		}
		if raw := p.(*payload.Raw); raw.As != api.SignTransaction || !raw.EveryNetwork || !raw.Effects(nil).Unknown {
			t.Errorf("%s: as %q, of every network: %v", name, raw.As, raw.EveryNetwork)
		}
	}
	known := dynamic(2, []byte{0xc0})
	p, err := payload.Read(permit.PayloadRaw, "", api.Secp256k1Keccak256, known)
	if err != nil || p.(*payload.Raw).EveryNetwork {
		t.Errorf("a transaction of one chain: %v", err)
	}
}
