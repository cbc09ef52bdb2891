package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serve serves /metrics on a listener of its own until the context ends. Who may reach it is for the network to say:
// it asks nobody who they are, and shows how busy the system is.
func (t *Telemetry) serve(ctx context.Context, listener net.Listener) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.metrics.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(t.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	t.log.LogAttrs(ctx, slog.LevelInfo, "metrics", slog.String("url", "http://"+listener.Addr().String()+"/metrics"))
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		t.log.LogAttrs(ctx, slog.LevelError, "metrics are not served any more", slog.String("reason", err.Error()))
	}
}
