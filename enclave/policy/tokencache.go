package policy

import (
	"crypto/sha256"
	"sync"

	"github.com/redoubt-kms/redoubt/internal/jose"
)

// tokenCache remembers tokens that were read, and by which keys they were verified, so that the stamps of a session cost one
// signature each, not two.
type tokenCache struct {
	mu       sync.Mutex
	read     map[[sha256.Size]byte]*jose.Token
	size     int                        // bytes of the texts of what was read
	verified map[[sha256.Size]byte]bool // by token and keys
	sets     map[string]jose.KeySet     // by their JSON, of at most 64 KiB

	issuer     jose.KeySet // of Connect
	issuerRead bool
}

// Bounds of what is remembered; beyond them all is forgotten, and made again as it is needed.
const (
	maxTokens     = 1 << 14
	maxTokenBytes = 8 << 20 // of their texts; a list of short audiences takes some times as much as its text
	maxSets       = 256
)

func newTokenCache() *tokenCache {
	return &tokenCache{read: map[[sha256.Size]byte]*jose.Token{}, verified: map[[sha256.Size]byte]bool{}, sets: map[string]jose.KeySet{}}
}

// parse reads a token without believing it.
func (k *tokenCache) parse(text string) (token, error) {
	t := token{hash: sha256.Sum256([]byte(text)), size: len(text)}
	k.mu.Lock()
	t.Token = k.read[t.hash]
	k.mu.Unlock()
	if t.Token != nil {
		return t, nil
	}
	made, err := jose.Parse(text)
	t.Token = &made
	return t, err
}

// verify checks a token's signature by keys, once. Only tokens that hold are remembered. Those of keys that anybody may write down
// for themselves hold, too: so their bytes are counted.
func (k *tokenCache) verify(t token, keys jose.KeySet) error {
	h := sha256.New()
	h.Write(t.hash[:])
	h.Write(keys.JSON())
	by := [sha256.Size]byte(h.Sum(nil))
	k.mu.Lock()
	known := k.verified[by]
	k.mu.Unlock()
	if known {
		return nil
	}
	if err := t.Verify(keys); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.verified) >= maxTokens || k.size+t.size > maxTokenBytes {
		clear(k.verified)
		clear(k.read)
		k.size = 0
	}
	if k.read[t.hash] == nil {
		k.size += t.size
	}
	k.verified[by], k.read[t.hash] = true, t.Token
	return nil
}

// keySet reads a set of keys that stands in a record, once.
func (k *tokenCache) keySet(text string) (jose.KeySet, error) {
	k.mu.Lock()
	known, ok := k.sets[text]
	k.mu.Unlock()
	if ok {
		return known, nil
	}
	made, err := jose.ParseKeySet([]byte(text))
	if err != nil {
		return made, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.sets) >= maxSets {
		clear(k.sets)
	}
	k.sets[text] = made
	return made, nil
}
