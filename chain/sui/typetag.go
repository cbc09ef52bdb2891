package sui

import (
	"strings"

	"github.com/redoubt-kms/redoubt/chain"
)

// The variants of a type tag.
const (
	tagVector = 6
	tagStruct = 7
	tagCount  = 11
)

func tagName(variant byte) string {
	return [tagCount]string{"bool", "u8", "u64", "u128", "address", "signer", "vector", "struct", "u16", "u32", "u256"}[variant]
}

// suiType is the type of the native coin, as typeTag writes it.
const suiType = "0x0000000000000000000000000000000000000000000000000000000000000002::sui::SUI"

// typeTag reads the type of a value and writes it as Move does, every address in full. Its depth is bounded, and its text
// is longer than its bytes by a constant factor.
func (r *reader) typeTag(text *strings.Builder, depth int) error {
	if depth > maxTypeDepth {
		return r.fail("type is nested deeper than %d", maxTypeDepth)
	}
	variant, err := r.below(tagCount, "type")
	if err != nil {
		return err
	}
	switch variant {
	case tagVector:
		text.WriteString("vector<")
		err = r.typeTag(text, depth+1)
		text.WriteString(">")
		return err
	case tagStruct:
		return r.structTag(text, depth)
	}
	text.WriteString(tagName(variant))
	return nil
}

func (r *reader) structTag(text *strings.Builder, depth int) error {
	a, err := r.address("address of a type")
	if err != nil {
		return err
	}
	module, err := r.identifier("module of a type")
	if err != nil {
		return err
	}
	name, err := r.identifier("name of a type")
	if err != nil {
		return err
	}
	text.WriteString(a.String() + "::" + module + "::" + name)
	open := "<"
	err = r.each(maxTypeArguments, "type parameters", func(int) error {
		text.WriteString(open)
		open = ", "
		return r.typeTag(text, depth+1)
	})
	if open != "<" {
		text.WriteString(">")
	}
	return err
}

// typeText reads one whole type.
func (r *reader) typeText() (string, error) {
	start := r.off
	var text strings.Builder
	if err := r.typeTag(&text, 1); err != nil {
		return "", err
	}
	if r.off-start > maxTypeBytes {
		return "", chain.Malformed(start, "type of more than %d bytes", maxTypeBytes)
	}
	return text.String(), nil
}
