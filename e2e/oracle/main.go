// Command oracle shows other implementations what ours makes of bytes, so that they can be compared without a server.
//
// With the argument read, each line of its input names a format and gives bytes in hexadecimal; each line of its output
// is what the bytes say, in JSON, or null when they are refused. With sign and a number, it writes as many random
// signatures of every kind of key, a line each, in JSON.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxLine is longer than twice the largest input of any format.
const maxLine = 2 << 20

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	out := bufio.NewWriter(os.Stdout)
	switch {
	case len(args) == 1 && args[0] == "read":
		if err := read(os.Stdin, out); err != nil {
			return err
		}
	case len(args) == 2 && args[0] == "sign":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		if err := sign(n, out); err != nil {
			return err
		}
	default:
		return errors.New("want: read, or: sign NUMBER")
	}
	return out.Flush()
}

// read answers line by line.
func read(in io.Reader, out io.Writer) error {
	formats := formats()
	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		name, digits, _ := strings.Cut(lines.Text(), " ")
		format := formats[name]
		if format == nil {
			return fmt.Errorf("no format %q", name)
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			return err
		}
		said, err := format(b)
		if err != nil {
			said = nil
		}
		if err := answers.Encode(said); err != nil {
			return err
		}
	}
	return lines.Err()
}
