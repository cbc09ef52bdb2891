package certifier

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/enclave"
)

// maxJump is how far the wall clock may run ahead of the time since boot while the certifier runs.
const maxJump = 60 * time.Second

// ErrClock says that the host's clock jumped. A forward jump would open time locks and end windows, so it is refused.
var ErrClock = errors.New("the host's clock jumped forward while running; it must be set right, or the certifier restarted, before anything is signed")

// clock is the anchor's clock: the wall clock, which never runs backwards and is not believed when it leaps.
type clock struct {
	wall func() time.Time
	boot func() time.Duration
	base time.Time     // wall at start
	at   time.Duration // boot at start
	last uint64        // newest time given, Unix milliseconds
}

func newClock(last uint64, wall func() time.Time) *clock {
	return &clock{wall: wall, boot: enclave.SinceBoot, base: wall(), at: enclave.SinceBoot(), last: last}
}

// now returns the time in Unix milliseconds.
func (c *clock) now() (uint64, error) {
	wall, elapsed := c.wall().Round(0), c.boot()-c.at
	if wall.Sub(c.base.Round(0).Add(elapsed)) > maxJump {
		return 0, ErrClock
	}
	c.last = max(c.last, uint64(wall.UnixMilli()))
	return c.last, nil
}

// syncData makes written bytes durable.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
