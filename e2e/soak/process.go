package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that this program started, with the processes of its enclaves.
type process struct {
	cmd *exec.Cmd
	log string // file that its standard error goes to
	url string
}

// spawn starts a command of the binary that prints "ready URL".
func spawn(binary, log string, args ...string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &process{cmd: exec.Command(binary, args...), log: log}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = file
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ready {
		p.stop()
		told, _ := os.ReadFile(log)
		return nil, fmt.Errorf("%v is not ready: %w\n%s", args, err, told)
	}
	p.url = url
	return p, nil
}

func (p *process) stop() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
}

// pids returns the process of each role, and how often an enclave was started.
func (p *process) pids() (map[string]int, int, error) {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return nil, 0, err
	}
	pids := map[string]int{"host": p.cmd.Process.Pid}
	all := regexp.MustCompile(`msg="enclave started" role=(\w+) pid=(\d+)`).FindAllSubmatch(log, -1)
	for _, found := range all {
		if pids[string(found[1])], err = strconv.Atoi(string(found[2])); err != nil {
			return nil, 0, err
		}
	}
	return pids, len(all), nil
}

// finding says whether the processes that were started are those that ran to the end.
func (p *process) finding() finding {
	_, started, err := p.pids()
	return finding{what: "processes", ok: err == nil && started == len(roles)-1, text: fmt.Sprintf("enclaves were started %d times, for %d of them", started, len(roles)-1)}
}

// use is what one process uses.
type use struct {
	rss         float64 // MB
	threads     int
	descriptors int // -1 when we may not see them: only root may look into an enclave
}

func useOf(pid int) (use, error) {
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := os.ReadFile(filepath.Join(folder, "status"))
	if err != nil {
		return use{}, err
	}
	u := use{descriptors: -1}
	for line := range bytes.Lines(status) {
		f := strings.Fields(string(line))
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.Atoi(f[1])
		switch f[0] {
		case "VmRSS:":
			u.rss = float64(n) / 1024
		case "Threads:":
			u.threads = n
		}
	}
	descriptors, err := os.ReadDir(filepath.Join(folder, "fd"))
	switch {
	case err == nil:
		u.descriptors = len(descriptors)
	case !errors.Is(err, fs.ErrPermission):
		return u, err
	}
	return u, nil
}

// metrics reads the numbers of /metrics that have no labels.
func (p *process) metrics(ctx context.Context) (map[string]float64, error) {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return nil, err
	}
	found := regexp.MustCompile(`msg=metrics url=(\S+)`).FindSubmatch(log)
	if found == nil {
		return nil, errors.New("the server says nowhere where its metrics are")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, string(found[1]), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	all := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, text, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(text, 64); ok && err == nil {
			all[name] = v
		}
	}
	return all, lines.Err()
}
