package vectors_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/vectors"
)

// The primitives that the vaults take from the standard library as they are. Those with a wrapper of ours are
// tested through it, beside it.

func TestAESGCM(t *testing.T) {
	type group struct {
		IVSize  int `json:"ivSize"`
		TagSize int `json:"tagSize"`
		Tests   []struct {
			ID                         int `json:"tcId"`
			Key, IV, AAD, Msg, CT, Tag vectors.Hex
			Result                     string
		}
	}
	ran, other := 0, 0
	for _, g := range vectors.Wycheproof[group](t, "aes_gcm", 316) {
		for _, c := range g.Tests {
			if g.IVSize != 96 || g.TagSize != 128 {
				other++ // sizes that nothing here uses
				continue
			}
			ran++
			block, err := aes.NewCipher(c.Key)
			if err != nil {
				t.Fatal(err)
			}
			aead, err := cipher.NewGCM(block)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := aead.Open(nil, c.IV, append(c.CT, c.Tag...), c.AAD)
			if (err == nil) != (c.Result == "valid") || err == nil && !bytes.Equal(msg, c.Msg) {
				t.Errorf("case %d: error %v", c.ID, err)
			}
		}
	}
	if ran != 197 || other != 119 {
		t.Errorf("ran %d and left out %d", ran, other)
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
