package connect

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
)

// minOperatorToken bounds the token by which programs of the operator register apps: from there on nobody guesses it.
const minOperatorToken = 32 // characters

// errOperatorToken is what a registration gets whose token is not the operator's.
func errOperatorToken() *fault {
	return &fault{
		status: http.StatusUnauthorized, code: "invalid_token", challenge: `Bearer error="invalid_token"`,
		description: "the initial access token is not that of whoever runs this system; send it as it is, or none",
	}
}

// operator is the initial access token of RFC 7591, section 3, as it is known: its hash. The zero value is nobody's.
type operator struct {
	set  bool
	hash [sha256.Size]byte
}

func newOperator(token string) (operator, error) {
	if token == "" {
		return operator{}, nil
	}
	if len(token) < minOperatorToken {
		return operator{}, errors.New("connect: the registration token has fewer than 32 characters")
	}
	return operator{set: true, hash: sha256.Sum256([]byte(token))}, nil
}

// asks says whether a request comes from a program of the operator. A token that is not the operator's is refused, rather than
// taken for none: who sends one counts on it.
func (o operator) asks(r *http.Request) (bool, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return false, nil
	}
	const scheme = "bearer "
	if len(headers) > 1 || len(headers[0]) < len(scheme) || !strings.EqualFold(headers[0][:len(scheme)], scheme) {
		return false, errOperatorToken()
	}
	hash := sha256.Sum256([]byte(headers[0][len(scheme):]))
	if !o.set || subtle.ConstantTimeCompare(hash[:], o.hash[:]) != 1 {
		return false, errOperatorToken()
	}
	return true, nil
}
