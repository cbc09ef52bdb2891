package policy

// A window counts what came in the last second, in slots of slotTime. It keeps one slot more than fit into a second, so
// that it always covers a whole one; what it holds is up to a slot older.
const (
	slotTime = 50 // milliseconds
	slots    = 1000/slotTime + 1
)

type window struct {
	newest uint64 // number of the newest slot, since the epoch
	counts [slots]uint32
	total  uint64
	owes   uint64 // until when nothing is taken, Unix milliseconds
}

// move lets go of what is too old.
func (w *window) move(now uint64) {
	slot := now / slotTime
	if slot <= w.newest {
		return
	}
	for n := min(slot-w.newest, slots); n > 0; n-- {
		at := &w.counts[(slot-n+1)%slots]
		w.total -= uint64(*at)
		*at = 0
	}
	w.newest = slot
}

// wait says after how many milliseconds one more is taken; 0 for now.
func (w *window) wait(now uint64, rate uint32) uint64 {
	if now < w.owes {
		return w.owes - now
	}
	left := w.total
	for n := uint64(0); n < slots; n++ {
		if left < uint64(rate) {
			if n == 0 {
				return 0
			}
			return (w.newest+n)*slotTime - now
		}
		left -= uint64(w.counts[(w.newest+n+1)%slots])
	}
	return (w.newest+slots)*slotTime - now
}

func (w *window) add(n uint32) {
	w.counts[w.newest%slots] += n
	w.total += uint64(n)
}

// owe counts n at once, more than a second takes if need be: for the rest nothing is taken for as long as the rate needs.
func (w *window) owe(now, n uint64, rate uint32) {
	if w.total+n <= uint64(rate) {
		w.add(uint32(n))
		return
	}
	w.owes = now + 1000 + (w.total+n-uint64(rate))*1000/uint64(rate)
}
