//go:build !failpoint

package failpoint

// Pass is a step at which a process may die.
func Pass(Step) {}

// Fail is a step at which a process may die, or an operation fail.
func Fail(Step) error { return nil }
