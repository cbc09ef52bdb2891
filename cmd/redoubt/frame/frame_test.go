package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

// terminal opens a pseudo-terminal and returns the side that a program writes to, and what has been written.
func terminal(t *testing.T) (*os.File, func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	return slave, func() string {
		fmt.Fprint(slave, ".") // the end: what was written may come in pieces
		written := ""
		for b := make([]byte, 4096); !strings.HasSuffix(written, "."); {
			n, err := master.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			written += string(b[:n])
		}
		return strings.TrimSuffix(written, ".")
	}
}

// Colours and progress are for people who watch: on a terminal, and colours only if they want them.
func TestOnlyTerminalsGetColoursAndProgress(t *testing.T) {
	screen, written := terminal(t)
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if got := frame.Colour(screen, frame.Red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("on a terminal: %q", got)
	}
	if got := frame.Colour(&bytes.Buffer{}, frame.Red, "x"); got != "x" {
		t.Errorf("into a file: %q", got)
	}
	c := &cobra.Command{}
	c.SetErr(screen)
	show, done := frame.Progress(c, "reading")
	show(1, 2)
	show(1, 2)
	done()
	if got := written(); got != "\rreading  50%\r\x1b[K" {
		t.Errorf("progress on a terminal: %q", got)
	}
	var file bytes.Buffer
	c.SetErr(&file)
	show, done = frame.Progress(c, "reading")
	show(1, 2)
	done()
	if file.Len() > 0 {
		t.Errorf("progress into a file: %q", file.String())
	}
	t.Setenv("NO_COLOR", "1")
	if got := frame.Colour(screen, frame.Red, "x"); got != "x" {
		t.Errorf("with NO_COLOR: %q", got)
	}
}

// Each kind of error has its exit code; one that is not proven is never taken for what it says.
func TestExit(t *testing.T) {
	denied := api.Errorf(api.TypeDenied, "no")
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, frame.ExitOK},
		{errors.New("x"), frame.ExitFault},
		{frame.Usagef("x"), frame.ExitUsage},
		{fmt.Errorf("y: %w", frame.Usagef("x: %w", os.ErrNotExist)), frame.ExitUsage},
		{denied, frame.ExitDenied},
		{errors.Join(denied, client.ErrUnproven), frame.ExitFault},
		{api.Errorf(api.TypeUnauthenticated, "no"), frame.ExitUnauthenticated},
		{api.Errorf(api.TypeNotFound, "no"), frame.ExitFault},
		{fmt.Errorf("%w: %w", client.ErrUnavailable, api.Errorf(api.TypeUnavailable, "no")), frame.ExitUnavailable},
		{fmt.Errorf("%w: %w", client.ErrUnproven, client.ErrUnavailable), frame.ExitFault},
	} {
		if got := frame.Exit(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	if err := frame.Usagef("x: %w", os.ErrNotExist); err.Error() != "x: file does not exist" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is wrong is lost: %v", err)
	}
}

// What a server says is shown, not obeyed, and cannot pass for a line of ours.
func TestNothingSteersTheTerminal(t *testing.T) {
	evil := "\x1b]0;title\a\x1b[2Jno\r\u009b31m\u202e\xff\nroot: ok"
	root := &cobra.Command{Use: "root"}
	root.AddCommand(frame.JSON(&cobra.Command{Use: "fails", RunE: func(*cobra.Command, []string) error {
		told := api.Errorf(api.TypeInvalid, "%s", evil)
		told.Path, told.RequestID = evil, evil
		return told
	}}), frame.JSON(&cobra.Command{Use: "prints", RunE: func(c *cobra.Command, _ []string) error {
		return frame.Print(c, evil, func(w io.Writer) { frame.Row(w, "name", evil, "größe \"日本\" \\") })
	}}))
	const plain = `\x1b]0;title\a\x1b[2Jno\r\u009b31m\u202e` + "\ufffd"
	for command, want := range map[string]string{
		"fails":  "root fails: " + plain + "\n  root: ok\n  invalid-argument at " + plain + `\nroot: ok`,
		"prints": `name  ` + plain + `\nroot: ok  größe "日本" \` + "\n",
	} {
		var out bytes.Buffer
		frame.Run(t.Context(), root, []string{command}, &out, &out)
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s wrote %q, want %q", command, out.String(), want)
		}
	}
}

// A command line that is wrong before --json is read is told in JSON all the same.
func TestWrongCommandLinesAreToldInJSON(t *testing.T) {
	root := &cobra.Command{Use: "root"}
	root.AddCommand(frame.JSON(&cobra.Command{Use: "leaf", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return nil }}))
	for _, args := range [][]string{{"leaf", "--nope", "--json"}, {"leaf", "--json", "--nope"}, {"leaf", "more", "--json"}} {
		var out bytes.Buffer
		if code := frame.Run(t.Context(), root, args, &out, &out); code != frame.ExitUsage || !strings.HasPrefix(out.String(), `{"error":{"exit":2,`) {
			t.Errorf("%v: exit %d, %q", args, code, out.String())
		}
	}
}
