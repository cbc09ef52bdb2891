package backup

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// taken is all that an archive held.
type taken struct {
	Manifests, Anchors [][]byte
	Keys               map[string][]byte
	Commits            []wire.Commit
	Rows               []Row
}

func (t *taken) Manifest(b []byte) error { t.Manifests = append(t.Manifests, b); return nil }
func (t *taken) Anchor(b []byte) error   { t.Anchors = append(t.Anchors, b); return nil }
func (t *taken) Key(name string, b []byte) error {
	if t.Keys == nil {
		t.Keys = map[string][]byte{}
	}
	t.Keys[name] = b
	return nil
}
func (t *taken) Commit(c wire.Commit) error { t.Commits = append(t.Commits, c); return nil }
func (t *taken) Row(r Row) error            { t.Rows = append(t.Rows, r); return nil }

func example() taken {
	all := taken{Manifests: [][]byte{[]byte("manifest")}, Anchors: [][]byte{[]byte("anchor")}, Keys: map[string][]byte{"signer": []byte("secret")}}
	for i := range uint64(12) {
		all.Commits = append(all.Commits, wire.Commit{Index: i + 1, Head: []byte("head"), Blob: bytes.Repeat([]byte{byte(i)}, 1<<20), Bodies: []byte("bodies")})
	}
	all.Commits[3].Bodies = nil
	for i := range uint64(rowsOfOne + 1) {
		all.Rows = append(all.Rows, Row{Kind: "app", Key: fmt.Sprint(i), Value: []byte("value"), Expires: i})
	}
	return all
}

func fill(t testing.TB, w *Writer, all taken) Contents {
	t.Helper()
	err := errors.Join(w.Add(MemberManifest, all.Manifests[0]), w.AddKey("signer", all.Keys["signer"]), w.Add(MemberAnchor, all.Anchors[0]))
	for _, c := range all.Commits {
		err = errors.Join(err, w.AddCommit(c))
	}
	for _, r := range all.Rows {
		err = errors.Join(err, w.AddRow(r))
	}
	if err != nil {
		t.Fatal(err)
	}
	return Contents{Shard: "ab", Commits: uint64(len(all.Commits)), Keys: []string{"signer"}}
}

// archive is a small one in the clear.
func archive(t testing.TB, commits int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	all := example()
	all.Commits, all.Rows = all.Commits[:commits], all.Rows[:commits]
	for i := range all.Commits {
		all.Commits[i].Blob = []byte("blob")
	}
	c := fill(t, w, all)
	if err := w.Finish(&c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is written comes back, by each kind of recipient, and nothing of it can be read in the file.
func TestFile(t *testing.T) {
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	q, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		to age.Recipient
		by age.Identity
	}{"X25519": {x.Recipient(), x}, "hybrid": {q.Recipient(), q}} {
		t.Run(name, func(t *testing.T) {
			path, want := filepath.Join(t.TempDir(), "backup"), example()
			f, err := Create(path, []age.Recipient{c.to})
			if err != nil {
				t.Fatal(err)
			}
			contents := fill(t, f.Writer, want)
			if _, err := os.Lstat(path); err == nil {
				t.Error("it has its name before it is whole")
			}
			if _, err := Create(path, []age.Recipient{c.to}); err == nil || !strings.Contains(err.Error(), "another backup") {
				t.Errorf("two write one file: %v", err)
			}
			if err := f.Finish(&contents); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v", info.Mode())
			}
			for _, secret := range []string{"secret", "manifest", "contents.json", "keys/"} {
				if bytes.Contains(b, []byte(secret)) {
					t.Errorf("the file shows %q", secret)
				}
			}
			plain, err := Open(path, []age.Identity{c.by})
			if err != nil {
				t.Fatal(err)
			}
			defer plain.Close()
			var got taken
			told, err := Read(plain, &got)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(want, got) { // too large for a difference
				t.Error("something else came back")
			}
			if diff := cmp.Diff(contents, told); diff != "" {
				t.Error(diff)
			}
			if len(told.Members) != 1+3+3+2 { // the commits in pages of four
				t.Errorf("%d members", len(told.Members))
			}
		})
	}
}

