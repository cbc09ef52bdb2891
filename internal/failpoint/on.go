//go:build failpoint

package failpoint

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Variable names the file that says which step fails: "STEP crash N" or "STEP error N", at the N-th pass. A process that
// fails renames the file first, so that it fails once. An enclave reads the variable from its parent, since it has none.
const Variable = "REDOUBT_FAILPOINT"

var control = sync.OnceValue(func() string {
	if path := os.Getenv(Variable); path != "" {
		return path
	}
	parent, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid()))
	if err != nil {
		return ""
	}
	for entry := range bytes.SplitSeq(parent, []byte{0}) {
		if path, ok := strings.CutPrefix(string(entry), Variable+"="); ok {
			return path
		}
	}
	return ""
})

var passes struct {
	sync.Mutex
	order string // that is counted
	n     int
}

// Pass is a step at which a process may die.
func Pass(s Step) {
	if action := due(s); action != "" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// Fail is a step at which a process may die, or an operation fail.
func Fail(s Step) error {
	switch due(s) {
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "error":
		return errors.New("failpoint " + string(s))
	}
	return nil
}

// due returns what happens at this pass of a step.
func due(s Step) string {
	order, err := os.ReadFile(control())
	if err != nil {
		return ""
	}
	words := strings.Fields(string(order))
	if len(words) < 3 || words[0] != string(s) {
		return ""
	}
	at, err := strconv.Atoi(words[2])
	if err != nil {
		return ""
	}
	passes.Lock()
	defer passes.Unlock()
	if passes.order != string(order) {
		passes.order, passes.n = string(order), 0
	}
	passes.n++
	if passes.n < at || os.Rename(control(), control()+".done") != nil {
		return ""
	}
	return words[1]
}
