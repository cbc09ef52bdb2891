package policy

import (
	"context"
	"runtime/debug"
	"time"
)

// giveBackAfter is how long the process holds on to what a burst of requests took.
const giveBackAfter = 5 * time.Minute

// giveBackLoop returns memory that is free to the system now and then. The runtime does that by itself down to a tenth
// above the largest heap it has planned with, so that what the process holds would only ever rise: each burst that is
// larger than all before it would leave its mark for good.
func (e *Engine) giveBackLoop(ctx context.Context) error {
	tick := time.NewTicker(giveBackAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			debug.FreeOSMemory()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
