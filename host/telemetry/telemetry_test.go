package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/host/desk"
	"github.com/redoubt-kms/redoubt/host/web"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// engine answers every request alike.
type engine struct {
	answer wire.Answer
	err    error
}

func (e engine) Request(context.Context, wire.Kind, wire.Request) (wire.Answer, error) {
	return e.answer, e.err
}

func (e engine) Attestation(context.Context) (wire.Attestation, error) {
	return wire.Attestation{}, e.err
}
func (e engine) ReadHashes(context.Context, []int64) ([]tlog.Hash, error) { return nil, e.err }

// node answers every broadcast alike.
type node string

func (n node) Submit(context.Context, wire.Submission) json.RawMessage { return json.RawMessage(n) }

func (n node) Simulate(context.Context, wire.Submission) (api.Simulation, error) {
	return api.Simulation{}, nil
}

// watching is telemetry with metrics and traces that stay in memory.
func watching(t testing.TB) (*Telemetry, *tracetest.InMemoryExporter) {
	t.Helper()
	watch, err := Start(t.Context(), Options{Metrics: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	spans := tracetest.NewInMemoryExporter()
	watch.traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	watch.tracer = watch.traces.Tracer("test")
	return watch, spans
}

func (t *Telemetry) front(e engine, n node) http.Handler {
	return t.Server(web.New(t.Desk(e), t.Network(n), web.Limits{}, nil, slog.New(slog.DiscardHandler))).Handler
}

// requests gives the count of each pair of labels.
func (t *Telemetry) requests(test *testing.T) string {
	test.Helper()
	text, err := testutil.CollectAndFormat(t.metrics.requests, expfmt.TypeTextPlain, "redoubt_requests_total")
	if err != nil {
		test.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "redoubt_requests_total"); ok {
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	return strings.Join(lines, "; ")
}

// TestLabelsAreAClosedSet: not even a policy engine that is not itself makes a label.
func TestLabelsAreAClosedSet(t *testing.T) {
	for _, tc := range []struct {
		name   string
		path   string
		answer wire.Answer
		err    error
		want   string
	}{
		{"known", "/kms/rpc", wire.Answer{Status: 200, Result: []byte("{}"), Method: "getAccounts"}, nil, `{method="getAccounts",outcome="ok"} 1`},
		{"invented method", "/kms/rpc", wire.Answer{Status: 200, Result: []byte("{}"), Method: "wallet-123"}, nil, `{method="unknown",outcome="ok"} 1`},
		{"no method", "/kms/rpc", wire.Answer{Status: 400, Result: []byte(`{"type":"unknown-method"}`)}, nil, `{method="unknown",outcome="unknown-method"} 1`},
		{"invented outcome", "/kms/rpc", wire.Answer{Status: 400, Result: []byte(`{"type":"wallet-123"}`)}, nil, `{method="unknown",outcome="other"} 1`},
		{"outcome that is called ok", "/kms/rpc", wire.Answer{Status: 400, Result: []byte(`{"type":"ok"}`)}, nil, `{method="unknown",outcome="other"} 1`},
		{"not JSON", "/kms/rpc", wire.Answer{Status: 500, Result: []byte(`wallet-123`)}, nil, `{method="unknown",outcome="other"} 1`},
		{"prepare", "/prepare", wire.Answer{Status: 200, Result: []byte("{}"), Method: "prepare"}, nil, `{method="prepare",outcome="ok"} 1`},
		{"no engine", "/kms/rpc", wire.Answer{}, errors.New("wallet-123"), `{method="unknown",outcome="unavailable"} 1`},
		{"no path", "/kms/wallet-123", wire.Answer{}, nil, `{method="none",outcome="no-such-route"} 1`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			watch, spans := watching(t)
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, web.Prefix+tc.path, strings.NewReader("wallet-123"))
			watch.front(engine{tc.answer, tc.err}, "").ServeHTTP(w, r)
			if got := watch.requests(t); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			told, err := json.Marshal(spans.GetSpans())
			if err != nil || strings.Contains(string(told), "wallet-123") {
				t.Errorf("the trace tells what was sent: %s %v", told, err)
			}
		})
	}
}

// TestEveryRouteHasALabel: each route of the server, and what is no call at all.
func TestEveryRouteHasALabel(t *testing.T) {
	for route, want := range map[string]string{
		"GET /healthz": "healthz", "GET /attestation": "attestation", "GET /log/checkpoint": "checkpoint", "GET /log/tile/0/000": "tile",
		"OPTIONS /kms/rpc": "none", "GET /kms/rpc": "none", "POST /kms/rpc": "unknown", "POST /prepare": "prepare",
	} {
		watch, _ := watching(t)
		method, path, _ := strings.Cut(route, " ")
		r := httptest.NewRequest(method, web.Prefix+path, nil)
		r.Header.Set("Access-Control-Request-Method", "POST")
		watch.front(engine{err: errors.New("none")}, "").ServeHTTP(httptest.NewRecorder(), r)
		if got := watch.requests(t); !strings.HasPrefix(got, `{method="`+want+`",`) {
			t.Errorf("%s: %s", route, got)
		}
	}
}

// brokenStore fails every call.
type brokenStore struct{ desk.Store }

var errDisk = errors.New("disk is full")

func (brokenStore) Append(context.Context, wire.Commit) error           { return errDisk }
func (brokenStore) Records(context.Context, [][]byte) ([][]byte, error) { return nil, errDisk }

func (brokenStore) Commits(context.Context, uint64, int) ([]wire.Commit, error) { return nil, errDisk }

func (brokenStore) Hashes(context.Context, []int64) ([]tlog.Hash, error) { return nil, errDisk }

func (brokenStore) Index(context.Context, []byte, int) (uint64, []wire.IndexItem, error) {
	return 0, nil, errDisk
}

// TestStoreErrorsAreCounted, and handed on as they are.
func TestStoreErrorsAreCounted(t *testing.T) {
	watch, _ := watching(t)
	s := watch.Store(brokenStore{})
	ctx := t.Context()
	_, recordsErr := s.Records(ctx, nil)
	_, _, indexErr := s.Index(ctx, nil, 1)
	_, commitsErr := s.Commits(ctx, 1, 1)
	_, hashesErr := s.Hashes(ctx, nil)
	for stage, err := range map[string]error{
		stageCommit: s.Append(ctx, wire.Commit{}), stageRecords: recordsErr, stageIndex: indexErr, stageCommits: commitsErr, stageHashes: hashesErr,
	} {
		if !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", stage, err)
		}
		if n := testutil.ToFloat64(watch.metrics.storeErrors.WithLabelValues(stage)); n != 1 {
			t.Errorf("%s: %v errors", stage, n)
		}
	}
	if n := testutil.CollectAndCount(watch.metrics.entries); n != 1 || watch.size != 0 {
		t.Errorf("a commit that was not stored is counted: %d", watch.size)
	}
}

