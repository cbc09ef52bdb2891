package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// The bars, and how long a run must be before a question can be answered.
const (
	warmUp       = 20   // minutes: the requests of the last eleven are remembered, so memory grows until then
	leastSlope   = 20   // minutes that a slope is measured over
	leastThird   = 10   // minutes of a third
	maxSlope     = 1.0  // MB an hour
	maxLatency   = 1.10 // of the p99 of the last third to that of the middle third
	recordBytes  = 200  // what the policy engine may use for each record that is made meanwhile
	spareThreads = 2    // the Go runtime never gives a thread back, and takes one more when many wait at once
)

// finding is one line of the verdict.
type finding struct {
	what     string
	ok       bool
	unjudged bool // the run was too short to tell
	text     string
}

// judge says what the minutes show.
func judge(minutes []minute) []finding {
	var found []finding
	for r, role := range roles {
		found = append(found, memory(minutes, r, role))
	}
	for r, role := range roles {
		found = append(found,
			growth(minutes, "threads of the "+role, spareThreads, func(m minute) float64 { return float64(m.uses[r].threads) }),
			growth(minutes, "descriptors of the "+role, 0, func(m minute) float64 { return float64(m.uses[r].descriptors) }))
	}
	found = append(found, growth(minutes, "goroutines of the host", 0, func(m minute) float64 { return float64(m.goroutines) }))
	return append(found, latency(minutes))
}

// memory fits a line through the minutes after warm-up. A heap breathes, so the slope has an error of its own; it is too
// steep when it is so beyond twice that, and when the error alone hides twice the bar, the run could not tell.
func memory(minutes []minute, r int, role string) finding {
	f := finding{what: "memory of the " + role}
	if len(minutes) < warmUp+leastSlope {
		f.unjudged, f.text = true, fmt.Sprintf("a slope wants %d minutes", warmUp+leastSlope)
		return f
	}
	var x, y []float64
	for _, m := range minutes[warmUp:] {
		rss := m.uses[r].rss
		if role == "policy" {
			rss -= float64((m.records-minutes[warmUp].records)*recordBytes) / (1 << 20)
		}
		x, y = append(x, float64(m.n)/60), append(y, rss)
	}
	slope, deviation := line(x, y)
	f.ok = slope-2*deviation < maxSlope && deviation < 2*maxSlope
	f.text = fmt.Sprintf("%+.2f ± %.2f MB an hour after minute %d, want less than %.0f", slope, deviation, warmUp, maxSlope)
	return f
}

// line fits by least squares and returns the slope with its standard error.
func line(x, y []float64) (slope, deviation float64) {
	n := float64(len(x))
	meanX, meanY := mean(x), mean(y)
	var xx, xy float64
	for i := range x {
		xx += (x[i] - meanX) * (x[i] - meanX)
		xy += (x[i] - meanX) * (y[i] - meanY)
	}
	slope = xy / xx
	var rest float64
	for i := range x {
		d := y[i] - meanY - slope*(x[i]-meanX)
		rest += d * d
	}
	return slope, math.Sqrt(rest / (n - 2) / xx)
}

func mean(all []float64) float64 {
	var sum float64
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

// growth compares the last third with the middle one: something that leaks is, in most minutes of the last third, above
// all of the middle third.
func growth(minutes []minute, what string, spare float64, of func(minute) float64) finding {
	f := finding{what: what}
	third := len(minutes) / 3
	if third < leastThird {
		f.unjudged, f.text = true, fmt.Sprintf("wants %d minutes", 3*leastThird)
		return f
	}
	most := of(slices.MaxFunc(minutes[third:2*third], func(a, b minute) int { return cmp.Compare(of(a), of(b)) }))
	last := median(minutes[2*third:], of)
	if last < 0 {
		f.unjudged, f.text = true, "only root may see them"
		return f
	}
	f.ok = last <= most+spare
	f.text = fmt.Sprintf("%.0f in the last third, at most %.0f in the middle one", last, most)
	return f
}

// latency compares the p99 of the last third with the middle third, as medians over minutes. The machine may be noisier
// in one of them, and then the least server, driven beside at a tenth of the rate, is slower too: so the last third may
// be slower by as much as that one was, and a tenth.
func latency(minutes []minute) finding {
	f := finding{what: "p99"}
	third := len(minutes) / 3
	if third < leastThird {
		f.unjudged, f.text = true, fmt.Sprintf("wants %d minutes", 3*leastThird)
		return f
	}
	ratio := func(of func(minute) float64) (middle, last, ratio float64) {
		middle, last = median(minutes[third:2*third], of), median(minutes[2*third:], of)
		return middle, last, last / middle
	}
	middle, last, own := ratio(func(m minute) float64 { return m.p99 })
	_, _, floor := ratio(func(m minute) float64 { return m.floor })
	f.ok = own <= maxLatency*max(1, floor)
	f.text = fmt.Sprintf("%.2f ms in the middle third, %.2f ms in the last: ×%.2f; the floor ×%.2f", middle, last, own, floor)
	return f
}

func median[T any](all []T, of func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = of(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
