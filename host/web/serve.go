package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"
)

// stopBudget is how long requests that are on their way may take to end.
const stopBudget = 3 * time.Second

// hostGC lets the host, whose memory is short-lived buffers, collect them less often than Go would.
const hostGC = 400

// Serve serves on a listener until the context ends, and says so once it does: one line on out, "ready URL", for whoever
// waits for it. Without certificate and key, PEM files, it speaks plain HTTP.
func Serve(ctx context.Context, server *http.Server, listener net.Listener, certificate, key string, out io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(hostGC)
	}
	failed := make(chan error, 1)
	scheme := "http"
	if certificate != "" {
		scheme = "https"
		go func() { failed <- server.ServeTLS(listener, certificate, key) }()
	} else {
		go func() { failed <- server.Serve(listener) }()
	}
	fmt.Fprintf(out, "ready %s://%s%s\n", scheme, listener.Addr(), Prefix)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopBudget)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		return server.Close() // connections that say nothing, or never end
	}
	return err
}
