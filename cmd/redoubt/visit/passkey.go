package visit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/url"

	"github.com/fxamacker/cbor/v2"
)

// passkey is an authenticator in software (WebAuthn, Level 3): ES256, the person present and verified, no count.
type passkey struct {
	key    *ecdsa.PrivateKey
	id     []byte
	origin string
	rp     string
}

// Flags of authenticator data.
const (
	verified = 0x05 // UP and UV
	attested = 0x40 // AT
)

func newPasskey(origin string) (*passkey, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 20)
	_, _ = rand.Read(id)
	return &passkey{key: key, id: id, origin: origin, rp: u.Hostname()}, nil
}

func (p *passkey) data(flags byte) []byte {
	rp := sha256.Sum256([]byte(p.rp))
	return append(append(rp[:], flags), 0, 0, 0, 0)
}

// attestation is the object that registers the passkey, without a statement of its maker.
func (p *passkey) attestation() ([]byte, error) {
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	cose, err := mode.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		return nil, err
	}
	data := append(p.data(verified|attested), make([]byte, 16)...)
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(p.id))), p.id...)
	return mode.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(data, cose...)})
}

// assert answers a challenge, in the form of the pages.
func (p *passkey) assert(challenge string) (map[string]string, error) {
	client := fmt.Appendf(nil, `{"type":"webauthn.get","challenge":"%s","origin":"%s","crossOrigin":false}`, challenge, p.origin)
	data, hash := p.data(verified), sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, digest[:])
	return map[string]string{
		"credentialId": b64(p.id), "authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(signature),
	}, err
}
