package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/redoubt-kms/redoubt/host/web"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// Desk watches the way to the policy engine.
func (t *Telemetry) Desk(d web.Desk) web.Desk {
	if !t.on() {
		return d
	}
	return watchedDesk{d, t}
}

type watchedDesk struct {
	web.Desk
	t *Telemetry
}

// Request takes a request to the policy engine: when it gets here, it has been read.
func (d watchedDesk) Request(ctx context.Context, kind wire.Kind, r wire.Request) (wire.Answer, error) {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	arrived := time.Now()
	if x != nil {
		d.t.read(ctx, x.began, arrived)
	}
	asking, end := d.t.step(ctx, stagePolicy)
	answer, err := d.Desk.Request(asking, kind, r)
	if err == nil {
		d.t.commitOf(asking, answer, arrived)
		if x != nil {
			x.method, x.outcome = answer.Method, d.t.outcomeOf(answer.Status, answer.Result)
		}
	}
	end(err)
	return answer, err
}

// read notes that a request's body has arrived.
func (t *Telemetry) read(ctx context.Context, began, now time.Time) {
	if t.metrics != nil {
		t.metrics.stages.WithLabelValues(stageRead).Observe(now.Sub(began).Seconds())
	}
	t.past(ctx, stageRead, began, now)
}

// commitOf adds the commit that holds an answer's entry to the trace. The store was asked by the policy engine for many
// requests at once; the receipt tells which entry is this one's. An entry from before the request is a repeated one's.
func (t *Telemetry) commitOf(ctx context.Context, answer wire.Answer, since time.Time) {
	if answer.Receipt == "" || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	receipt, err := proof.ParseResultReceipt(answer.Receipt)
	if err != nil || !receipt.Result.Logged {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.commits {
		if c.began.After(since) && c.first <= receipt.Result.LogIndex && receipt.Result.LogIndex < c.end {
			t.past(ctx, stageCommit, c.began, c.ended, attribute.Int64("redoubt.commit.entries", int64(c.end-c.first)))
		}
	}
}
