package webauthn_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/internal/webauthn"
)

// clientMutants are client data of which nothing may be taken; %s is the good one, without its last brace.
func clientMutants(kind string, challenge []byte) map[string]string {
	good := clientData(kind, challenge, origin)
	open, change := strings.TrimSuffix(good, "}"), func(from, to string) string { return strings.Replace(good, from, to, 1) }
	other := map[string]string{"webauthn.get": "webauthn.create", "webauthn.create": "webauthn.get"}[kind]
	long := bytes.Repeat([]byte("x"), webauthn.MaxClientData)
	return map[string]string{
		"other type":             change(kind, other),
		"payment type":           change(kind, "payment.get"),
		"type in another case":   change(kind, strings.ToUpper(kind)),
		"escaped type":           change("webauthn", `\u0077ebauthn`),
		"no type":                change(`"type":"`+kind+`",`, ""),
		"null type":              change(`"`+kind+`"`, "null"),
		"no challenge":           clientData(kind, nil, origin),
		"padded challenge":       change(`","origin`, `=","origin`),
		"challenge twice":        open + `,"challenge":"AAAA"}`,
		"challenge as a number":  change(`"challenge":"`, `"challenge":1,"x":"`),
		"no origin":              clientData(kind, challenge, ""),
		"null origin":            change(`"`+origin+`"`, "null"),
		"cross-origin":           change("false", "true"),
		"cross-origin is absent": change(`,"crossOrigin":false`, ""),
		"cross-origin is text":   change("false", `"false"`),
		"cross-origin twice":     open + `,"crossOrigin":true}`,
		"within another page":    open + `,"topOrigin":"https://evil.example"}`,
		"type twice":             open + `,"type":"webauthn.create"}`,
		"origin twice":           open + `,"origin":"https://evil.example"}`,
		"another order":          `{"challenge":"AAAA",` + good[1:],
		"white space":            change(":", ": "),
		"white space before":     " " + good,
		"byte order mark":        "\ufeff" + good,
		"something after":        good + "x",
		"another object after":   good + good,
		"cut off":                open,
		"broken UTF-8":           open + ",\"x\":\"\xff\"}",
		"lone surrogate":         open + `,"x":"\ud800"}`,
		"trailing comma":         open + ",}",
		"empty":                  "",
		"null":                   "null",
		"a list":                 "[" + good + "]",
		"too long":               open + `,"x":"` + string(long) + `"}`,
	}
}

