package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/proof"
)

// attestationBody is the JSON of GET /attestation. The CBOR is what verifiers check; the rest is for people.
type attestationBody struct {
	Manifest     string      `json:"manifest"`         // base64url of CBOR
	Certificates []string    `json:"certificates"`     // base64url of CBOR
	Receipt      string      `json:"receipt"`          // base64url of CBOR
	Checkpoint   string      `json:"checkpoint"`       // C2SP checkpoint
	Rebase       string      `json:"rebase,omitempty"` // base64url of CBOR; the newest one
	Mode         string      `json:"mode"`
	Tier         string      `json:"tier"`
	Head         headBody    `json:"head"`
	Keys         []keyOfRole `json:"keys"`
}

type headBody struct {
	Shard  string `json:"shard"`
	Epoch  uint64 `json:"epoch"`
	Index  uint64 `json:"index"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
	TimeMs uint64 `json:"timeMs"`
}

type keyOfRole struct {
	Role       string `json:"role"`
	SigningKey string `json:"signingKey"` // base64url, Ed25519
}

func (s *Server) attestation(w http.ResponseWriter, r *http.Request) {
	a, err := s.desk.Attestation(r.Context())
	if err != nil {
		fail(w, api.Errorf(api.TypeUnavailable, "the policy engine does not answer"))
		return
	}
	var manifest proof.SignedManifest
	var receipt proof.SignedReceipt
	if proof.Decode(a.Manifest, &manifest) != nil || proof.Decode(a.Receipt, &receipt) != nil {
		fail(w, api.Errorf(api.TypeInternal, "the attestation does not decode"))
		return
	}
	head := receipt.Receipt.Head
	body := attestationBody{
		Manifest: b64(a.Manifest), Receipt: b64(a.Receipt), Checkpoint: a.Checkpoint, Rebase: b64(a.Rebase),
		Mode: manifest.Manifest.Mode, Tier: manifest.Manifest.Tier,
		Head: headBody{b64(head.Shard[:]), head.Epoch, head.Index, head.Size, b64(head.Root[:]), receipt.Receipt.Time},
	}
	for _, c := range a.Certificates {
		var certificate proof.SignedCertificate
		if proof.Decode(c, &certificate) == nil {
			body.Keys = append(body.Keys, keyOfRole{string(certificate.Certificate.Role), b64(certificate.Certificate.SigningKey)})
		}
		body.Certificates = append(body.Certificates, b64(c))
	}
	out, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, append(out, '\n'))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// checkpoint serves the newest head as a C2SP checkpoint.
func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request) {
	a, err := s.desk.Attestation(r.Context())
	if err != nil {
		fail(w, api.Errorf(api.TypeUnavailable, "the policy engine does not answer"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(a.Checkpoint))
}

// The bounds of tiles: beyond them numbers of hashes overflow.
const (
	maxLogBits   = 56 // a log of 2^56 entries
	maxTileLevel = 6
)

// tile serves the log's hashes as C2SP tiles of height 8: /log/tile/{level}/{number}[.p/{width}].
func (s *Server) tile(w http.ResponseWriter, r *http.Request) {
	tile, err := tlog.ParseTilePath("tile/8/" + strings.TrimPrefix(r.PathValue("path"), "8/"))
	if err != nil || tile.L < 0 || tile.L > maxTileLevel || tile.N >= 1<<(maxLogBits-tile.H*(tile.L+1)) {
		fail(w, api.Errorf(api.TypeNoRoute, "no such tile"))
		return
	}
	data, err := tlog.ReadTileData(tile, reader{r.Context(), s.desk})
	if err != nil {
		fail(w, api.Errorf(api.TypeNoRoute, "the log is not that long"))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if tile.W == 1<<tile.H {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(data)
}

type reader struct {
	ctx  context.Context
	desk Desk
}

// ReadHashes implements tlog.HashReader.
func (r reader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return r.desk.ReadHashes(r.ctx, indexes)
}
