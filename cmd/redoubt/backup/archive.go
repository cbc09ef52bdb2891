// Package backup is the file of a backup: a tar archive of everything that a deployment is made of, encrypted as a whole
// to age recipients. Keys are in the clear in memory only, on both ways.
package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Format is the version of the archive. A reader takes this one and those before: format 1 had no rows.
const Format = 2

// The members of an archive, in their order. Keys and commits are several.
const (
	memberFormat   = "redoubt-backup" // the number of the format, so that another one is told at once
	MemberManifest = "manifest.cbor"
	MemberAnchor   = "anchor.cbor" // what the certifier wrote last; not in the form of an anchor
	keyPrefix      = "keys/"
	commitsPrefix  = "commits/"
	rowsPrefix     = "logins/"
	memberContents = "contents.json"
)

const (
	maxMember = 64 << 20 // bytes
	pageSize  = 4 << 20  // bytes of commits that one member gathers, but for its last one
	rowsOfOne = 4096     // rows that one member holds, but for its last one
)

// ErrBackup says that a file is not a whole backup of this format.
var ErrBackup = errors.New("not a whole backup")

// Contents say what a backup is of. They are its last member: what has none was cut off.
type Contents struct {
	Format   int      `json:"format"`
	Created  string   `json:"created"`  // RFC 3339
	Shard    string   `json:"shard"`    // hex
	Manifest string   `json:"manifest"` // hash, hex
	Commits  uint64   `json:"commits"`  // the newest one
	Entries  uint64   `json:"entries"`  // of the log
	Epoch    uint64   `json:"epoch"`
	Root     string   `json:"root"`     // base64
	Apps     uint64   `json:"apps"`     // that people log in to
	Passkeys uint64   `json:"passkeys"` // public keys
	Anchored uint64   `json:"anchored"` // commits that the anchor knew of when the backup began
	Keys     []string `json:"keys"`     // names
	Members  []Member `json:"members"`
}

// Member is one file of the archive.
type Member struct {
	Name   string `json:"name"`
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// Row is one of the things that logins keep and that a backup keeps, too (host/connect/shelf).
type Row struct {
	_       struct{} `cbor:",toarray"`
	Kind    string
	Key     string
	Value   []byte
	Expires uint64 // Unix milliseconds; 2^63-1 for never
}

// Writer writes an archive.
type Writer struct {
	tar     *tar.Writer
	members []Member
	page    []wire.Commit
	bytes   int
	rows    []Row
	pages   int // of rows
}

// NewWriter begins an archive.
func NewWriter(to io.Writer) (*Writer, error) {
	w := &Writer{tar: tar.NewWriter(to)}
	return w, w.Add(memberFormat, fmt.Appendf(nil, "%d\n", Format))
}

// Add writes a member.
func (w *Writer) Add(name string, b []byte) error {
	sum := sha256.Sum256(b)
	w.members = append(w.members, Member{name, len(b), hex.EncodeToString(sum[:])})
	return w.put(name, b)
}

func (w *Writer) put(name string, b []byte) error {
	if len(b) > maxMember {
		return fmt.Errorf("%s has %d bytes, more than a member of a backup can have", name, len(b))
	}
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(b)), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err := w.tar.Write(b)
	return err
}

// AddKey writes a key.
func (w *Writer) AddKey(name string, secret []byte) error { return w.Add(keyPrefix+name, secret) }

// AddCommit writes the next commit of the ledger.
func (w *Writer) AddCommit(c wire.Commit) error {
	w.page, w.bytes = append(w.page, c), w.bytes+len(c.Head)+len(c.Blob)+len(c.Bodies)
	if w.bytes < pageSize {
		return nil
	}
	return w.flush()
}

func (w *Writer) flush() error {
	if len(w.page) == 0 {
		return nil
	}
	b, err := proof.Encode(w.page)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s%012d", commitsPrefix, w.page[0].Index)
	w.page, w.bytes = nil, 0
	return w.Add(name, b)
}

// AddRow writes the next row. All commits come before.
func (w *Writer) AddRow(r Row) error {
	if err := w.flush(); err != nil {
		return err
	}
	if w.rows = append(w.rows, r); len(w.rows) < rowsOfOne {
		return nil
	}
	return w.flushRows()
}

func (w *Writer) flushRows() error {
	if len(w.rows) == 0 {
		return nil
	}
	b, err := proof.Encode(w.rows)
	if err != nil {
		return err
	}
	w.rows, w.pages = nil, w.pages+1
	return w.Add(fmt.Sprintf("%s%012d", rowsPrefix, w.pages), b)
}