// No mutation of a good assertion is accepted, although each is signed anew by the real key.
func TestAssertionMutants(t *testing.T) {
	challenge := sha256.Sum256([]byte("body"))
	d := newDevice(t, "ES256")
	d.count = 7
	c := d.credential(t)
	e := webauthn.Expect{Challenge: challenge[:], RPIDHash: d.rp, Origins: []string{origin}, UserVerification: true}
	d.count = 8
	good := clientData("webauthn.get", challenge[:], origin)
	tried := 0
	try := func(name string, data []byte, client string) {
		t.Helper()
		tried++
		if _, err := webauthn.Verify(d.assert(data, client), c, e); !errors.Is(err, webauthn.ErrPasskey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, client := range clientMutants("webauthn.get", challenge[:]) {
		try(name, d.head(0x05), client)
	}
	for _, other := range []string{
		"http://login.example.org", "https://example.org", "https://login.example.org:443", "https://login.example.org/", "https://LOGIN.example.org",
		"https://login.example.org.evil.example", "https://login.example.org@evil.example", "https://evil.example", "null", "android:apk-key-hash:AAAA",
	} {
		try("origin "+other, d.head(0x05), clientData("webauthn.get", challenge[:], other))
	}
	otherChallenge := sha256.Sum256([]byte("other body"))
	try("other challenge", d.head(0x05), clientData("webauthn.get", otherChallenge[:], origin))
	try("longer challenge", d.head(0x05), clientData("webauthn.get", append(challenge[:], 0), origin))
	try("shorter challenge", d.head(0x05), clientData("webauthn.get", challenge[:31], origin))
	for _, flags := range []byte{0x00, 0x01, 0x04, 0x0d, 0x15, 0x1d, 0x07, 0x25, 0x45, 0x85, 0xff} {
		try("flags "+hex.EncodeToString([]byte{flags}), d.head(flags), good)
	}
	for _, count := range []uint32{0, 1, 6, 7} {
		d.count = count
		try("count", d.head(0x05), good)
	}
	d.count = 8
	for _, rp := range []string{"", "Example.org", "evil.example", "login.example.org", "org"} {
		changed := *d
		changed.rp = sha256.Sum256([]byte(rp))
		try("RP "+rp, changed.head(0x05), good)
	}
	try("no data", nil, good)
	try("short data", d.head(0x05)[:36], good)
	try("long data", append(d.head(0x05), 0), good)
	try("extensions that are none", append(d.head(0x85), 0xa0), good)
	try("extensions twice", append(d.head(0x85), 0xa2, 0x61, 'a', 1, 0x61, 'a', 2), good)
	try("extensions and more", append(d.head(0x85), 0xa1, 0x61, 'a', 1, 0), good)
	if tried != 72 {
		t.Errorf("%d mutants, want 72", tried)
	}
	if _, err := webauthn.Verify(d.assert(d.head(0x05), good), c, e); err != nil {
		t.Error(err)
	}
	if _, err := webauthn.Verify(d.assert(append(d.head(0x85), 0xa1, 0x61, 'a', 1), good), c, e); err != nil {
		t.Errorf("with outputs of extensions: %v", err)
	}
	e.Challenge = nil
	if _, err := webauthn.Verify(d.assert(d.head(0x05), good), c, e); err == nil {
		t.Error("accepted without a challenge")
	}
}

// No mutation of a registration is accepted.
func TestRegistrationMutants(t *testing.T) {
	d := newDevice(t, "ES256")
	object, client := d.register(t)
	tried := 0
	try := func(name string, object []byte, client string) {
		t.Helper()
		tried++
		if c, err := webauthn.Register(object, []byte(client), webauthn.Expect{UserVerification: true}); !errors.Is(err, webauthn.ErrPasskey) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for name, mutant := range clientMutants("webauthn.create", make([]byte, 32)) {
		try(name, object, mutant)
	}
	try("short challenge", object, clientData("webauthn.create", make([]byte, 15), origin))
	for _, other := range []string{
		"http://login.example.org", "https://example.com", "https://notexample.org", "https://org", "https://example.org/", "ftp://example.org",
		"https://user@example.org", "https://example.org.", "android:apk-key-hash:AAAA", "null",
	} {
		try("origin "+other, object, clientData("webauthn.create", make([]byte, 32), other))
	}
	data := d.authData()
	with := func(change func(b []byte) []byte) []byte {
		return attestation(t, "none", map[string]any{}, change(slices.Clone(data)))
	}
	for _, flags := range []byte{0x00, 0x05, 0x41, 0x44, 0x47, 0x65, 0x55, 0xc5} {
		try("flags", with(func(b []byte) []byte { b[32] = flags; return b }), string(client))
	}
	for name, change := range map[string]func(b []byte) []byte{
		"cut off":       func(b []byte) []byte { return b[:len(b)-1] },
		"a byte more":   func(b []byte) []byte { return append(b, 0) },
		"no ID":         func(b []byte) []byte { binary.BigEndian.PutUint16(b[53:], 0); return b },
		"ID too long":   func(b []byte) []byte { binary.BigEndian.PutUint16(b[53:], 1024); return b },
		"ID beyond":     func(b []byte) []byte { binary.BigEndian.PutUint16(b[53:], 1000); return b },
		"head alone":    func(b []byte) []byte { return b[:37] },
		"no key":        func(b []byte) []byte { return b[:len(b)-len(d.cose)] },
		"off the curve": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"nothing":       func([]byte) []byte { return nil },
	} {
		try(name, with(change), string(client))
	}
	raw := func(text string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(text, "@", hex.EncodeToString(append([]byte{0x58, byte(len(data))}, data...))))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const format, statement, auth = "63666d74646e6f6e65", "6761747453746d74a0", "686175746844617461@"
	for name, text := range map[string]string{
		"member twice": "a4" + format + format + statement + auth, "member more": "a4" + format + statement + auth + "617801",
		"no statement": "a2" + format + auth, "no format": "a2" + statement + auth, "no data": "a2" + format + statement,
		"indefinite": "bf" + format + statement + auth + "ff", "tagged": "d9d9f7a3" + format + statement + auth,
		"something after": "a3" + format + statement + auth + "00", "name in another case": "a363464d54646e6f6e65" + statement + auth,
		"statement of none": "a3" + format + "6761747453746d74a1617801" + auth, "list for none": "a3" + format + "6761747453746d7480" + auth,
		"too deep": "a36366" + "6d7461" + "78" + "6761747453746d74a16178818181818101" + auth, "data as text": "a3" + format + statement + "68617574684461746161" + "78",
		"list": "83" + format + statement + auth, "empty": "", "null": "f6",
	} {
		try(name, raw(text), string(client))
	}
	try("too large", attestation(t, "x", map[string]any{"x": make([]byte, webauthn.MaxAttestation)}, data), string(client))
	if tried != 78 {
		t.Errorf("%d mutants, want 78", tried)
	}
	if _, err := webauthn.Register(raw("a3"+format+statement+auth), client, webauthn.Expect{}); err != nil {
		t.Error(err)
	}
}

// Keys that are not exactly one of the three kinds are refused.
func TestKeysRefused(t *testing.T) {
	good := newDevice(t, "ES256").cose
	x, y := good[10:42], good[45:77]
	n := append([]byte{0x80}, bytes.Repeat([]byte{1}, 255)...)
	for name, params := range map[string]map[int]any{
		"ES384":          {1: 2, 3: -35, -1: 1, -2: x, -3: y},
		"PS256":          {1: 3, 3: -37, -1: n, -2: []byte{1, 0, 1}},
		"RS1":            {1: 3, 3: -65535, -1: n, -2: []byte{1, 0, 1}},
		"P-384":          {1: 2, 3: -7, -1: 2, -2: x, -3: y},
		"kind as text":   {1: "2", 3: -7, -1: 1, -2: x, -3: y},
		"compressed":     {1: 2, 3: -7, -1: 1, -2: x, -3: true},
		"short x":        {1: 2, 3: -7, -1: 1, -2: x[1:], -3: y},
		"swapped":        {1: 2, 3: -7, -1: 1, -2: y, -3: x},
		"identity":       {1: 2, 3: -7, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)},
		"one more":       {1: 2, 3: -7, -1: 1, -2: x, -3: y, 2: []byte{1}},
		"private":        {1: 2, 3: -7, -1: 1, -2: x, -3: y, -4: x},
		"no algorithm":   {1: 2, -1: 1, -2: x, -3: y},
		"low order":      {1: 1, 3: -8, -1: 6, -2: make([]byte, 32)},
		"X25519":         {1: 1, 3: -8, -1: 4, -2: x},
		"EdDSA in EC2":   {1: 2, 3: -8, -1: 6, -2: x},
		"small RSA":      {1: 3, 3: -257, -1: n[:255], -2: []byte{1, 0, 1}},
		"large RSA":      {1: 3, 3: -257, -1: append([]byte{0x80}, bytes.Repeat([]byte{1}, 1024)...), -2: []byte{1, 0, 1}},
		"even modulus":   {1: 3, 3: -257, -1: append(slices.Clone(n[:255]), 2), -2: []byte{1, 0, 1}},
		"leading zero":   {1: 3, 3: -257, -1: append([]byte{0}, n...), -2: []byte{1, 0, 1}},
		"exponent 3":     {1: 3, 3: -257, -1: n, -2: []byte{3}},
		"even exponent":  {1: 3, 3: -257, -1: n, -2: []byte{1, 0, 2}},
		"large exponent": {1: 3, 3: -257, -1: n, -2: []byte{1, 0, 0, 0, 1}},
		"nothing":        {},
	} {
		if webauthn.CheckKey(cose(t, params)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, b := range map[string][]byte{
		"long integer": append([]byte{0xa5, 0x18, 0x01}, good[2:]...), "trailing": append(slices.Clone(good), 0), "empty": nil,
		"another order": slices.Concat([]byte{0xa5}, good[3:5], good[1:3], good[5:]),
	} {
		if webauthn.CheckKey(b) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := webauthn.CheckKey(cose(t, map[int]any{1: 3, 3: -257, -1: n, -2: []byte{1, 0, 1}})); err != nil {
		t.Error(err)
	}
}

// Whatever is accepted is written back to what is read the same.
func FuzzRegister(f *testing.F) {
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256"} {
		object, client := newDevice(f, algorithm).register(f)
		f.Add(object, client)
	}
	f.Fuzz(func(t *testing.T, object, client []byte) {
		c, err := webauthn.Register(object, client, webauthn.Expect{})
		if err != nil {
			return
		}
		object, client, err = c.Registration()
		if err != nil {
			t.Fatal(err)
		}
		again, err := webauthn.Register(object, client, webauthn.Expect{})
		if err != nil || string(again.ID) != string(c.ID) || string(again.PublicKey) != string(c.PublicKey) || again.Origin != c.Origin ||
			again.RPIDHash != c.RPIDHash || string(again.Challenge) != string(c.Challenge) || again.Count != c.Count ||
			again.BackedUp != c.BackedUp || again.BackupEligible != c.BackupEligible || again.UserVerified != c.UserVerified {
			t.Fatalf("%+v, %+v, %v", c, again, err)
		}
	})
}

// No assertion but that of the device is accepted.
func FuzzVerify(f *testing.F) {
	d := newDevice(f, "EdDSA") // whose signatures have one form
	c := d.credential(f)
	d.count = 2
	challenge := sha256.Sum256([]byte("body"))
	a := d.good(challenge[:])
	f.Add(a.AuthenticatorData, a.ClientDataJSON, a.Signature)
	f.Fuzz(func(t *testing.T, data, client, signature []byte) {
		_, err := webauthn.Verify(webauthn.Assertion{CredentialID: d.id, AuthenticatorData: data, ClientDataJSON: client, Signature: signature}, c,
			webauthn.Expect{Challenge: challenge[:]})
		if same := bytes.Equal(data, a.AuthenticatorData) && bytes.Equal(client, a.ClientDataJSON) && bytes.Equal(signature, a.Signature); (err == nil) != same {
			t.Fatalf("%v", err)
		}
	})
}
