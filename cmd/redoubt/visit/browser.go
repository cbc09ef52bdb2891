// Package visit logs people in as a browser does, without one: the person with a passkey in software, who goes through the
// pages of Connect, and the app that they let in. Measurements and tests use it; what it keeps is gone with it.
package visit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"time"

	"github.com/redoubt-kms/redoubt/api"
)

// browser sends what pages send, and keeps cookies.
type browser struct {
	origin string // of Connect
	client *http.Client
	waited time.Duration // how long the server took for all answers together
}

// timeout is how long one answer may take.
const timeout = 30 * time.Second

func newBrowser(origin string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{origin: origin, client: &http.Client{Jar: jar, Timeout: timeout, CheckRedirect: stay}}, nil
}

// page opens a page and returns its HTML.
func (b *browser) page(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.origin+path, nil)
	if err != nil {
		return nil, err
	}
	return b.do(r)
}

// post sends JSON as a page does, with a stamp if there is one, and reads the answer.
func (b *browser) post(ctx context.Context, path, stamped string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.origin+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", b.origin)
	if stamped != "" {
		r.Header.Set(api.HeaderStamp, stamped)
	}
	answer, err := b.do(r)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// ask is post of a value, without a stamp.
func (b *browser) ask(ctx context.Context, path string, value, into any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.post(ctx, path, "", body, into)
}

func (b *browser) do(r *http.Request) ([]byte, error) {
	began := time.Now()
	answer, err := b.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	b.waited += time.Since(began)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: status %d: %.300s", r.URL.Path, answer.StatusCode, body)
	}
	return body, err
}

// dataset reads the data attributes of a page, by which the server tells its script what it is about.
func dataset(page []byte) map[string]string {
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`\sdata-([a-z]+)="([^"]*)"`).FindAllSubmatch(page, -1) {
		all[string(m[1])] = html.UnescapeString(string(m[2]))
	}
	return all
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
