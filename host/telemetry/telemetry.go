// Package telemetry shows operators how the system fares: metrics that Prometheus reads, and traces that are pushed to
// an OpenTelemetry collector. It stands around the parts of the host (requests, the policy engine, the store, the
// networks) and changes nothing in what they do. Neither metrics nor traces name users, wallets or addresses: every label
// is from a closed set, whatever a stranger sends. A trace holds the request's own id, which its sender was told.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Options say what is shown. The zero value shows nothing and costs nothing.
type Options struct {
	Metrics string // host:port of /metrics
	Traces  string // URL of an OpenTelemetry collector; when empty, the standard environment may name one
}

// Telemetry watches one host.
type Telemetry struct {
	metrics *metrics // nil when there are none
	methods map[string]bool
	types   map[string]bool
	traces  *sdktrace.TracerProvider
	tracer  trace.Tracer
	log     *slog.Logger

	mu      sync.Mutex
	size    uint64      // of the log, after the newest commit
	commits [128]stored // the newest commits, for the traces of the requests in them
	next    int         // where the next one goes
}

// stored is a commit that was stored: the entries from first on, up to but without end.
type stored struct {
	first, end   uint64
	began, ended time.Time
}

// Start shows what the options ask for, until the context ends and Close is called.
func Start(ctx context.Context, o Options, log *slog.Logger) (*Telemetry, error) {
	t := &Telemetry{tracer: noop.NewTracerProvider().Tracer(""), log: log, methods: map[string]bool{}, types: map[string]bool{}}
	for _, m := range api.Methods() {
		t.methods[string(m)] = true
	}
	for _, kind := range api.Types() {
		t.types[kind] = true
	}
	if o.Metrics != "" {
		listener, err := net.Listen("tcp", o.Metrics)
		if err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
		t.metrics = newMetrics()
		go t.serve(ctx, listener)
	}
	provider, err := newProvider(ctx, o.Traces, log)
	if err != nil {
		return nil, err
	}
	if provider != nil {
		t.traces, t.tracer = provider, provider.Tracer("github.com/redoubt-kms/redoubt/host")
	}
	return t, nil
}

// closeBudget is how long the last traces may take to arrive.
const closeBudget = 2 * time.Second

// Close sends what is still to be sent.
func (t *Telemetry) Close() {
	if t.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeBudget)
	defer cancel()
	if err := t.traces.Shutdown(ctx); err != nil {
		t.log.LogAttrs(ctx, slog.LevelWarn, "the last traces were not delivered", slog.String("reason", err.Error()))
	}
}

// on says that there is anything to watch for.
func (t *Telemetry) on() bool { return t.metrics != nil || t.traces != nil }

// Opened notes from where the log grows, and whom to ask what the enclaves count.
func (t *Telemetry) Opened(ready wire.Ready, source Counters) {
	if t.metrics != nil {
		t.metrics.registry.MustRegister(enclaves{source})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = ready.Size
}

// step begins a step of a request or of the store, and returns how to end it.
func (t *Telemetry) step(ctx context.Context, name string) (context.Context, func(error)) {
	began := time.Now()
	ctx, span := t.tracer.Start(ctx, name)
	return ctx, func(err error) {
		if t.metrics != nil {
			t.metrics.stages.WithLabelValues(name).Observe(time.Since(began).Seconds())
		}
		if err != nil {
			span.SetStatus(codes.Error, "failed") // the reason is in the log; a collector is told less
		}
		span.End()
	}
}

// past records a step that is over already.
func (t *Telemetry) past(ctx context.Context, name string, began, ended time.Time, what ...attribute.KeyValue) {
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithAttributes(what...))
	span.End(trace.WithTimestamp(ended))
}
