//go:build race

package payload_test

// raced says that the race detector is on, under which neither time nor memory mean anything.
const raced = true
