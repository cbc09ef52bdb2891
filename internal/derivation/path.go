// Package derivation is about derivation paths (BIP-32) and what they mean: one spelling of each, and the curve and the
// address format that belong to it (BIP-43, SLIP-44). It knows no seeds: the policy engine names accounts without being
// able to derive them.
package derivation

import (
	"errors"
	"strconv"
	"strings"
)

// Hardened is added to the index of a hardened step.
const Hardened = 1 << 31

// MaxDepth bounds the steps of a path, and with them the work that one request may ask for.
const MaxDepth = 10

var errPath = errors.New("not a derivation path such as m/44'/501'/0'/0'")

// Path is a derivation path, one index per step. Rules compare paths as numbers, never as text.
type Path []uint32

// ParsePath reads the one accepted spelling of a path: m, then 1 to 10 steps; decimal without leading zeros,
// below 2^31; the apostrophe for a hardened step.
func ParsePath(text string) (Path, error) {
	rest, ok := strings.CutPrefix(text, "m/")
	if !ok || len(rest) > MaxDepth*len("2147483647'/") {
		return nil, errPath
	}
	steps := strings.Split(rest, "/")
	if len(steps) > MaxDepth {
		return nil, errPath
	}
	path := make(Path, 0, len(steps))
	for _, step := range steps {
		digits, hardened := strings.CutSuffix(step, "'")
		index, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || strconv.FormatUint(index, 10) != digits {
			return nil, errPath
		}
		if hardened {
			index += Hardened
		}
		path = append(path, uint32(index)) //nolint:gosec // below 2^32
	}
	return path, nil
}

// String writes the path as ParsePath reads it.
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('m')
	for _, index := range p {
		b.WriteByte('/')
		b.WriteString(strconv.FormatUint(uint64(index&^Hardened), 10))
		if index >= Hardened {
			b.WriteByte('\'')
		}
	}
	return b.String()
}

// AllHardened reports whether every step is hardened; SLIP-10 knows no other for Ed25519.
func (p Path) AllHardened() bool {
	for _, index := range p {
		if index < Hardened {
			return false
		}
	}
	return true
}
