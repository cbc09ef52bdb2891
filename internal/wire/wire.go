// Package wire is how the processes talk: length-prefixed frames that carry calls, replies and faults, many at a time
// in both directions over one connection, and one file for each door with the messages that pass it (desk.go,
// signer.go, certifier.go, launcher.go). The size of a door's file shows the narrowness of the door. Messages are
// deterministic CBOR; a frame is
//
//	length uint32 | type uint8 | kind uint8 | call uint64 | body
//
// big-endian, where length counts what follows it.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/redoubt-kms/redoubt/proof"
)

// Kind names a message of a door.
type Kind uint8

const headerSize = 4 + 1 + 1 + 8

// The types of frames.
const (
	typeCall = 1 + iota
	typeReply
	typeFault
)

// ErrClosed says that the peer is gone. What it was doing may or may not have happened.
var ErrClosed = errors.New("link closed")

// Fault is an error that crossed a link. Only code and message survive the crossing.
type Fault struct {
	_       struct{} `cbor:",toarray"`
	Code    string   // stable, for programs
	Message string   // for people, without secrets
}

// Error gives the message.
func (f *Fault) Error() string { return f.Message }

// Faultf makes a fault.
func Faultf(code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Call is one request of the peer. Exactly one of Reply and Fail must be called, from any goroutine.
type Call struct {
	Kind Kind
	Body []byte
	link *Link
	id   uint64
}

// Reply answers with a message.
func (c *Call) Reply(message any) {
	body, err := proof.Encode(message)
	if err != nil {
		c.Fail(err)
		return
	}
	if len(body) > maxBody {
		c.Fail(Faultf("size", "the answer of %d bytes does not fit into a frame", len(body))) // which the peer would end the link for
		return
	}
	c.link.send(typeReply, c.Kind, c.id, body)
}

// Fail answers with an error. A *Fault crosses as it is; of other errors only the text does.
func (c *Call) Fail(err error) {
	var fault *Fault
	if !errors.As(err, &fault) {
		fault = &Fault{Code: "internal", Message: err.Error()}
	}
	body, err := proof.Encode(fault)
	if err != nil {
		c.link.fail(err)
		return
	}
	c.link.send(typeFault, c.Kind, c.id, body)
}

// Ask calls the peer and waits for its answer.
func Ask[Answer any](ctx context.Context, l *Link, kind Kind, message any) (Answer, error) {
	var answer Answer
	body, err := proof.Encode(message)
	if err != nil {
		return answer, err
	}
	reply, err := l.begin(kind, body).wait(ctx)
	if err != nil {
		return answer, err
	}
	return answer, proof.DecodeFrame(reply, &answer)
}

// Begin calls the peer and returns a function that waits for the answer. Calls begun one after the other reach the
// peer in that order.
func Begin[Answer any](l *Link, kind Kind, message any) (func(context.Context) (Answer, error), error) {
	body, err := proof.Encode(message)
	if err != nil {
		return nil, err
	}
	p := l.begin(kind, body)
	return func(ctx context.Context) (Answer, error) {
		var answer Answer
		reply, err := p.wait(ctx)
		if err != nil {
			return answer, err
		}
		return answer, proof.DecodeFrame(reply, &answer)
	}, nil
}

// Read decodes the message of a call.
func Read[Message any](c *Call) (Message, error) {
	var m Message
	if err := proof.DecodeFrame(c.Body, &m); err != nil {
		return m, Faultf("malformed", "message %d does not decode", c.Kind)
	}
	return m, nil
}

// Serve decodes the message of a call, has it handled, and replies with the answer or the error.
func Serve[Message, Answer any](c *Call, do func(Message) (Answer, error)) {
	message, err := Read[Message](c)
	if err != nil {
		c.Fail(err)
		return
	}
	answer, err := do(message)
	if err != nil {
		c.Fail(err)
		return
	}
	c.Reply(answer)
}

func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	return err
}
