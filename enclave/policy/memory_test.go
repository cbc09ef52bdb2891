package policy

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// What lives decides the size, in steps.
func TestMemoryFollowsWhatLives(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		live uint64
		want int64
	}{{0, 256 * mb}, {85 * mb, 256 * mb}, {86 * mb, 384 * mb}, {128 * mb, 384 * mb}, {129 * mb, 576 * mb}} {
		if got := memoryFor(c.live); got != c.want {
			t.Errorf("%d MB live: %d bytes, want %d", c.live/mb, got, c.want)
		}
	}
	for live := uint64(0); live < 8<<30; live += 37 * mb {
		if got := memoryFor(live); uint64(got) < live*memoryTimes {
			t.Fatalf("%d bytes live may grow to %d only", live, got)
		}
	}
}

// Every collection has the limit set anew, also when what lives outgrew it.
func TestMemoryLimitIsRaised(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	steadyMemory()
	lives := make([]byte, 300<<20)
	defer runtime.KeepAlive(lives)
	for deadline := time.Now().Add(10 * time.Second); debug.SetMemoryLimit(-1) < 3*300<<20; {
		if time.Now().After(deadline) {
			t.Fatalf("the limit is %d bytes although %d live", debug.SetMemoryLimit(-1), len(lives))
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
}
