package policy

import (
	"context"

	"github.com/fxamacker/cbor/v2"

	"github.com/redoubt-kms/redoubt/internal/wire"
)

// maxRelayed bounds what is passed on between host and certifier, in bytes.
const maxRelayed = 256 << 10

// isRelayed says whether a call of the host is one of logins, which is for the certifier.
func isRelayed(kind wire.Kind) bool { return kind >= wire.KindIssuer && kind <= wire.KindFetchStep }

// relay passes a call of the host on to the certifier, and the answer back, both unread: the host has no channel to the
// certifier, and the certifier believes nothing in them.
func (d *desk) relay(call *wire.Call) {
	select {
	case d.busy <- struct{}{}:
	default:
		call.Fail(wire.Faultf("overloaded", "too many requests at once; try again"))
		return
	}
	go func() {
		defer func() { <-d.busy }()
		<-d.ready
		if d.fault != nil {
			call.Fail(wire.Faultf("unavailable", "the policy engine does not serve"))
			return
		}
		if len(call.Body) > maxRelayed {
			call.Fail(wire.Faultf("size", "the message is larger than %d bytes", maxRelayed))
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), requestBudget)
		defer cancel()
		answer, err := wire.Ask[cbor.RawMessage](ctx, d.engine.certifier, call.Kind, cbor.RawMessage(call.Body))
		if err != nil {
			call.Fail(err)
			return
		}
		call.Reply(answer)
	}()
}