// TestOffChangesNothing: without options, the parts are handed back as they came.
func TestOffChangesNothing(t *testing.T) {
	watch, err := Start(t.Context(), Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NewServeMux()} //nolint:gosec // it does not serve
	before := server.Handler
	if watch.Server(server).Handler != before || watch.Desk(engine{}) == nil || watch.Store(nil) != nil || watch.Network(node("x")) != node("x") {
		t.Error("something is in between")
	}
	watch.Opened(wire.Ready{}, nil)
	watch.Close()
}

// TestTracesAreAskedFor: the standard environment, and what a configuration may name.
func TestTracesAreAskedFor(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"OTEL_SERVICE_NAME": "x"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x:4318"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318", "OTEL_SDK_DISABLED": "true"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318", "OTEL_TRACES_EXPORTER": "none"}, false},
	} {
		if got := wanted(func(name string) string { return tc.env[name] }); got != tc.want {
			t.Errorf("%v: %v", tc.env, got)
		}
	}
	for _, wrong := range []string{"collector:4318", "ftp://x", "http://", "http://user:password@x", "://"} {
		_, err := Start(t.Context(), Options{Traces: wrong}, slog.New(slog.DiscardHandler))
		if err == nil || strings.Contains(err.Error(), "password@") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := Start(t.Context(), Options{Metrics: "nowhere"}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an address that is none is taken")
	}
}

