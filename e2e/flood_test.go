package e2e_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/stamp"
)

// from makes a client that sends from an address of the loopback network.
func from(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// X7: strangers send bad stamps, each another one, from a few addresses. Only as many as the bound allows reach the policy
// engine; the others are told to wait. An honest caller elsewhere is served all the while.
func TestBadStampsAreShed(t *testing.T) {
	const rate, addresses, workers = 50, 4, 4
	total := scale(6_000, 100_000)
	s := start(t, filepath.Join(t.TempDir(), "data"), "--bad-stamps", fmt.Sprint(rate), "--metrics-addr", "127.0.0.1:0")
	o := newTenant(t, s)
	stranger, began := newKey(s), time.Now()
	var sent, told, verified atomic.Int64
	var all sync.WaitGroup
	for n := range addresses {
		client := from(t, fmt.Sprintf("127.0.0.%d", 10+n))
		for range workers {
			all.Go(func() {
				for sent.Add(1) <= int64(total) && !t.Failed() {
					status, wait := badStamp(t, client, s.url, stranger)
					switch {
					case status == 401:
						verified.Add(1)
					case status == 429 && wait != "":
						told.Add(1)
					default:
						t.Errorf("a bad stamp: %d, Retry-After %q", status, wait)
					}
				}
			})
		}
	}
	flooded := make(chan struct{})
	go func() { all.Wait(); close(flooded) }()
	honest, served := 0, 0
	for over := false; !over || honest < 100; honest++ {
		a, err := o.root.send(body("signUtf8Message", o.signParams(fmt.Sprint("honest ", honest)), time.Now()))
		if err == nil && a.status == 200 {
			served++
		}
		select {
		case <-flooded:
			over = true
		default:
		}
	}
	most := int64(addresses * (rate*(6+int(time.Since(began).Seconds())) + workers))
	if v := verified.Load(); v > most || v < addresses*rate || told.Load() == 0 {
		t.Errorf("%d bad stamps were verified, at most %d should be; %d were told to wait", v, most, told.Load())
	}
	if served*100 < honest*99 {
		t.Errorf("%d of %d honest requests were served", served, honest)
	}
	after, _ := s.scrape(t)
	const setUp = 2 // requests that made the tenant
	if asked := after["count redoubt_stage_seconds{stage=policy}"]; asked != float64(setUp+int64(honest)+verified.Load()) {
		t.Errorf("the policy engine was asked %v times, for %d honest requests and %d bad stamps", asked, honest, verified.Load())
	}
	t.Logf("%d bad stamps in %v: %d verified, %d told to wait; %d of %d honest requests served", total, time.Since(began).Round(time.Millisecond), verified.Load(), told.Load(), served, honest)
}

// badStamp sends a request with a stamp that is well-formed, and wrong.
func badStamp(t *testing.T, client *http.Client, url string, k *key) (int, string) {
	b := body("getOrganization", object{"organizationId": k.public()}, time.Now())
	signature := make([]byte, ed25519.SignatureSize)
	_, _ = rand.Read(signature)
	signature[63] = 0 // else it is refused for its form
	good, err := stamp.Parse(stamp.SignEd25519(k.private, b))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	good.Signature = signature
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"/kms/rpc", bytes.NewReader(b))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	request.Header.Set("X-Phantom-Stamp", good.Encode())
	response, err := client.Do(request)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header.Get("Retry-After")
}

// X2: callers that send their headers or bodies a byte at a time, or ask and never read. Honest requests are answered, the
// slow ones are put out, and no descriptor stays behind. With REDOUBT_ACCEPTANCE=full also: the p99 of honest requests is
// below twice what it is without, as medians over slices that take turns.
func TestSlowCallers(t *testing.T) {
	connections, slices := scale(400, 4_000), scale(1, 5)
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	var calm, besieged []float64
	before := descriptors(t, s)
	for n := range slices {
		calm = append(calm, o.p99(t, fmt.Sprint("calm ", n)))
		lift := besiege(t, s, connections)
		besieged = append(besieged, o.p99(t, fmt.Sprint("besieged ", n)))
		most := descriptors(t, s)
		lift()
		if most > before+connections+100 {
			t.Errorf("%d descriptors for %d connections", most, connections)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); descriptors(t, s) > before+64; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, before it were %d", descriptors(t, s), before)
		}
	}
	was, is := middle(calm), middle(besieged)
	t.Logf("%d slow connections: p99 of honest requests %.2f ms, without them %.2f ms", connections, is, was)
	if scale(0, 1) == 1 && is > 2*was {
		t.Errorf("p99 of honest requests is %.2f ms, without slow callers %.2f ms", is, was)
	}
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// p99 signs for a while, one request after the other on a few connections, and returns milliseconds. All must succeed.
func (o *tenant) p99(t *testing.T, name string) float64 {
	t.Helper()
	var mu sync.Mutex
	var took []float64
	parallel(t, 4, scale(300, 2_000), func(n int) error {
		began := time.Now()
		a, err := o.root.send(body("signUtf8Message", o.signParams(fmt.Sprint(name, " ", n)), time.Now()))
		if err != nil || a.status != 200 {
			return fmt.Errorf("an honest request: %d %s %w", a.status, a.raw, err)
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		return nil
	})
	slices.Sort(took)
	return took[len(took)*99/100]
}

func descriptors(t *testing.T, s *server) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// besiege keeps so many slow connections busy until the function that it returns is called: one that the server ends is
// opened anew.
func besiege(t *testing.T, s *server, connections int) func() {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	address := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/v1/wallets")
	var all sync.WaitGroup
	var open atomic.Int64
	for n := range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				crawl(ctx, address, n%3, &open)
			}
		})
	}
	for deadline := time.Now().Add(20 * time.Second); open.Load() < int64(connections)*9/10; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("only %d of %d slow connections are open", open.Load(), connections)
			break
		}
	}
	time.Sleep(time.Second) // opening them is over
	return func() { stop(); all.Wait() }
}

// crawl is one slow connection, in one of three manners.
func crawl(ctx context.Context, address string, manner int, open *atomic.Int64) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return
	}
	defer conn.Close()
	open.Add(1)
	defer open.Add(-1)
	post := "POST /v1/wallets/kms/rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
	text := []byte("GET /v1/wallets/healthz HTTP/1.1\r\nX-Slow: " + strings.Repeat("a", 1000))
	switch manner {
	case 1: // a slow body
		if _, err := conn.Write([]byte(post)); err != nil {
			return
		}
		text = bytes.Repeat([]byte(" "), 1000)
	case 2: // asks much and reads nothing
		_ = conn.(*net.TCPConn).SetReadBuffer(1 << 10)
		text = bytes.Repeat([]byte("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), 50)
		if _, err := conn.Write(text); err != nil {
			return
		}
		text = bytes.Repeat([]byte("GET "), 250)
	}
	for _, b := range text {
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
	}
}
