//go:build !race

package payload_test

const raced = false
