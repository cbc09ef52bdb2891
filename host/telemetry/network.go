package telemetry

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/redoubt-kms/redoubt/host/web"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Network watches broadcasts. Which network it was is no label: a caller may name any.
func (t *Telemetry) Network(n web.Network) web.Network {
	if !t.on() {
		return n
	}
	return watchedNetwork{n, t}
}

type watchedNetwork struct {
	web.Network
	t *Telemetry
}

// Submit broadcasts a transaction.
func (n watchedNetwork) Submit(ctx context.Context, s wire.Submission) json.RawMessage {
	ctx, end := n.t.step(ctx, stageBroadcast)
	answer := n.Network.Submit(ctx, s)
	end(nil)
	if m := n.t.metrics; m != nil {
		outcome := "failed"
		if bytes.HasPrefix(answer, []byte(`{"result"`)) {
			outcome = "sent"
		}
		m.broadcasts.WithLabelValues(outcome).Inc()
	}
	return answer
}
