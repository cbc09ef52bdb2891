package telemetry

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// exchange is one HTTP request on its way. It is the writer of its answer, so that the server can say how it ended.
type exchange struct {
	http.ResponseWriter
	t       *Telemetry
	began   time.Time
	status  int
	method  string // of the contract, if the answer named one
	outcome string
}

type exchangeKey struct{}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Failed implements web.Failing: the host answers with an error of its own.
func (x *exchange) Failed(kind string) { x.outcome = x.t.outcomeLabel(kind) }

// Server watches a server's requests.
func (t *Telemetry) Server(s *http.Server) *http.Server {
	if t.on() {
		s.Handler = t.handler(s.Handler)
	}
	return s
}

func (t *Telemetry) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{ResponseWriter: w, t: t, began: time.Now(), outcome: outcomeOK}
		if t.metrics != nil {
			t.metrics.inFlight.Inc()
			defer t.metrics.inFlight.Dec()
		}
		// The sender's own trace context is not taken over: strangers would decide what is traced.
		ctx, span := t.tracer.Start(r.Context(), "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.began))
		r = r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
		next.ServeHTTP(x, r)
		t.ended(x, span, t.methodLabel(x.method, routeLabel(r)))
	})
}

// ended writes down how a request ended.
func (t *Telemetry) ended(x *exchange, span trace.Span, method string) {
	if t.metrics != nil {
		t.metrics.requests.WithLabelValues(method, x.outcome).Inc()
		t.metrics.took.WithLabelValues(method).Observe(time.Since(x.began).Seconds())
	}
	if !span.IsRecording() {
		return
	}
	status := x.status
	if status == 0 {
		status = http.StatusOK
	}
	span.SetAttributes(
		attribute.String("redoubt.method", method), attribute.String("redoubt.outcome", x.outcome),
		attribute.Int("http.response.status_code", status),
	)
	if id := x.Header().Get("X-Request-Id"); id != "" {
		span.SetAttributes(attribute.String("redoubt.request_id", id))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, x.outcome)
	}
	span.End()
}
