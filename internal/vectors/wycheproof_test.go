package vectors_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// The primitives that the vaults take from the standard library as they are. Those with a wrapper of ours are
// tested through it, beside it.

func TestAESGCM(t *testing.T) {
	aeads(t, "aes_gcm", 316, 197, func(key []byte) (cipher.AEAD, error) {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		return cipher.NewGCM(block)
	})
}

func TestChaCha20Poly1305(t *testing.T) {
	aeads(t, "chacha20_poly1305", 325, 316, chacha20poly1305.New)
}

// aeads opens what a file has sealed; nonces and tags of other sizes, which nothing here uses, are left out.
func aeads(t *testing.T, file string, cases, run int, make func(key []byte) (cipher.AEAD, error)) {
	t.Helper()
	type group struct {
		IVSize  int `json:"ivSize"`
		TagSize int `json:"tagSize"`
		Tests   []struct {
			ID                         int `json:"tcId"`
			Key, IV, AAD, Msg, CT, Tag vectors.Hex
			Result                     string
		}
	}
	ran := 0
	for _, g := range vectors.Wycheproof[group](t, file, cases) {
		for _, c := range g.Tests {
			if g.IVSize != 96 || g.TagSize != 128 {
				continue
			}
			ran++
			aead, err := make(c.Key)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := aead.Open(nil, c.IV, append(c.CT, c.Tag...), c.AAD)
			if (err == nil) != (c.Result == "valid") || err == nil && !bytes.Equal(msg, c.Msg) {
				t.Errorf("case %d: error %v", c.ID, err)
			}
		}
	}
	if ran != run {
		t.Errorf("ran %d, want %d", ran, run)
	}
}

// Keys on the twist and other forms of the same key are "acceptable" and give the shared secret; a secret of zeros is an
// error.
func TestX25519(t *testing.T) {
	type group struct {
		Tests []struct {
			ID                      int `json:"tcId"`
			Public, Private, Shared vectors.Hex
			Result                  string
		}
	}
	zero := 0
	for _, g := range vectors.Wycheproof[group](t, "x25519", 518) {
		for _, c := range g.Tests {
			public, err := ecdh.X25519().NewPublicKey(c.Public)
			if err != nil {
				t.Fatal(err)
			}
			private, err := ecdh.X25519().NewPrivateKey(c.Private)
			if err != nil {
				t.Fatal(err)
			}
			shared, err := private.ECDH(public)
			if bytes.Equal(c.Shared, make([]byte, 32)) {
				if zero++; err == nil {
					t.Errorf("case %d: a secret of zeros", c.ID)
				}
			} else if err != nil || !bytes.Equal(shared, c.Shared) {
				t.Errorf("case %d: %x, %v", c.ID, shared, err)
			}
		}
	}
	if zero != 31 {
		t.Errorf("%d secrets of zeros", zero)
	}
}

func TestHKDF(t *testing.T) {
	type group struct {
		Tests []struct {
			ID                   int `json:"tcId"`
			IKM, Salt, Info, OKM vectors.Hex
			Size                 int
			Result               string
		}
	}
	for _, g := range vectors.Wycheproof[group](t, "hkdf_sha256", 86) {
		for _, c := range g.Tests {
			okm, err := hkdf.Key(sha256.New, c.IKM, c.Salt, string(c.Info), c.Size)
			if (err == nil) != (c.Result == "valid") || err == nil && !bytes.Equal(okm, c.OKM) {
				t.Errorf("case %d: %v", c.ID, err)
			}
		}
	}
}

func TestHMAC(t *testing.T) {
	type group struct {
		TagSize int `json:"tagSize"`
		Tests   []struct {
			ID            int `json:"tcId"`
			Key, Msg, Tag vectors.Hex
			Result        string
		}
	}
	for name, newHash := range map[string]func() hash.Hash{"hmac_sha256": sha256.New, "hmac_sha512": sha512.New} {
		for _, g := range vectors.Wycheproof[group](t, name, 174) {
			for _, c := range g.Tests {
				mac := hmac.New(newHash, c.Key)
				mac.Write(c.Msg)
				tag := mac.Sum(nil)[:g.TagSize/8]
				if hmac.Equal(tag, c.Tag) != (c.Result == "valid") {
					t.Errorf("%s case %d: tag %x", name, c.ID, tag)
				}
			}
		}
	}
}
