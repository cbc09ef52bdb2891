package frame

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// JSON gives a command the flag --json.
func JSON(c *cobra.Command) *cobra.Command {
	c.Flags().Bool("json", false, "print JSON, and errors as JSON on stderr")
	return c
}

func wantsJSON(c *cobra.Command) bool {
	f := c.Flags().Lookup("json")
	return f != nil && f.Value.String() == "true"
}

// asksJSON says whether a command line that could not be read asks a command for JSON that has it to give.
func asksJSON(c *cobra.Command, args []string) bool {
	return c.Flags().Lookup("json") != nil && slices.Contains(args, "--json")
}

// Print writes a command's result: as one line of JSON with --json, else as text for people.
func Print(c *cobra.Command, result any, text func(w io.Writer)) error {
	if wantsJSON(c) {
		return json.NewEncoder(c.OutOrStdout()).Encode(result)
	}
	table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	text(table)
	return table.Flush()
}

// Row writes one line of a table: a word and what it is.
func Row(w io.Writer, cells ...any) {
	words := make([]string, len(cells))
	for i, c := range cells {
		words[i] = Plain(fmt.Sprint(c))
	}
	fmt.Fprintln(w, strings.TrimRight(strings.Join(words, "\t"), "\t"))
}

// Plain writes out, as Go does in quotes, whatever a terminal would not show but obey: what a server or a file says must
// not move the cursor, change the title, or pass for lines of ours.
func Plain(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// The colours that are used.
const (
	Red   = "31"
	Green = "32"
)

// Colour colours text when it is for a terminal whose user did not set NO_COLOR.
func Colour(w io.Writer, colour, text string) string {
	if !Terminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Terminal says whether somebody sees at once what is written.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Progress returns a function that shows on stderr how far something long has come, and one that takes it away. Without a
// terminal they do nothing.
func Progress(c *cobra.Command, what string) (func(done, all uint64), func()) {
	w := c.ErrOrStderr()
	if !Terminal(w) {
		return func(_, _ uint64) {}, func() {}
	}
	last := -1
	show := func(done, all uint64) {
		if percent := int(done * 100 / max(all, 1)); percent != last {
			last = percent
			fmt.Fprintf(w, "\r%s %3d%%", what, percent)
		}
	}
	return show, func() { fmt.Fprint(w, "\r\x1b[K") }
}
