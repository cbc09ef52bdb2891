package solana

import "math/big"

// Prices and limits of the runtime.
const (
	lamportsPerSignature = 5000
	defaultUnits         = 200_000   // compute units granted to a call when no limit is set
	builtinUnits         = 3_000     // and to one of the Compute Budget program (SIMD-170)
	maxUnits             = 1_400_000 // for a whole transaction
	microLamports        = 1_000_000
)

// Instructions of the Compute Budget program.
const (
	budgetHeapFrame    = 1
	budgetUnitLimit    = 2
	budgetUnitPrice    = 3
	budgetLoadedBytes  = 4
	precompileOverhead = 1 // a precompile's data starts with its count of signatures
)

// budget gathers what the fee depends on.
type budget struct {
	calls    int // instructions of other programs
	own      int // instructions of the Compute Budget program
	limit    uint64
	hasLimit bool
	price    uint64 // micro-lamports a unit
	extra    int    // signatures that precompiles check
}

// read takes an instruction of the Compute Budget program. The runtime refuses repeated ones; the highest counts here.
func (b *budget) read(data []byte) bool {
	f := fields{buf: data}
	switch f.u8() {
	case budgetHeapFrame, budgetLoadedBytes:
		f.u32()
	case budgetUnitLimit:
		limit := uint64(f.u32())
		b.limit, b.hasLimit = max(b.limit, limit), true
	case budgetUnitPrice:
		b.price = max(b.price, f.u64())
	default:
		return false
	}
	return f.whole()
}

func (b *budget) precompile(data []byte) {
	if len(data) >= precompileOverhead {
		b.extra += int(data[0])
	}
}

// fee is the most lamports that the network takes: 5000 a signature, and unit price times unit limit rounded up.
func (b *budget) fee(signatures int) *big.Int {
	priority := new(big.Int).SetUint64(b.price)
	priority.Mul(priority, new(big.Int).SetUint64(b.units()))
	priority.Add(priority, big.NewInt(microLamports-1))
	priority.Div(priority, big.NewInt(microLamports))
	return priority.Add(priority, big.NewInt(lamportsPerSignature*int64(signatures+b.extra)))
}

// units is the limit of compute units, or what the network grants without one.
func (b *budget) units() uint64 {
	limit := uint64(b.calls)*defaultUnits + uint64(b.own)*builtinUnits //nolint:gosec // counts of instructions are not negative
	if b.hasLimit {
		limit = b.limit
	}
	return min(limit, maxUnits)
}
