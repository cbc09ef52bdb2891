// Package arch is the plan of the house, as tests: who may import whom, what an enclave must never reach, how large the
// trusted parts may grow, and the house rules that a reviewer should not have to think of.
package arch
