package client

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Kept is a receipt with the bytes that it is about, as it is kept in a file: request and result as text, byte for byte.
// It proves what was answered for as long as the deployment lasts.
type Kept struct {
	Version int    `json:"version"` // 1
	Request string `json:"request"` // body of the request
	Result  string `json:"result"`  // member "result" of the answer; of a denial, the whole body
	Receipt string `json:"receipt"` // header X-Redoubt-Receipt
}

const keptVersion = 1

// Kept returns what to keep of an answer.
func (a Answer) Kept() Kept {
	return Kept{Version: keptVersion, Request: string(a.Request), Result: string(a.Result), Receipt: a.Receipt}
}

// ReadKept reads a kept receipt. It verifies nothing yet.
func ReadKept(b []byte) (Kept, error) {
	var k Kept
	if err := json.Unmarshal(b, &k); err != nil {
		return k, fmt.Errorf("not a kept receipt: %w", err)
	}
	if k.Version != keptVersion || k.Request == "" || k.Receipt == "" {
		return k, errors.New("not a kept receipt of version 1")
	}
	return k, nil
}
