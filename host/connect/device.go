package connect

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// device is a login that a program without a browser asks for (RFC 8628), under the hash of its device code.
type device struct {
	ClientID   string      `json:"clientId"`
	Nonce      string      `json:"nonce"` // of the program's session key
	UserCode   string      `json:"userCode"`
	State      deviceState `json:"state"`
	Session    []byte      `json:"session"`
	IntervalMs int64       `json:"intervalMs"`
	PolledMs   int64       `json:"polledMs"` // when it was last asked for
	ExpiresMs  int64       `json:"expiresMs"`
}

// deviceState says what the person decided.
type deviceState string

const (
	devicePending  deviceState = "pending"
	deviceApproved deviceState = "approved"
	deviceDenied   deviceState = "denied"
)

const (
	deviceLife     = 10 * time.Minute
	deviceKept     = 10 * time.Minute // longer, so that the program hears that it expired
	deviceInterval = 5 * time.Second
)

// userLetters are those of user codes: no vowels, so no words, and none that look alike (RFC 8628, 6.1).
const userLetters = "BCDFGHJKLMNPQRSTVWXZ"

const userCodeLen = 8 // 34 bits

// newUserCode makes a user code, as it is shown.
func newUserCode() (string, error) {
	var b strings.Builder
	for i := range userCodeLen {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(userLetters))))
		if err != nil {
			return "", err
		}
		if i == userCodeLen/2 {
			b.WriteByte('-')
		}
		b.WriteByte(userLetters[n.Int64()])
	}
	return b.String(), nil
}

// plainUserCode returns a user code as it is kept, whatever a person made of case, dashes and spaces.
func plainUserCode(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	code := strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(strings.TrimSpace(typed)))
	if len(code) != userCodeLen || strings.Trim(code, userLetters) != "" {
		return "", false
	}
	return code, true
}

// deviceAuth serves POST /oauth2/device/auth (RFC 8628, 3.1). The parameter nonce names the session key that the login is for.
func (c *Connect) deviceAuth(w http.ResponseWriter, r *http.Request) error {
	if err := c.may(r, actDevice); err != nil {
		return err
	}
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	client, err := c.client(r, f)
	if err != nil {
		return err
	}
	if len(client.RedirectURIs) > 0 { // else whoever knows its id could ask in its name, and get the tokens
		return refuse(unauthorizedClient, "this app gets its answers at its redirect_uris; programs that use device codes are registered without any")
	}
	if err := f.need("nonce"); err != nil {
		return err
	}
	if !isHash(f["nonce"]) {
		return refuse(invalidRequest, "nonce: want base64url(SHA-256(public key)) of the session key")
	}
	for _, s := range strings.Fields(f["scope"]) {
		if s != "openid" && s != "offline_access" {
			return refuse(invalidScope, "scope: want "+scope)
		}
	}
	shown, err := newUserCode()
	if err != nil {
		return err
	}
	plain, _ := plainUserCode(shown)
	secret, now := random(32), c.Now()
	expires := now.Add(deviceLife)
	d := device{
		ClientID: client.ClientID, Nonce: f["nonce"], UserCode: plain, State: devicePending,
		IntervalMs: deviceInterval.Milliseconds(), ExpiresMs: expires.UnixMilli(),
	}
	if err := c.add(r.Context(), shelf.UserCodes, digest(plain), digest(secret), expires); err != nil {
		return err // two of 2^34 that are alive at once are the same: the program asks again
	}
	if err := c.add(r.Context(), shelf.Devices, digest(secret), d, expires.Add(deviceKept)); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"device_code": secret, "user_code": shown, "verification_uri": c.Origin + "/device-connect",
		"verification_uri_complete": withQuery(c.Origin+"/device-connect", "user_code", shown),
		"expires_in":                int(deviceLife.Seconds()), "interval": int(deviceInterval.Seconds()),
	})
	return nil
}

