package policy

import (
	"errors"
	"sync"
	"time"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/proof"
)

// maxSilence is how long the policy engine goes on without hearing the time from the certifier.
const maxSilence = 30 * time.Second

var errNoTime = errors.New("the certifier has not given the time lately")

// clock is the anchor's time between two receipts: the last one heard plus what CLOCK_BOOTTIME says has passed since.
// The wall clock is never read.
type clock struct {
	mu   sync.Mutex
	time uint64        // Unix milliseconds of the last receipt
	boot time.Duration // when it came
	last uint64        // newest time given
}

// set takes the time of a receipt.
func (c *clock) set(r proof.Receipt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time, c.boot = r.Time, enclave.SinceBoot()
}

// now returns the time in Unix milliseconds; it never falls.
func (c *clock) now() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := enclave.SinceBoot() - c.boot
	if passed > maxSilence {
		return 0, errNoTime
	}
	c.last = max(c.last, c.time+uint64(passed.Milliseconds()))
	return c.last, nil
}
