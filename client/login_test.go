package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/client"
)

// script is a server's logins that answer a program's questions one after the other.
type script struct {
	*httptest.Server
	mu      sync.Mutex
	answers []string
	asked   []time.Time
}

func newScript(t *testing.T, answers ...string) *script {
	s := &script{answers: answers}
	mux := http.NewServeMux()
	write := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(text)) }
	}
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, time.Now())
		write(http.StatusBadRequest, `{"error":"`+s.answers[0]+`"}`)(w, nil)
		s.answers = s.answers[1:]
	})
	mux.HandleFunc("POST /register", write(http.StatusCreated, `{"client_id":"program"}`))
	mux.HandleFunc("POST /device", write(http.StatusOK, `{"device_code":"d","user_code":"BCDF-GHJK","verification_uri":"http://localhost/d","expires_in":60,"interval":1}`))
	s.Server = httptest.NewServer(mux)
	mux.HandleFunc("GET /.well-known/openid-configuration", write(http.StatusOK,
		`{"token_endpoint":"`+s.URL+`/token","registration_endpoint":"`+s.URL+`/register","device_authorization_endpoint":"`+s.URL+`/device"}`))
	t.Cleanup(s.Close)
	return s
}

// A program asks as slowly as it is told to, and says how a login ended (RFC 8628, 3.5).
func TestWaitForLogin(t *testing.T) {
	for _, c := range []struct {
		answers []string
		want    error
		least   []time.Duration // between two questions
	}{
		{[]string{"authorization_pending", "slow_down", "expired_token"}, client.ErrLoginExpired, []time.Duration{time.Second, 6 * time.Second}},
		{[]string{"authorization_pending", "access_denied"}, client.ErrLoginDenied, []time.Duration{time.Second}},
		{[]string{"invalid_grant"}, nil, nil},
	} {
		t.Run(c.answers[len(c.answers)-1], func(t *testing.T) {
			t.Parallel()
			s := newScript(t, slices.Clone(c.answers)...)
			p, err := client.BeginLogin(t.Context(), s.URL+"/v1/wallets", "program", "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Wait(t.Context())
			var refused *client.OAuthError
			if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &refused) {
				t.Errorf("%v", err)
			}
			for i, least := range c.least {
				if got := s.asked[i+1].Sub(s.asked[i]); got < least {
					t.Errorf("question %d comes %s after the one before, want %s", i+1, got, least)
				}
			}
			if len(s.answers) != 0 {
				t.Errorf("not asked: %v", s.answers)
			}
		})
	}
}