// Finish ends the archive with what it is of, and completes that.
func (w *Writer) Finish(c *Contents) error {
	if err := errors.Join(w.flush(), w.flushRows()); err != nil {
		return err
	}
	c.Format, c.Members = Format, w.members
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(w.put(memberContents, append(b, '\n')), w.tar.Close())
}

// Taker takes what an archive holds, in its order. What it took counts for nothing before Read returns without an error.
type Taker interface {
	Manifest(b []byte) error
	Key(name string, secret []byte) error
	Anchor(b []byte) error
	Commit(c wire.Commit) error
	Row(r Row) error
}

// Read reads an archive to its end, and checks that all of it is there and is what the contents say.
func Read(from io.Reader, to Taker) (Contents, error) {
	r := tar.NewReader(from)
	var seen []Member
	format := 0
	for {
		name, b, err := next(r)
		if err != nil {
			return Contents{}, err
		}
		if name == memberContents {
			return finish(r, from, b, seen, format)
		}
		sum := sha256.Sum256(b)
		seen = append(seen, Member{name, len(b), hex.EncodeToString(sum[:])})
		if len(seen) == 1 {
			format, err = readFormat(name, b)
		} else {
			err = take(to, name, b, format)
		}
		if err != nil {
			return Contents{}, err
		}
	}
}

func next(r *tar.Reader) (string, []byte, error) {
	header, err := r.Next()
	if errors.Is(err, io.EOF) {
		err = errors.New("it ends before its contents")
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if header.Typeflag != tar.TypeReg || header.Size > maxMember {
		return "", nil, fmt.Errorf("%w: its member %q is not a file of at most %d bytes", ErrBackup, header.Name, maxMember)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	return header.Name, b, nil
}

// readFormat reads the first member.
func readFormat(name string, b []byte) (int, error) {
	if name != memberFormat {
		return 0, fmt.Errorf("%w: it does not begin with its format", ErrBackup)
	}
	for format := 1; format <= Format; format++ {
		if string(b) == fmt.Sprintf("%d\n", format) {
			return format, nil
		}
	}
	return 0, fmt.Errorf("%w: it is of format %.20q, this release reads formats up to %d", ErrBackup, strings.TrimSpace(string(b)), Format)
}

// take hands one member over.
func take(to Taker, name string, b []byte, format int) error {
	switch {
	case name == MemberManifest:
		return to.Manifest(b)
	case name == MemberAnchor:
		return to.Anchor(b)
	case strings.HasPrefix(name, keyPrefix):
		return to.Key(strings.TrimPrefix(name, keyPrefix), b)
	case strings.HasPrefix(name, commitsPrefix):
		return takeCommits(to, name, b)
	case strings.HasPrefix(name, rowsPrefix) && format >= 2:
		return takeRows(to, name, b)
	}
	return fmt.Errorf("%w: what is its member %q?", ErrBackup, name)
}

func takeCommits(to Taker, name string, b []byte) error {
	var page []wire.Commit
	if err := proof.Decode(b, &page); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBackup, name, err)
	}
	for _, c := range page {
		if len(c.Bodies) == 0 {
			c.Bodies = nil // they were pruned
		}
		if err := to.Commit(c); err != nil {
			return err
		}
	}
	return nil
}

func takeRows(to Taker, name string, b []byte) error {
	var page []Row
	if err := proof.Decode(b, &page); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrBackup, name, err)
	}
	for _, r := range page {
		if err := to.Row(r); err != nil {
			return err
		}
	}
	return nil
}

// finish checks the contents, and that nothing follows them.
func finish(r *tar.Reader, from io.Reader, b []byte, seen []Member, format int) (Contents, error) {
	var c Contents
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("%w: contents: %w", ErrBackup, err)
	}
	if c.Format != format || !slices.Equal(c.Members, seen) {
		return c, fmt.Errorf("%w: its members are not those that its contents name", ErrBackup)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%w: something follows its contents", ErrBackup)
	}
	// Reading on to the end lets age check the last of its pieces: until then, something may have been cut off.
	rest, err := io.ReadAll(io.LimitReader(from, maxMember))
	if err == nil && len(bytes.Trim(rest, "\x00")) > 0 {
		err = errors.New("something follows its end")
	}
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	return c, nil
}
