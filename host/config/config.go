// Package config reads the configuration file of a deployment. The file is TOML; what it does not know is an error, so
// that a misspelt setting is not one that silently does nothing.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/redoubt-kms/redoubt/api"
)

// Config is the configuration of a deployment. The zero values of what is not required are safe.
type Config struct {
	Mode        string            `toml:"mode"`           // development or production
	Data        string            `toml:"data"`           // folder of database, manifest and keys
	Database    string            `toml:"database"`       // postgres://…; redoubt.db in the data folder when empty
	AnchorDir   string            `toml:"anchor-dir"`     // folder of the anchor; that of the data when empty
	Listen      string            `toml:"listen"`         // host:port of the API
	OpenSignUp  bool              `toml:"open-sign-up"`   // organizations may be created without a stamp
	RateLimit   uint32            `toml:"rate-limit"`     // requests a second of one organization; 60 when absent, 0 for none
	MaxRate     uint32            `toml:"max-rate-limit"` // that an organization may set for itself; when absent ten times rate-limit
	BadStamps   uint32            `toml:"bad-stamps"`     // requests a second with bad stamps from one address; 0 for no limit; when absent 20 if an address is known to be one caller's, that is with tls or trusted-proxies, else 0
	MetricsAddr string            `toml:"metrics-addr"`   // host:port of /metrics; none when empty
	Traces      string            `toml:"traces"`         // URL of an OpenTelemetry collector; the environment's when empty
	TLS         TLS               `toml:"tls"`
	Limits      Limits            `toml:"limits"`
	Nodes       map[string]string `toml:"nodes"` // chain/network → URL
	Connect     Connect           `toml:"connect"`

	// TrustedProxies are networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `toml:"trusted-proxies"`

	Enclaves map[string]Enclave `toml:"enclaves"` // by role
}

// TLS names the API's certificate. Without one the API speaks plain HTTP, and belongs behind a proxy that does not.
type TLS struct {
	Certificate string `toml:"certificate"` // PEM file
	Key         string `toml:"key"`         // PEM file
}

// Limits bound organizations.
type Limits struct {
	Users          uint32 `toml:"users"`          // of an organization; 100 when absent
	Authenticators uint32 `toml:"authenticators"` // of a user; 10 when absent
}

// maxMembers bounds the record of an organization, which every change writes as a whole: so many authenticators.
const maxMembers = 10_000

func (l Limits) check() error {
	users, keys := cmp.Or(l.Users, api.MaxUsers), cmp.Or(l.Authenticators, api.MaxKeys)
	if uint64(users)*uint64(keys) > maxMembers {
		return fmt.Errorf("limits: %d users with %d authenticators each would be more than %d in one organization", users, keys, maxMembers)
	}
	return nil
}

// Enclave says where an enclave is.
type Enclave struct {
	Binary  string `toml:"binary"`  // file, measured when it is launched
	Address string `toml:"address"` // of its door: unix:PATH
}

const (
	defaultRateLimit = 60
	defaultBadStamps = 20
)

// Read reads and checks a configuration file.
func Read(path string) (Config, error) {
	c := Config{Mode: "development", Listen: "127.0.0.1:8484", RateLimit: defaultRateLimit}
	meta, err := toml.DecodeFile(path, &c)
	if err != nil {
		return c, fmt.Errorf("configuration %s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("configuration %s: no such setting: %s", path, unknown[0])
	}
	if !meta.IsDefined("bad-stamps") && (len(c.TrustedProxies) > 0 || c.TLS.Certificate != "") {
		c.BadStamps = defaultBadStamps
	}
	if !meta.IsDefined("max-rate-limit") {
		c.MaxRate = uint32(min(uint64(c.RateLimit)*10, math.MaxUint32))
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

func (c *Config) check() error {
	if c.AnchorDir == "" {
		c.AnchorDir = c.Data
	}
	if !filepath.IsAbs(c.Data) || !filepath.IsAbs(c.AnchorDir) {
		return errors.New("data and anchor-dir must be absolute paths")
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		return errors.New("database: want postgres://…, or nothing for a file in the data folder")
	}
	if c.Mode != "development" && c.Mode != "production" {
		return fmt.Errorf("mode %q: want development or production", c.Mode)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if c.MaxRate < c.RateLimit {
		return fmt.Errorf("max-rate-limit: want at least rate-limit, %d", c.RateLimit)
	}
	if c.MetricsAddr != "" {
		if _, _, err := net.SplitHostPort(c.MetricsAddr); err != nil {
			return fmt.Errorf("metrics-addr: %w", err)
		}
		if c.MetricsAddr == c.Listen {
			return errors.New("metrics-addr must not be the address of the API")
		}
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return errors.New("tls needs certificate and key, or neither")
	}
	if err := errors.Join(c.Limits.check(), c.Connect.check()); err != nil {
		return err
	}
	for _, role := range []string{"policy", "signer", "certifier"} {
		e := c.Enclaves[role]
		if !filepath.IsAbs(e.Binary) || e.Address == "" {
			return fmt.Errorf("enclaves.%s needs binary, an absolute path, and address", role)
		}
	}
	if len(c.Enclaves) != 3 {
		return errors.New("enclaves: want policy, signer and certifier")
	}
	return nil
}

// NodeList writes the nodes as CHAIN/NETWORK=URL, in order.
func (c Config) NodeList() []string {
	var nodes []string
	for name, address := range c.Nodes {
		nodes = append(nodes, name+"="+address)
	}
	sort.Strings(nodes)
	return nodes
}
