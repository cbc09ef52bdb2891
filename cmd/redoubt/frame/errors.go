package frame

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
)

// Exit returns the exit code of an error.
func Exit(err error) int {
	var pending *client.PendingApproval
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errUsage):
		return ExitUsage
	case errors.Is(err, client.ErrUnproven):
		return ExitFault // whatever else it says may be a lie
	case errors.As(err, &pending):
		return ExitPending
	case errors.Is(err, client.ErrDenied):
		return ExitDenied
	case errors.Is(err, client.ErrUnauthenticated):
		return ExitUnauthenticated
	case errors.Is(err, client.ErrUnavailable):
		return ExitUnavailable
	}
	return ExitFault
}

// failure is an error as programs read it, on stderr of a command with --json.
type failure struct {
	Exit      int    `json:"exit"`
	Message   string `json:"message"`
	Type      string `json:"type,omitempty"` // of docs/spec/errors.md, when the server refused
	Path      string `json:"path,omitempty"`
	RequestID string `json:"requestId,omitempty"`
	// Approval is of what waits for approvals.
	Approval *api.Approval `json:"approval,omitempty"`
	Status   int           `json:"status,omitempty"`
}

// tell writes an error for people, or for programs when the command was asked for JSON.
func tell(c *cobra.Command, w io.Writer, err error, inJSON bool) {
	f := failure{Exit: Exit(err), Message: err.Error()}
	var refused *api.Error
	if errors.As(err, &refused) {
		f.Type, f.Path, f.RequestID, f.Status = refused.Type, refused.Path, refused.RequestID, refused.Status
	}
	var pending *client.PendingApproval
	if errors.As(err, &pending) {
		f.Approval = &pending.Approval
	}
	if inJSON {
		_ = json.NewEncoder(w).Encode(map[string]failure{"error": f})
		return
	}
	lines := strings.Split(f.Message, "\n") // of several errors that were joined, or of a server
	for i, line := range lines {
		lines[i] = Plain(line)
	}
	fmt.Fprintf(w, "%s: %s\n", Colour(w, Red, c.CommandPath()), strings.Join(lines, "\n  "))
	if f.RequestID != "" {
		what := f.Type
		if f.Path != "" {
			what += " at " + f.Path
		}
		fmt.Fprintf(w, "  %s, status %d, request %s\n", Plain(what), f.Status, Plain(f.RequestID))
	}
	if hint := hint(f, c); hint != "" {
		fmt.Fprintln(w, "  "+hint)
	}
}

// hint says what to do about an error, where the message does not.
func hint(f failure, c *cobra.Command) string {
	switch f.Exit {
	case ExitPending:
		return fmt.Sprintf("its approvers decide with 'redoubt approval approve %s %s', or reject; 'redoubt approval show %s' tells what became of it",
			f.Approval.ID, f.Approval.RequestDigest, f.Approval.ID)
	case ExitUsage:
		return fmt.Sprintf("'%s --help' shows how it is used", c.CommandPath())
	case ExitUnauthenticated:
		return "the key is not, or no longer, an authenticator of this organization: check --profile, --key and --organization"
	case ExitUnavailable:
		return "nothing is done twice: run the same command again; if it lasts, the server's log says why"
	}
	switch f.Type {
	case api.TypeExpired:
		return "the clocks of this machine and of the server differ: set them"
	case api.TypeInternal:
		return "this is a bug: report it with the number of the request"
	}
	return ""
}