// TestBroadcastOutcome: a node's words become no label.
func TestBroadcastOutcome(t *testing.T) {
	watch, _ := watching(t)
	for answer, want := range map[string]string{`{"result":"0x1"}`: "sent", `{"error":{"code":1,"message":"result"}}`: "failed"} {
		got := watch.Network(node(answer)).Submit(t.Context(), wire.Submission{Chain: "eip155", Network: "123456"})
		if diff := cmp.Diff(answer, string(got)); diff != "" {
			t.Error(diff)
		}
		if n := testutil.ToFloat64(watch.metrics.broadcasts.WithLabelValues(want)); n != 1 {
			t.Errorf("%s: %v", want, n)
		}
	}
}

// TestCommitOfARepeatedRequest: a commit from before the request is no part of its trace.
func TestCommitOfARepeatedRequest(t *testing.T) {
	watch, spans := watching(t)
	head, err := proof.Encode(proof.Head{Version: 1, Size: 7})
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 64)
	receipts, err := proof.SignResults(key, []proof.Result{{Version: 1, Logged: true, LogIndex: 6}})
	if err != nil {
		t.Fatal(err)
	}
	header, err := receipts[0].Header()
	if err != nil {
		t.Fatal(err)
	}
	answer := wire.Answer{Status: 200, Result: []byte("{}"), Receipt: header, Method: string(api.GetAccounts)}
	watch.Opened(wire.Ready{Size: 5}, enclavesOf{})
	store := watch.Store(okStore{})
	during := committing{engine{answer: answer}, func() {
		if err := store.Append(t.Context(), wire.Commit{Head: head}); err != nil {
			t.Error(err)
		}
	}}
	for i, want := range []int{1, 0} {
		spans.Reset()
		if i == 1 {
			during.do = func() {}
		}
		front := watch.Server(web.New(watch.Desk(during), nil, web.Limits{}, nil, slog.New(slog.DiscardHandler))).Handler
		front.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, web.Prefix+"/kms/rpc", strings.NewReader("{}")))
		n := 0
		for _, s := range spans.GetSpans() {
			if s.Name == stageCommit {
				n++
			}
		}
		if n != want {
			t.Errorf("request %d: %d commits in its trace, want %d", i, n, want)
		}
	}
}

type okStore struct{ desk.Store }

func (okStore) Append(context.Context, wire.Commit) error { return nil }

type enclavesOf struct{}

func (enclavesOf) Counters(context.Context) (wire.PolicyCounters, error) {
	return wire.PolicyCounters{}, errors.New("none")
}

// committing is a policy engine that has something stored while it answers.
type committing struct {
	engine
	do func()
}

func (c committing) Request(context.Context, wire.Kind, wire.Request) (wire.Answer, error) {
	c.do()
	return c.answer, nil
}

// BenchmarkRequest is the host's own part of a request, with a policy engine that answers at once: off, with metrics,
// and with metrics and a trace of every request.
func BenchmarkRequest(b *testing.B) {
	e := engine{answer: wire.Answer{Status: 200, Result: bytes.Repeat([]byte("1"), 300), Method: string(api.SignUtf8Message), RequestID: "id"}}
	body := strings.Repeat(" ", 500)
	for _, c := range []struct {
		name            string
		metrics, traces bool
	}{{"off", false, false}, {"metrics", true, false}, {"metrics and traces", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			o := Options{}
			if c.metrics {
				o.Metrics = "127.0.0.1:0"
			}
			watch, err := Start(b.Context(), o, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			if c.traces {
				watch.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()))
				watch.tracer = watch.traces.Tracer("bench")
				defer watch.Close()
			}
			front := watch.front(e, "")
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				front.ServeHTTP(w, httptest.NewRequest(http.MethodPost, web.Prefix+"/kms/rpc", io.NopCloser(strings.NewReader(body))))
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
