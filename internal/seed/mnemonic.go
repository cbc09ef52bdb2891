package seed

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"slices"

	"github.com/tyler-smith/go-bip39/wordlists"
)

// Only the word list comes from the library: its functions take and return secrets as strings, which nobody
// can wipe.

const (
	bitsPerWord = 11
	longestWord = 8
	iterations  = 2048 // of PBKDF2, fixed by BIP-39
)

var errMnemonic = errors.New("seed: not a valid English mnemonic of 12, 15, 18, 21 or 24 words")

// FromMnemonic makes a seed from words in lower case with single spaces between them. Errors quote no word.
func FromMnemonic(words []byte) (*Seed, error) {
	entropy, err := entropyOf(words)
	if err != nil {
		return nil, err
	}
	defer clear(entropy)
	return New(entropy)
}

func validEntropy(n int) bool { return n >= 16 && n <= 32 && n%4 == 0 }

// mnemonic writes entropy, followed by a bit of its hash for every four bytes, in groups of eleven bits.
func mnemonic(entropy []byte) ([]byte, error) {
	if !validEntropy(len(entropy)) {
		return nil, errEntropy
	}
	sum := sha256.Sum256(entropy)
	coded := append(slices.Grow(slices.Clone(entropy), 1), sum[0])
	defer clear(coded)
	count := len(entropy) * 8 * 33 / 32 / bitsPerWord
	words := make([]byte, 0, count*(longestWord+1))
	for i := range count {
		if i > 0 {
			words = append(words, ' ')
		}
		words = append(words, wordlists.English[group(coded, i)]...)
	}
	return words, nil
}

// group is the i-th number of eleven bits.
func group(coded []byte, i int) int {
	n := 0
	for bit := i * bitsPerWord; bit < (i+1)*bitsPerWord; bit++ {
		n = n<<1 | int(coded[bit/8]>>(7-bit%8)&1)
	}
	return n
}

// entropyOf is the inverse of mnemonic.
func entropyOf(words []byte) ([]byte, error) {
	list := bytes.Split(words, []byte(" "))
	size := len(list) * bitsPerWord * 32 / 33 / 8
	if len(list)%3 != 0 || !validEntropy(size) {
		return nil, errMnemonic
	}
	coded := make([]byte, size+1)
	defer clear(coded)
	for i, word := range list {
		n, ok := slices.BinarySearchFunc(wordlists.English, word, func(have string, want []byte) int {
			return bytes.Compare([]byte(have), want)
		})
		if !ok {
			return nil, errMnemonic
		}
		for b := range bitsPerWord {
			bit := i*bitsPerWord + b
			coded[bit/8] |= byte(n>>(bitsPerWord-1-b)&1) << (7 - bit%8)
		}
	}
	sum := sha256.Sum256(coded[:size])
	mask := ^byte(0xff >> (size / 4))
	if coded[size] != sum[0]&mask {
		return nil, errMnemonic
	}
	return slices.Clone(coded[:size]), nil
}

// stretch is PBKDF2-HMAC-SHA512 (RFC 8018) with as much output as one hash, of which wallets use the case of an
// empty passphrase only.
func stretch(words, passphrase []byte) []byte {
	prf := hmac.New(sha512.New, words)
	prf.Write([]byte("mnemonic"))
	prf.Write(passphrase)
	prf.Write([]byte{0, 0, 0, 1}) // the number of the block
	u := prf.Sum(nil)
	defer clear(u)
	out := slices.Clone(u)
	for range iterations - 1 {
		prf.Reset()
		prf.Write(u)
		u = prf.Sum(u[:0])
		subtle.XORBytes(out, out, u)
	}
	return out
}
