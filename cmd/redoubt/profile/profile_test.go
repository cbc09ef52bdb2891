package profile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/profile"
)

func write(t testing.TB, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask says
		t.Fatal(err)
	}
	return path
}

const one = "[profiles.a]\nurl = \"http://127.0.0.1:1/v1/wallets\"\n"

// A file that others may touch, or that says what is not understood, is refused as a whole.
func TestReadRefuses(t *testing.T) {
	for why, c := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"readable by a group": {one, 0o640, "mode 0640"},
		"writable by all":     {one, 0o602, "mode 0602"},
		"no TOML":             {"profiles", 0o600, "expected"},
		"a misspelt setting":  {one + "key_file = \"k\"\n", 0o600, "no setting profiles.a.key_file"},
		"no url":              {"[profiles.a]\n", 0o600, "want http:// or https://"},
		"another scheme":      {"[profiles.a]\nurl = \"file:///etc\"\n", 0o600, "want http:// or https://"},
		"no host":             {"[profiles.a]\nurl = \"http:/x\"\n", 0o600, "want http:// or https://"},
		"a name with a slash": {"[profiles.\"a/b\"]\nurl = \"http://x\"\n", 0o600, "a name has up to 64"},
		"a short manifest":    {one + "manifest = \"00\"\n", 0o600, "64 hexadecimal digits"},
	} {
		if _, err := profile.Read(write(t, c.text, c.mode)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", why, err, c.says)
		}
	}
	if f, err := profile.Read(filepath.Join(t.TempDir(), "none")); err != nil || len(f.Names()) != 0 {
		t.Errorf("a file that is not there: %v", err)
	}
}

// What the flag names comes first, then the environment, then the default, then the only one there is.
func TestChoose(t *testing.T) {
	two := one + "[profiles.b]\nurl = \"http://127.0.0.1:1/v1/wallets\"\n"
	for why, c := range map[string]struct{ text, flag, env, want string }{
		"the only one":        {one, "", "", "a"},
		"none of two":         {two, "", "", ""},
		"the default":         {"default = \"b\"\n" + two, "", "", "b"},
		"by the environment":  {"default = \"b\"\n" + two, "", "a", "a"},
		"by the flag":         {"default = \"b\"\n" + two, "b", "a", "b"},
		"one that is not":     {two, "c", "a", "error"},
		"a default that went": {"default = \"c\"\n" + two, "", "", "error"},
		"of none":             {"", "", "", ""},
	} {
		t.Setenv("REDOUBT_PROFILE", c.env)
		f, err := profile.Read(write(t, c.text, 0o600))
		if err != nil {
			t.Fatalf("%s: %v", why, err)
		}
		got, err := f.Choose(c.flag)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", why, got, c.want)
		}
	}
}

// FuzzRead: whatever is taken for a file of profiles is written again as the same profiles, for its owner alone.
func FuzzRead(f *testing.F) {
	f.Add(one)
	f.Add("default = \"a\"\n" + one + "organization = \"x\"\nkey-file = \"/k\"\nmanifest = \"" + strings.Repeat("0f", 32) + "\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := write(t, text, 0o600)
		read, err := profile.Read(path)
		if err != nil {
			return
		}
		if err := read.Put("added", profile.Profile{URL: "https://example.com"}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		again, err := profile.Read(path)
		if err != nil {
			t.Fatalf("%q is written as what is refused: %v", text, err)
		}
		if diff := cmp.Diff(read, again, cmpopts.IgnoreUnexported(profile.File{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}
