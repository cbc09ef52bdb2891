package policy

// generations is in how many parts a window is remembered. What lives in the heap swings by one of them, and what the
// process holds by three times as much; a look-up of what is not there passes all of them.
const generations = 32

// aged is a map whose entries are forgotten once they are older than a window, a generation at a time. One map from
// which the oldest entry goes whenever a new one comes would never shrink, and slowly grow: Go's maps split under such
// use and do not merge. An entry is remembered for the window and up to one generation longer, unless the weight of all
// exceeds the limit: then the oldest generation goes early.
type aged[K comparable, V any] struct {
	step  uint64 // milliseconds that a generation takes
	limit int    // of the weights; 0 is none
	parts []generation[K, V]
}

type generation[K comparable, V any] struct {
	began  uint64 // Unix milliseconds
	weight int
	by     map[K]V
}

// newAged makes one that remembers for window milliseconds.
func newAged[K comparable, V any](window uint64, limit int) *aged[K, V] {
	return &aged[K, V]{step: window / generations, limit: limit}
}

func (a *aged[K, V]) get(key K) (V, bool) {
	for i := len(a.parts) - 1; i >= 0; i-- { // mostly it is asked for what is new
		if v, ok := a.parts[i].by[key]; ok {
			return v, true
		}
	}
	var none V
	return none, false
}

// put adds an entry that get does not know.
func (a *aged[K, V]) put(key K, v V, now uint64, weight int) {
	n := len(a.parts)
	if n == 0 || a.parts[n-1].began+a.step <= now || a.limit > 0 && a.parts[n-1].weight+weight > a.limit/generations {
		a.parts = append(a.parts, generation[K, V]{began: now, by: map[K]V{}})
		n++
	}
	a.parts[n-1].by[key] = v
	a.parts[n-1].weight += weight
	for a.limit > 0 && len(a.parts) > 1 && a.weight() > a.limit {
		a.drop()
	}
}

// forget drops the generations of which the newest entry is older than the window: the next one began before it.
func (a *aged[K, V]) forget(now uint64) {
	for len(a.parts) > 0 && a.parts[0].began+(generations+1)*a.step <= now {
		a.drop()
	}
}

func (a *aged[K, V]) drop() {
	clear(a.parts[:1]) // what is cut off stays in the array
	a.parts = a.parts[1:]
}

func (a *aged[K, V]) weight() int {
	sum := 0
	for _, p := range a.parts {
		sum += p.weight
	}
	return sum
}
