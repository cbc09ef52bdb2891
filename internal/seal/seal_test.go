package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/seal"
)

func testRoot(t testing.TB, fill byte) seal.Root {
	t.Helper()
	root, err := seal.NewRoot(bytes.Repeat([]byte{fill}, seal.RootSize))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// An envelope opens under its own key and context, whole and unchanged, and in no other case; the error never says why.
func TestOpen(t *testing.T) {
	key := testRoot(t, 1).Key("record")
	for _, size := range []int{0, 1, 15, 16, 17, 1000, 100_000} {
		plain := bytes.Repeat([]byte("x"), size)
		sealed, err := key.Seal([]byte("here"), plain)
		if err != nil || len(sealed) != seal.Overhead+size {
			t.Fatalf("%d bytes became %d, %v", size, len(sealed), err)
		}
		if got, err := key.Open([]byte("here"), sealed); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		refuse := func(why string, k seal.Key, context string, b []byte) {
			t.Helper()
			if got, err := k.Open([]byte(context), b); !errors.Is(err, seal.ErrOpen) || err.Error() != seal.ErrOpen.Error() || got != nil {
				t.Errorf("%d bytes, %s: %q, %v", size, why, got, err)
			}
		}
		refuse("another root", testRoot(t, 2).Key("record"), "here", sealed)
		refuse("another label", testRoot(t, 1).Key("entry"), "here", sealed)
		refuse("another context", key, "there", sealed)
		refuse("no context", key, "", sealed)
		refuse("a longer context", key, "here\x00", sealed)
		refuse("nothing", key, "here", nil)
		refuse("more behind it", key, "here", append(bytes.Clone(sealed), 0))
		for _, version := range []byte{0, 2, 255} {
			refuse("another version", key, "here", append([]byte{version}, sealed[1:]...))
		}
		for cut := 0; cut < len(sealed); cut += 1 + len(sealed)/97 {
			refuse("cut short", key, "here", sealed[:cut])
			changed := bytes.Clone(sealed)
			changed[cut] ^= 0x20
			refuse("a changed byte", key, "here", changed)
		}
	}
}

// Two seals of one thing have nothing in common: the same version may be sealed twice after a crash.
func TestSealsDiffer(t *testing.T) {
	key := testRoot(t, 1).Key("record")
	seen := map[string]bool{}
	for range 1000 {
		sealed, err := key.Seal([]byte("c"), []byte("the same plaintext"))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{sealed[1:25], sealed[25:43], sealed[43:]} { // salt, ciphertext, tag
			if seen[string(part)] {
				t.Fatal("two seals share a part")
			}
			seen[string(part)] = true
		}
	}
}

// Every purpose has a key of its own.
func TestKeysAreApart(t *testing.T) {
	root, other := testRoot(t, 1), testRoot(t, 2)
	seen := map[[32]byte]string{}
	for name, k := range map[string][32]byte{
		"commitment": root.Commitment(), "log": root.Derive("log"), "record": root.Derive("record"), "seal record": root.Derive("seal\x00record"),
		"nothing": root.Derive(""), "another's": other.Derive("log"), "another's name": other.Commitment(),
	} {
		if twin, taken := seen[k]; taken {
			t.Errorf("%s and %s are one key", name, twin)
		}
		seen[k] = name
	}
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := seal.NewRoot(make([]byte, size)); err == nil {
			t.Errorf("a root secret of %d bytes", size)
		}
	}
}

// Roots and keys print nothing of themselves, alone or inside something else, whoever prints them.
func TestSecretsDoNotPrint(t *testing.T) {
	root := testRoot(t, 0x41) // "AAAA…"
	key := root.Key("record")
	type holder struct {
		Root seal.Root
		Key  seal.Key
		root seal.Root
		key  *seal.Key
	}
	h := holder{root, key, root, &key}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{root, &root, key, &key, h, &h, []seal.Root{root}, map[string]seal.Key{"k": key}, h.root, h.key} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "root", root, "key", key, "all", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "root", root, "key", key, "all", h)
	derived := root.Derive("seal\x00record")
	for _, secret := range []string{"AAAA", "41414141", "[65 65", "65, 65", "0x41, 0x41", fmt.Sprintf("%x", derived[:8]), fmt.Sprintf("%d %d %d", derived[0], derived[1], derived[2])} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is printed", secret)
		}
	}
}

// Whatever opens was sealed: no input breaks Open, and none but the sealed one opens.
func FuzzOpen(f *testing.F) {
	key := testRoot(f, 1).Key("record")
	sealed, err := key.Seal([]byte("c"), []byte("plaintext"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:41])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := key.Open([]byte("c"), b) // workers seal the plaintext anew, so that the envelope may be another's
		if err == nil && string(plain) != "plaintext" {
			t.Errorf("%x opens as %q", b, plain)
		}
	})
}
