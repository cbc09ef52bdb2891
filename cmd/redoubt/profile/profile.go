// Package profile keeps what a person would otherwise type with every command: which server, which organization, which
// key, and which manifest the server must show. The file is the person's alone: one that others may read or write is
// refused, since whoever changes it decides whose server gets the requests.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/BurntSushi/toml"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// Profile is how one person reaches one organization.
type Profile struct {
	URL          string `toml:"url"`                    // base URL of the server
	Organization string `toml:"organization,omitempty"` // its identifier
	KeyFile      string `toml:"key-file,omitempty"`     // where the authenticator's key is
	Manifest     string `toml:"manifest,omitempty"`     // hash of the manifest that must be in force
}

// File is all profiles of a person.
type File struct {
	Default  string             `toml:"default,omitempty"`
	Profiles map[string]Profile `toml:"profiles"`

	path string
}

// Path says where the file is: where the flag names it, or the environment, or in the user's folder of configurations.
func Path(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if named := os.Getenv("REDOUBT_CONFIG"); named != "" {
		return named, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("name a file with --config or REDOUBT_CONFIG: %w", err)
	}
	return filepath.Join(dir, "redoubt", "config.toml"), nil
}

// Read reads the file; one that is not there holds no profiles.
func Read(path string) (*File, error) {
	f := &File{path: path, Profiles: map[string]Profile{}}
	err := frame.Private(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	meta, err := toml.DecodeFile(path, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return nil, fmt.Errorf("%s: there is no setting %s", path, extra[0])
	}
	for name, p := range f.Profiles {
		if err := check(name, p); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return f, nil
}

func check(name string, p Profile) error {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`).MatchString(name) {
		return fmt.Errorf("profile %q: a name has up to 64 letters, digits, dots, dashes and underscores", name)
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("profile %s: url %q: want http:// or https://, with the path, for example http://127.0.0.1:8484/v1/wallets", name, p.URL)
	}
	if p.Manifest != "" && !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(p.Manifest) {
		return fmt.Errorf("profile %s: manifest: want the 64 hexadecimal digits of a hash", name)
	}
	return nil
}

// Names lists the profiles in order.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Profiles)) }

// Choose says which profile is meant: what the flag names, or the environment, or the default, or the only one. It is
// empty when there is no profile at all.
func (f *File) Choose(flag string) (string, error) {
	for _, name := range []string{flag, os.Getenv("REDOUBT_PROFILE"), f.Default} {
		if name == "" {
			continue
		}
		if _, there := f.Profiles[name]; !there {
			return "", fmt.Errorf("%s has no profile %q; it has %v", f.path, name, f.Names())
		}
		return name, nil
	}
	if names := f.Names(); len(names) == 1 {
		return names[0], nil
	}
	return "", nil
}

// Put adds a profile, or takes another's place, and writes the file. The first one becomes the default.
func (f *File) Put(name string, p Profile) error {
	if err := check(name, p); err != nil {
		return err
	}
	if len(f.Profiles) == 0 {
		f.Default = name
	}
	f.Profiles[name] = p
	return f.save()
}

// Remove forgets a profile. The key's file stays.
func (f *File) Remove(name string) error {
	if _, there := f.Profiles[name]; !there {
		return fmt.Errorf("%s has no profile %q; it has %v", f.path, name, f.Names())
	}
	delete(f.Profiles, name)
	if f.Default == name {
		f.Default = ""
	}
	return f.save()
}

// Use makes a profile the default.
func (f *File) Use(name string) error {
	if _, there := f.Profiles[name]; !there {
		return fmt.Errorf("%s has no profile %q; it has %v", f.path, name, f.Names())
	}
	f.Default = name
	return f.save()
}

// save writes the file anew beside the old one and then puts it in its place, so that there is always a whole one.
func (f *File) save() error {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(f); err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(dir, ".config-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	if _, err := part.Write(text.Bytes()); err != nil {
		part.Close()
		return err
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), f.path)
}
