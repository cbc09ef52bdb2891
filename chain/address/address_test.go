package address_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/address"
)

const hardened = 1 << 31

func mac(key, data []byte) []byte {
	h := hmac.New(sha512.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// slip10 derives an Ed25519 public key; every step is hardened.
func slip10(seed []byte, path ...uint32) []byte {
	node := mac([]byte("ed25519 seed"), seed)
	for _, i := range path {
		node = mac(node[32:], binary.BigEndian.AppendUint32(append([]byte{0}, node[:32]...), i|hardened))
	}
	return ed25519.NewKeyFromSeed(node[:32]).Public().(ed25519.PublicKey)
}

// bip32 derives a compressed secp256k1 public key.
func bip32(seed []byte, path ...uint32) []byte {
	node := mac([]byte("Bitcoin seed"), seed)
	for _, i := range path {
		key := secp256k1.PrivKeyFromBytes(node[:32])
		data := append([]byte{0}, key.Serialize()...)
		if i < hardened {
			data = key.PubKey().SerializeCompressed()
		}
		child := mac(node[32:], binary.BigEndian.AppendUint32(data, i))
		var tweak secp256k1.ModNScalar
		tweak.SetByteSlice(child[:32])
		sum := tweak.Add(&key.Key).Bytes()
		node = append(sum[:], child[32:]...)
	}
	return secp256k1.PrivKeyFromBytes(node[:32]).PubKey().SerializeCompressed()
}

func seedOf(t *testing.T, mnemonic string) []byte {
	t.Helper()
	seed, err := pbkdf2.Key(sha512.New, mnemonic, []byte("mnemonic"), 2048, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// TestDerivedAddresses are the default accounts of the mnemonic abandon … art, and the examples of BIP-84 and BIP-86,
// whose mnemonic is abandon … about.
func TestDerivedAddresses(t *testing.T) {
	art := seedOf(t, strings.Repeat("abandon ", 23)+"art")
	about := seedOf(t, strings.Repeat("abandon ", 11)+"about")
	const h = hardened
	for _, tc := range []struct {
		format api.AddressFormat
		key    []byte
		want   string
	}{
		{api.AddressSolana, slip10(art, 44, 501, 0, 0), "3Cy3YNTFywCmxoxt8n7UH6hg6dLo5uACowX3CFceaSnx"},
		{api.AddressSolana, slip10(art, 44, 501, 1, 0), "5frqxtii9LeGq2bz3dSNokvZcEooF483MzeU24JrhcTA"},
		{api.AddressEthereum, bip32(art, 44|h, 60|h, h, 0, 0), "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"},
		{api.AddressEthereum, bip32(art, 44|h, 60|h, h, 0, 1), "0xf785bD075874b8423D3583728a981399f31e95aA"},
		{api.AddressBitcoinSegwit, bip32(art, 84|h, h, h, 0), "bc1qnecw57zdcrt2seylkzmhr5vngacsfrnrlzgegt"},
		{api.AddressBitcoinSegwit, bip32(art, 84|h, h, 1|h, 0), "bc1qhg5kfv8agtkn2texm0jd9zugdknsx7kd7e337y"},
		{api.AddressSui, slip10(art, 44, 784, 0, 0, 0), "0xf967e21c16a4757daafec13ee79c0dc5c5329199be5d70c86fd07b8e75db892c"},
		{api.AddressSui, slip10(art, 44, 784, 1, 0, 0), "0xf7f534201ecf22ce18f0776c860d0d43968f7c7993a3af1788671c73487c43fb"},
		{api.AddressBitcoinSegwit, bip32(about, 84|h, h, h, 0, 0), "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"},
		{api.AddressBitcoinSegwit, bip32(about, 84|h, h, h, 1, 0), "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"},
		{api.AddressBitcoinNestedSegwit, bip32(about, 49|h, h, h, 0, 0), "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"},
		{api.AddressBitcoinTaproot, bip32(about, 86|h, h, h, 0, 0), "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"},
		{api.AddressBitcoinTaproot, bip32(about, 86|h, h, h, 0, 1), "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"},
		{api.AddressBitcoinTaproot, bip32(about, 86|h, h, h, 1, 0), "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"},
	} {
		if got, err := address.Encode(tc.format, tc.key); err != nil || got != tc.want {
			t.Errorf("%s: %s, %v, want %s", tc.format, got, err, tc.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	point, err := hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := address.Encode("Tron", point); !errors.Is(err, address.ErrFormat) {
		t.Errorf("error = %v, want ErrFormat", err)
	}
	for _, f := range []api.AddressFormat{api.AddressEthereum, api.AddressBitcoinSegwit, api.AddressBitcoinNestedSegwit, api.AddressBitcoinTaproot} {
		for _, key := range [][]byte{nil, point[1:], make([]byte, 33), append([]byte{4}, point[1:]...)} {
			if got, err := address.Encode(f, key); !errors.Is(err, address.ErrPublicKey) {
				t.Errorf("%s of %x: %s, %v", f, key, got, err)
			}
		}
	}
	for _, f := range []api.AddressFormat{api.AddressSolana, api.AddressSui} {
		if got, err := address.Encode(f, point); !errors.Is(err, address.ErrPublicKey) {
			t.Errorf("%s of 33 bytes: %s, %v", f, got, err)
		}
	}
}
