package policy

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The memory of the policy engine grows to a size and stays there. A heap that may grow to a multiple of what lives
// instead keeps, for hours, the mark of its largest burst. The size follows what lives in steps, far apart, so that an
// index that grows by a few records moves nothing.
const (
	memoryFloor = 256 << 20
	memoryTimes = 3 // of what lives, at least
	memoryStep  = 1.5
)

// steadyMemory makes the runtime collect when memory nears a size rather than a multiple of what lives, and has the size
// looked at after every collection.
func steadyMemory() {
	debug.SetMemoryLimit(memoryFloor)
	debug.SetGCPercent(-1)
	follow(new(sentinel))
}

// sentinel is garbage: that it is collected says that a collection ended. It holds a pointer lest the runtime pack it
// together with other small objects that live longer.
type sentinel struct{ _ *byte }

func follow(s *sentinel) {
	runtime.AddCleanup(s, func(struct{}) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetMemoryLimit(memoryFor(live[0].Value.Uint64()))
		follow(new(sentinel))
	}, struct{}{})
}

// memoryFor is the least step, in bytes, that leaves room for what lives several times over.
func memoryFor(live uint64) int64 {
	limit := float64(memoryFloor)
	for want := float64(live) * memoryTimes; limit < want; {
		limit *= memoryStep
	}
	return int64(math.Round(limit))
}