// A name that is taken between the beginning and the end stays what it is, and what an interrupted backup left behind is
// written over.
func TestNamesAreNeverTaken(t *testing.T) {
	x, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, path := []age.Recipient{x.Recipient()}, filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(path+".part", bytes.Repeat([]byte("left behind"), 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, to)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := fill(t, f.Writer, example())
	if err := f.Finish(&c); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("it was written over: %v", err)
	}
	f.Abort()
	if _, err := os.Lstat(path + ".part"); err == nil {
		t.Error("something was left behind")
	}
	if b, _ := os.ReadFile(path); string(b) != "another" {
		t.Errorf("it holds %q", b)
	}
}

// What is missing, doubled, in another order, of another format or of another size is not a backup.
func TestReadRefuses(t *testing.T) {
	type member struct {
		name string
		body []byte
	}
	var good []member
	r := tar.NewReader(bytes.NewReader(archive(t, 3)))
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		good = append(good, member{h.Name, b.Bytes()})
	}
	write := func(members []member) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, m := range members {
			if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.body)), Format: tar.FormatUSTAR}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(m.body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if _, err := Read(bytes.NewReader(write(good)), &taken{}); err != nil || len(good) != 7 {
		t.Fatalf("%d members, %v", len(good), err)
	}
	cases := map[string][]byte{
		"nothing":              nil,
		"another format":       write(append([]member{{memberFormat, []byte("3\n")}}, good[1:]...)),
		"rows in format 1":     write(append([]member{{memberFormat, []byte("1\n")}}, good[1:]...)),
		"something at the end": append(write(good), 'x'),
		"a member after it":    write(append(good[:7:7], member{"keys/more", nil})),
		"an unknown member":    write(append(good[:6:6], member{"etc/passwd", nil}, good[6])),
		"its format twice":     write(append(good[:6:6], good[0], good[6])),
		"its contents twice":   write(append(good[:7:7], good[6])),
	}
	for i := range good {
		cases[fmt.Sprintf("without member %d", i)] = write(append(good[:i:i], good[i+1:]...))
		changed := append([]member{}, good...)
		changed[i].body = append(bytes.Clone(changed[i].body), ' ')
		if i < 6 {
			cases[fmt.Sprintf("with another member %d", i)] = write(changed)
		}
	}
	whole := archive(t, 3)
	for size := 0; size <= bytes.LastIndexByte(whole, '}'); size += 100 { // what follows is padding
		cases[fmt.Sprintf("cut to %d bytes", size)] = whole[:size]
	}
	for name, b := range cases {
		if _, err := Read(bytes.NewReader(b), &taken{}); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var contents Contents
	if err := json.Unmarshal(good[6].body, &contents); err != nil || contents.Format != Format {
		t.Error("the contents are not JSON")
	}
}

// Whatever is read, it ends; and what is accepted names each of its members with the size that it has.
func FuzzRead(f *testing.F) {
	f.Add(archive(f, 0))
	f.Add(archive(f, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got taken
		c, err := Read(bytes.NewReader(b), &got)
		if err != nil {
			return
		}
		size := 0
		for _, m := range c.Members {
			size += m.Size
		}
		if c.Format < 1 || c.Format > Format || len(c.Members) == 0 || c.Members[0].Name != memberFormat || size > len(b) {
			t.Errorf("accepted with %+v", c)
		}
	})
}

// A backup of format 1, from before there were rows, is read.
func TestFormat1(t *testing.T) {
	var b bytes.Buffer
	w := &Writer{tar: tar.NewWriter(&b)}
	want := example()
	want.Rows = nil
	if err := w.Add(memberFormat, []byte("1\n")); err != nil {
		t.Fatal(err)
	}
	contents := fill(t, w, want)
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	contents.Format, contents.Members = 1, w.members
	said, err := json.Marshal(contents)
	if err != nil {
		t.Fatal(err)
	}
	said = bytes.Replace(said, []byte(`"apps":0,"passkeys":0,`), nil, 1) // members that it did not have
	if err := errors.Join(w.put(memberContents, said), w.tar.Close()); err != nil {
		t.Fatal(err)
	}
	var got taken
	told, err := Read(&b, &got)
	if err != nil || told.Format != 1 || !reflect.DeepEqual(want, got) {
		t.Errorf("%v, format %d", err, told.Format)
	}
}
