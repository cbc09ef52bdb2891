package desk

import (
	"context"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Counters asks what the enclaves have counted since they started.
func (d *Desk) Counters(ctx context.Context) (wire.PolicyCounters, error) {
	return ask[wire.PolicyCounters](ctx, d, wire.KindCounters, wire.Empty{})
}
