package wire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/redoubt-kms/redoubt/proof"
)

// nowhere is a connection that takes everything and says nothing.
type nowhere struct{ net.Conn }

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) Close() error                { return nil }

func (nowhere) SetWriteDeadline(time.Time) error { return nil }

// Whatever a peer sends, reading it ends, and every call that comes out of it is one that was sent whole.
func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, typeCall, KindSign, 1, []byte{0x80}))
	f.Add(appendFrame(nil, typeReply, KindSign, 1, nil))
	f.Add(appendFrame(nil, typeFault, 1, 1, []byte{0x82, 0x61, 'a', 0x61, 'b'}))
	f.Add(rawFrame(1<<32-1, 1, 1, 1, nil))
	f.Add(rawFrame(MaxFrame, 1, 1, 1, []byte("short")))
	f.Fuzz(func(t *testing.T, b []byte) {
		read := 0
		l := &Link{conn: nowhere{}, done: make(chan struct{}), waiting: map[uint64]chan result{}}
		l.serve = func(c *Call) {
			again := appendFrame(nil, typeCall, c.Kind, c.id, c.Body)
			if !bytes.Contains(b, again) {
				t.Errorf("a call came out that was not sent: %x", again)
			}
			read += len(again)
			if _, err := Read[SignBatch](c); err != nil {
				c.Fail(err)
			}
		}
		if len(b) > 4 && b[0] > 0 {
			b[0] = 0 // a length of up to 16 MiB is allocated before the bytes come; the fuzzer need not do that all the time
		}
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			if err := l.readFrame(r); err != nil {
				break
			}
		}
		if read > len(b) {
			t.Errorf("%d bytes of calls out of %d", read, len(b))
		}
	})
}

// Every message of every door survives any bytes.
func FuzzMessages(f *testing.F) {
	for _, v := range []any{
		Pack{},
		EvidenceRequest{},
		CreateSecret{},
		NewImport{},
		ImportSecret{},
		ExportSecret{},
		AccountsRequest{},
		SignBatch{Orders: []SignOrder{{}}},
		SignedBatch{Results: []SignResult{{}}},
		AnchorRequest{Heads: []proof.Head{{}}},
		Opened{},
		Commit{},
		IndexPage{Items: []IndexItem{{}}},
		Request{},
		Answer{},
		Attestation{},
		PolicyCounters{},
		PolicyCounters{Signer: &SignerCounters{Ed25519: 1}, Certifier: &CertifierCounters{Heads: 2}},
		Fault{},
	} {
		b, err := proof.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{
			new(Pack), new(EvidenceRequest), new(Evidence), new(Challenge), new(Certificate), new(Opened), new(AnchorRequest), new(Anchored), new(Note),
			new(NewImport), new(ImportKey), new(ImportSecret), new(ImportedSecret), new(ExportSecret), new(ExportedSecret),
			new(CreateSecret), new(CreatedSecret), new(AccountsRequest), new(Accounts), new(SignBatch), new(SignedBatch), new(Request), new(Answer),
			new(Attestation), new(Ready), new(Commit), new(RecordsRequest), new(Records), new(IndexRequest), new(IndexPage), new(CommitsRequest),
			new(Commits), new(PathRequest), new(EdgeRequest), new(Path), new(Fault), new(Empty),
			new(PolicyCounters), new(SignerCounters), new(CertifierCounters),
		} {
			if proof.DecodeFrame(b, v) != nil {
				continue
			}
			again, err := proof.Encode(v)
			if err != nil || len(again) > 4*len(b)+4096 {
				t.Errorf("%T: %d bytes are decoded to what takes %d, %v", v, len(b), len(again), err)
			}
		}
	})
}

// A header that is cut anywhere is an error and not a frame.
func TestCutFrames(t *testing.T) {
	whole := appendFrame(nil, typeCall, 1, 1, []byte("body"))
	for cut := range whole {
		l := &Link{conn: nowhere{}, serve: func(*Call) { t.Errorf("a call came out of %d bytes", cut) }}
		if err := l.readFrame(bufio.NewReader(bytes.NewReader(whole[:cut]))); err == nil || cut == 0 && err != io.EOF { //nolint:errorlint // the bare value
			t.Errorf("%d bytes: %v", cut, err)
		}
	}
}
