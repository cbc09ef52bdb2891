package e2e_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/stamp"
)

// gathered is an OpenTelemetry collector that keeps what it is sent.
type gathered struct {
	mu    sync.Mutex
	spans []*otlp.Span
	text  strings.Builder // all that was sent, to look for what must not be in it
}

// ServeHTTP takes an export over OTLP/HTTP.
func (g *gathered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	b, err := io.ReadAll(body)
	var export collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(b, &export) != nil {
		http.Error(w, "not an export", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.text.WriteString(export.String())
	for _, resource := range export.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			g.spans = append(g.spans, scope.Spans...)
		}
	}
}

// trace returns the spans of the request with an id, by name, once its root has arrived.
func (g *gathered) trace(t *testing.T, requestID string) map[string]*otlp.Span {
	t.Helper()
	found := map[string]*otlp.Span{}
	eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, root := range g.spans {
			if attribute(root, "redoubt.request_id") != requestID {
				continue
			}
			for _, s := range g.spans {
				if string(s.TraceId) == string(root.TraceId) {
					found[s.Name] = s
				}
			}
			return true
		}
		return false
	})
	return found
}

func attribute(s *otlp.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			if text := a.Value.GetStringValue(); text != "" {
				return text
			}
			return fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return ""
}

// parents names each span's parent.
func parents(spans map[string]*otlp.Span) map[string]string {
	names := map[string]string{"": ""}
	for name, s := range spans {
		names[string(s.SpanId)] = name
	}
	all := map[string]string{}
	for name, s := range spans {
		all[name] = names[string(s.ParentSpanId)]
	}
	return all
}

// TestTraces: one request from the door to the node and back, as a collector sees it, and nothing of what is in it.
func TestTraces(t *testing.T) {
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":"0xabcdef"}`))
	}))
	defer node.Close()
	g := &gathered{}
	c := httptest.NewServer(g)
	defer c.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	s := start(t, filepath.Join(t.TempDir(), "data"), "--rpc", "ethereum/sepolia="+node.URL)
	o := newTenant(t, s)

	b := body("signTransaction", o.evmSend("0"), time.Now())
	status, answer, header, err := s.post("/kms/rpc", b, stamp.SignEd25519(o.root.private, b))
	if err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, answer, err)
	}
	spans := g.trace(t, header.Get("X-Request-Id"))
	want := map[string]string{"request": "", "read": "request", "policy": "request", "broadcast": "request", "commit": "policy"}
	if diff := cmp.Diff(want, parents(spans)); diff != "" {
		t.Fatal(diff)
	}
	root := spans["request"]
	if attribute(root, "redoubt.method") != "signTransaction" || attribute(root, "redoubt.outcome") != "ok" ||
		attribute(root, "http.response.status_code") != "200" || attribute(spans["commit"], "redoubt.commit.entries") != "1" {
		t.Errorf("%v %v", root, spans["commit"])
	}
	for name, span := range spans {
		outer := spans[want[name]]
		if outer != nil && (span.StartTimeUnixNano < outer.StartTimeUnixNano || span.EndTimeUnixNano > outer.EndTimeUnixNano) {
			t.Errorf("%s is not within %s", name, want[name])
		}
	}

	// A stranger's trace is not ours.
	status, raw, err := s.raw(strings.NewReader(hostileName), func(r *http.Request) {
		r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		r.Header.Set("Tracestate", "evil=1")
		r.Header.Set("Baggage", "evil=1")
	})
	if err != nil || status != 400 {
		t.Errorf("%d %s %v", status, raw, err)
	}
	denied := newKey(s).call(t, "getOrganization", object{"organizationId": o.id})
	if denied.kind != api.TypeUnauthenticated {
		t.Errorf("%s", denied.raw)
	}
	if s.stop(t) != 0 { // the last spans are sent before it ends
		t.Errorf("%s", s.log)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	outcomes := map[string]int{}
	for _, span := range g.spans {
		if span.Name == "request" {
			outcomes[attribute(span, "redoubt.method")+" "+attribute(span, "redoubt.outcome")]++
		}
	}
	if diff := cmp.Diff(map[string]int{
		"createOrganization ok": 1, "createWallet ok": 1, "signTransaction ok": 1, "unknown malformed-request": 1, "getOrganization unauthenticated": 1,
	}, outcomes); diff != "" {
		t.Error(diff)
	}
	text := g.text.String()
	for _, secret := range []string{o.id, o.wallet, o.root.public(), "evil", "admin", "0xabcdef", "dEaD", "4bf92f35", "K\\xf9/5", "Stamp", node.URL} {
		if strings.Contains(text, secret) {
			t.Errorf("the traces tell %q", secret)
		}
	}
	for _, span := range g.spans {
		if fmt.Sprintf("%x", span.TraceId) == "4bf92f3577b34da6a3ce929d0e0e4736" || span.TraceState != "" {
			t.Error("a stranger's trace was taken over")
		}
	}
}

// TestTracesWithoutCollector: a collector that is gone costs nothing but a line in the log.
func TestTracesWithoutCollector(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	s := start(t, filepath.Join(t.TempDir(), "data"))
	o := newTenant(t, s)
	o.sign(t, "x")
	eventually(t, func() bool { return strings.Contains(s.log.String(), "traces were not delivered") })
	o.sign(t, "y")
	if s.stop(t) != 0 {
		t.Errorf("%s", s.log)
	}
}
