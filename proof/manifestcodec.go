package proof

import "errors"

// manifestV1 is how a manifest was encoded before people could log in.
type manifestV1 struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8
	Mode         string
	Tier         string
	Epoch        uint64
	Shard        ID
	Created      uint64
	Measurements []Measurement
	Roots        []Measurement
	Launcher     []byte
	Certifier    []byte
	Anchors      []string
	Operators    [][]byte
	Issuers      []string
	OpenSignUp   bool
}

// manifestV2 has Connect at the end.
type manifestV2 struct {
	_            struct{} `cbor:",toarray"`
	Version      uint8
	Mode         string
	Tier         string
	Epoch        uint64
	Shard        ID
	Created      uint64
	Measurements []Measurement
	Roots        []Measurement
	Launcher     []byte
	Certifier    []byte
	Anchors      []string
	Operators    [][]byte
	Issuers      []string
	OpenSignUp   bool
	Connect      Connect
}

// firstOfV2 is the first byte of a CBOR array of fifteen.
const firstOfV2 = 0x8f

// errManifestVersion says that the length of a manifest is not that of its version.
var errManifestVersion = errors.New("the members of a manifest are not those of its version")

// MarshalCBOR writes the members that manifests of this version have.
func (m Manifest) MarshalCBOR() ([]byte, error) {
	if m.Version >= 2 {
		return Encode(manifestV2(m))
	}
	if !m.Connect.isZero() {
		return nil, errManifestVersion
	}
	return Encode(manifestV1{
		Version: m.Version, Mode: m.Mode, Tier: m.Tier, Epoch: m.Epoch, Shard: m.Shard, Created: m.Created,
		Measurements: m.Measurements, Roots: m.Roots, Launcher: m.Launcher, Certifier: m.Certifier,
		Anchors: m.Anchors, Operators: m.Operators, Issuers: m.Issuers, OpenSignUp: m.OpenSignUp,
	})
}

// UnmarshalCBOR reads a manifest of either version.
func (m *Manifest) UnmarshalCBOR(b []byte) error {
	if len(b) > 0 && b[0] == firstOfV2 {
		var v2 manifestV2
		err := Decode(b, &v2)
		*m = Manifest(v2)
		if err == nil && m.Version < 2 {
			return errManifestVersion
		}
		return err
	}
	var v1 manifestV1
	err := Decode(b, &v1)
	*m = Manifest{
		Version: v1.Version, Mode: v1.Mode, Tier: v1.Tier, Epoch: v1.Epoch, Shard: v1.Shard, Created: v1.Created,
		Measurements: v1.Measurements, Roots: v1.Roots, Launcher: v1.Launcher, Certifier: v1.Certifier,
		Anchors: v1.Anchors, Operators: v1.Operators, Issuers: v1.Issuers, OpenSignUp: v1.OpenSignUp,
	}
	if err == nil && m.Version >= 2 {
		return errManifestVersion
	}
	return err
}
