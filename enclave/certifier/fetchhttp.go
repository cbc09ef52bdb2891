package certifier

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// The bounds of an answer, in bytes.
const (
	maxHead  = 16 << 10
	maxBody  = 64 << 10
	maxChunk = 32 // of the line that begins a chunk
)

// errHTTP says that an answer is not the one document that was asked for.
var errHTTP = errors.New("not a plain HTTP/1.1 answer with status 200")

func refusedHTTP(reason string) error { return errors.Join(errHTTP, errors.New(reason)) }

// request writes a GET (RFC 9112, section 3). Nothing of a caller's is in it but the URL.
func (t target) get() []byte {
	return []byte("GET " + t.request + " HTTP/1.1\r\nHost: " + t.header + "\r\nAccept: application/json\r\nUser-Agent: redoubt\r\nConnection: close\r\n\r\n")
}

// readAnswer reads the answer to a GET: status 200, and a body whose length is given or that comes in chunks. It follows
// nothing, decodes nothing, and refuses what two readers could understand differently.
func readAnswer(from io.Reader) ([]byte, error) {
	head := &lines{r: bufio.NewReaderSize(from, maxHead), left: maxHead}
	status, err := head.next()
	if err != nil {
		return nil, err
	}
	if !isOK(status) {
		return nil, refusedHTTP("another status")
	}
	length, chunked, err := readHead(head)
	if err != nil {
		return nil, err
	}
	if chunked {
		return readChunks(head.r)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(head.r, body); err != nil {
		return nil, refusedHTTP("the body is cut")
	}
	return body, nil
}

// isOK wants a status line with 200 (RFC 9112, section 4).
func isOK(line string) bool {
	rest, ok := strings.CutPrefix(line, "HTTP/1.1 200")
	return ok && (rest == "" || rest[0] == ' ')
}

// readHead reads the fields up to the empty line, and returns how the body is framed (RFC 9112, section 6.3).
func readHead(head *lines) (length int, chunked bool, err error) {
	length = -1
	for {
		line, err := head.next()
		if err != nil {
			return 0, false, err
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return 0, false, refusedHTTP("a field without a name")
		}
		value = strings.Trim(value, " \t")
		switch strings.ToLower(name) {
		case "content-length":
			if length >= 0 {
				return 0, false, refusedHTTP("two lengths")
			}
			if length, err = strconv.Atoi(value); err != nil || strconv.Itoa(length) != value || length < 0 || length > maxBody {
				return 0, false, refusedHTTP("a length that is none, or above 64 KiB")
			}
		case "transfer-encoding":
			if chunked || !strings.EqualFold(value, "chunked") {
				return 0, false, refusedHTTP("another transfer encoding than chunked")
			}
			chunked = true
		case "content-encoding":
			if !strings.EqualFold(value, "identity") {
				return 0, false, refusedHTTP("a compressed body")
			}
		}
	}
	if chunked == (length >= 0) {
		return 0, false, refusedHTTP("the body has no length, or two")
	}
	return length, chunked, nil
}

// readChunks reads a body in chunks (RFC 9112, section 7.1). Trailers are left unread: the connection ends with the answer.
func readChunks(r *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		size, err := readSize(r)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			return body, nil
		}
		if len(body)+size > maxBody {
			return nil, refusedHTTP("the body is larger than 64 KiB")
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, refusedHTTP("the body is cut")
		}
		if string(chunk[size:]) != "\r\n" {
			return nil, refusedHTTP("a chunk without end")
		}
		body = append(body, chunk[:size]...)
	}
}

// readSize reads the line that begins a chunk; extensions mean nothing.
func readSize(r *bufio.Reader) (int, error) {
	l := &lines{r: r, left: maxChunk}
	line, err := l.next()
	if err != nil {
		return 0, err
	}
	digits, _, _ := strings.Cut(line, ";")
	digits = strings.TrimRight(digits, " \t")
	n, err := strconv.ParseUint(digits, 16, 24)
	if err != nil || strings.ContainsAny(digits, "_+xX") {
		return 0, refusedHTTP("a chunk of no size")
	}
	return int(n), nil
}

// lines reads lines that end with CR LF, of so many bytes in all.
type lines struct {
	r    *bufio.Reader
	left int
}

func (l *lines) next() (string, error) {
	var line []byte
	for {
		b, err := l.r.ReadByte()
		if err != nil {
			return "", refusedHTTP("the answer is cut")
		}
		if l.left--; l.left < 0 {
			return "", refusedHTTP("the head is larger than 16 KiB")
		}
		if b == '\n' {
			break
		}
		line = append(line, b)
	}
	text, ok := strings.CutSuffix(string(line), "\r")
	if !ok || strings.ContainsAny(text, "\r\x00") {
		return "", refusedHTTP("a line without CR LF")
	}
	return text, nil
}

// isToken says whether a text is a token (RFC 9110, section 5.6.2), as names of fields are.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
