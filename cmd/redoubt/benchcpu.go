package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on every Linux port of Go.
const clockTick = 10 * time.Millisecond

// cpuTime is processor time by the name of the process that used it.
type cpuTime map[string]time.Duration

// cpuTimeOf reads what a server used so far, by itself ("host") and by each of its children, under the name of its role.
func cpuTimeOf(server int) (cpuTime, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	u := cpuTime{}
	for _, path := range stats {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		p, err := readStat(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		case p.pid == server:
			u["host"] += p.used
		case p.parent == server:
			u[roleOf(p.name)] += p.used
		}
	}
	return u, nil
}

// roleOf tells an enclave by the name of its process, which the kernel cuts after 15 bytes.
func roleOf(name string) string {
	for _, role := range roles() {
		if strings.HasPrefix("redoubt-"+string(role), name) {
			return string(role)
		}
	}
	return name
}

// stat is what we need of a line of /proc/PID/stat (proc(5)).
type stat struct {
	pid, parent int
	name        string
	used        time.Duration
}

func readStat(line []byte) (stat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return stat{}, fmt.Errorf("not a line of proc(5): %.40q", line)
	}
	rest := strings.Fields(string(line[end+1:])) // from field 3, the state, on
	if len(rest) < 13 {
		return stat{}, fmt.Errorf("%d fields after the name", len(rest))
	}
	numbers := make([]int, 4)
	for i, text := range []string{string(bytes.TrimSpace(line[:open])), rest[1], rest[11], rest[12]} {
		var err error
		if numbers[i], err = strconv.Atoi(text); err != nil {
			return stat{}, err
		}
	}
	return stat{pid: numbers[0], parent: numbers[1], name: string(line[open+1 : end]), used: time.Duration(numbers[2]+numbers[3]) * clockTick}, nil
}

// add adds what was used between two readings.
func (u cpuTime) add(after, before cpuTime) {
	for name, used := range after {
		u[name] += used - before[name]
	}
}

// each is microseconds for each of so many requests.
func (u cpuTime) each(requests int) map[string]float64 {
	all := map[string]float64{}
	for name, used := range u {
		all[name] = float64(used.Microseconds()) / float64(max(requests, 1))
	}
	return all
}

// cpuTime reads what the server used so far, and what this process did.
func (s *spawned) cpuTime() (cpuTime, error) {
	u, err := cpuTimeOf(s.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	line, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil, err
	}
	own, err := readStat(line)
	u["load"] = own.used
	return u, err
}