// pollDevice serves the grant of a device code.
func (c *Connect) pollDevice(ctx context.Context, client App, f form) (tokens, error) {
	if err := f.need("device_code"); err != nil {
		return tokens{}, err
	}
	known, err := load[device](ctx, c, shelf.Devices, digest(f["device_code"]))
	if errors.Is(err, shelf.ErrNone) || err == nil && known.value.ClientID != client.ClientID {
		return tokens{}, refuse(invalidGrant, "the device code is not known or was used; start again")
	}
	if err != nil {
		return tokens{}, err
	}
	d, now := &known.value, c.Now()
	switch {
	case d.State == deviceDenied:
		return tokens{}, refuse(accessDenied, "the person did not allow it")
	case now.UnixMilli() >= d.ExpiresMs:
		return tokens{}, refuse(expiredToken, "nobody allowed it in time; start again")
	case d.State == deviceApproved:
		return c.redeemDevice(ctx, known)
	}
	answer := refuse(authorizationPending, "the person has not decided yet")
	if d.PolledMs != 0 && now.UnixMilli()-d.PolledMs < d.IntervalMs {
		d.IntervalMs += deviceInterval.Milliseconds() // RFC 8628, 3.5
		answer = refuse(slowDown, "asked too soon; wait five seconds longer from now on")
	}
	d.PolledMs = now.UnixMilli()
	if err := swap(ctx, c, known); err != nil && !errors.Is(err, shelf.ErrChanged) {
		return tokens{}, err
	}
	return tokens{}, answer
}

// redeemDevice makes the tokens of a device that the person allowed, once.
func (c *Connect) redeemDevice(ctx context.Context, known record[device]) (tokens, error) {
	made, err := c.mint(ctx, known.value.Session) // before the code is spent
	if err != nil {
		return tokens{}, err
	}
	if _, err := take[device](ctx, c, shelf.Devices, known.row.Key); err != nil {
		if errors.Is(err, shelf.ErrNone) {
			return tokens{}, refuse(invalidGrant, "the device code was used")
		}
		return tokens{}, err
	}
	refresh, err := c.newFamily(ctx, random(16), known.value.ClientID, "", known.value.Session, made.SessionEnds)
	if err != nil {
		return tokens{}, err
	}
	return c.answer(made, refresh), nil
}

// deviceOf finds the device whose code a person typed.
func (c *Connect) deviceOf(ctx context.Context, typed string) (record[device], error) {
	none := refuse(invalidRequest, "this code is not known or has expired; look at it again, or start again where you got it")
	plain, ok := plainUserCode(typed)
	if !ok {
		return record[device]{}, refuse(invalidRequest, "a code has eight letters, like BCDF-GHJK")
	}
	key, err := load[string](ctx, c, shelf.UserCodes, digest(plain))
	if errors.Is(err, shelf.ErrNone) {
		return record[device]{}, none
	}
	if err != nil {
		return record[device]{}, err
	}
	return c.pending(ctx, key.value, none)
}

// pending returns a device that still waits for its person.
func (c *Connect) pending(ctx context.Context, key string, otherwise error) (record[device], error) {
	d, err := load[device](ctx, c, shelf.Devices, key)
	if errors.Is(err, shelf.ErrNone) || err == nil && (d.value.State != devicePending || c.Now().UnixMilli() >= d.value.ExpiresMs) {
		return d, otherwise
	}
	return d, err
}

// decide writes what the person decided, once; a poll in between changes nothing about that.
func (c *Connect) decide(ctx context.Context, key string, state deviceState, session []byte) error {
	gone := refuse(invalidRequest, "this login was decided already or has expired; start again where you got the code")
	for {
		d, err := c.pending(ctx, key, gone)
		if err != nil {
			return err
		}
		d.value.State, d.value.Session = state, session
		if err = swap(ctx, c, d); errors.Is(err, shelf.ErrChanged) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = c.Shelf.Take(ctx, shelf.UserCodes, digest(d.value.UserCode), c.Now())
		if errors.Is(err, shelf.ErrNone) {
			return nil
		}
		return err
	}
}
