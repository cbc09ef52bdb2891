package enclave

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/proof"
)

// harden gives up what an enclave never needs. The first three must work anywhere; the others are best effort, and what
// was achieved goes into the evidence.
func harden(role proof.Role) ([]string, error) {
	// The binary runs from memory and has no name of its own; a failure here costs nothing but a name in `ps`.
	_ = os.WriteFile("/proc/self/comm", []byte("redoubt-"+role), 0)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("not dumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return nil, fmt.Errorf("no core: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("no new privileges: %w", err)
	}
	measures := []string{"not-dumpable", "no-core", "no-new-privileges"}
	if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err == nil {
		measures = append(measures, "no-writable-code")
	}
	return measures, nil
}
