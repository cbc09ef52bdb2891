package evm_test

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/internal/vectors"
)

type forkResult struct {
	Exception string `json:"exception"`
	Hash      string `json:"hash"`
	Sender    string `json:"sender"`
}

type transactionTest struct {
	TxBytes string                `json:"txbytes"`
	Result  map[string]forkResult `json:"result"`
}

// nodeRules are what a node asks of a transaction beyond its form: it must be for its own network, pay for the gas
// that it takes before it runs, and create a contract of at most 49152 bytes. Such a transaction is harmless to sign
// (it never runs), so the parser takes it; the vectors count it as refused.
func nodeRules(s *evm.Signed) string {
	tx := s.Tx
	if id := tx.ChainID(); id != nil && id.Cmp(big.NewInt(1)) != 0 {
		return "INVALID_CHAINID"
	}
	gas := uint64(21000)
	for _, c := range tx.Data() {
		if c == 0 {
			gas += 4
		} else {
			gas += 16
		}
	}
	if tx.To() == nil {
		gas += 32000 + 2*uint64((len(tx.Data())+31)/32)
		if len(tx.Data()) > 49152 {
			return "INITCODE_SIZE_EXCEEDED"
		}
	}
	for _, a := range tx.AccessList() {
		gas += 2400 + 1900*uint64(len(a.StorageKeys))
	}
	if tx.Gas() < gas {
		return "INTRINSIC_GAS_TOO_LOW"
	}
	return ""
}

// TestEthereumTests runs the transactions of ethereum/tests under Cancun, the newest fork there: 50 valid ones with
// hash and sender, 99 invalid ones; none is of type 3 or 4 (go-ethereum is the oracle of those). The parser itself refuses what no network takes; the rest is nodeRules.
func TestEthereumTests(t *testing.T) {
	counts := make(map[string]int)
	root := vectors.Dir(t, "ethereum-tests", "TransactionTests")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var cases map[string]transactionTest
		if err := json.Unmarshal(b, &cases); err != nil {
			return err
		}
		for name, tc := range cases {
			if want, ok := tc.Result["Cancun"]; ok {
				counts[checkCase(t, name, tc.TxBytes, want)]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for outcome, want := range map[string]int{
		"accepted": 50, "refused by the parser": 76, "INVALID_CHAINID": 17, "INTRINSIC_GAS_TOO_LOW": 5,
		"INITCODE_SIZE_EXCEEDED": 1,
	} {
		if counts[outcome] != want {
			t.Errorf("%s: %d cases, want %d", outcome, counts[outcome], want)
		}
	}
}

// checkCase holds one vector against the parser and says how it ended.
func checkCase(t *testing.T, name, txBytes string, want forkResult) string {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(txBytes, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := evm.ParseSigned(raw)
	if err != nil {
		if want.Exception == "" {
			t.Errorf("%s is refused: %v", name, err)
		}
		return "refused by the parser"
	}
	if reason := nodeRules(s); reason != "" {
		if want.Exception == "" {
			t.Errorf("%s is refused: %s", name, reason)
		}
		return reason
	}
	if want.Exception != "" {
		t.Errorf("%s is accepted, want %s", name, want.Exception)
		return "wrongly accepted"
	}
	if got := "0x" + hex.EncodeToString(s.Hash[:]); got != want.Hash {
		t.Errorf("%s: hash %s, want %s", name, got, want.Hash)
	}
	if got := "0x" + hex.EncodeToString(s.Sender[:]); got != want.Sender {
		t.Errorf("%s: sender %s, want %s", name, got, want.Sender)
	}
	return "accepted"
}
