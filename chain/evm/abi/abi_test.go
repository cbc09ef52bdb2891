package abi_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	geth "github.com/ethereum/go-ethereum/accounts/abi"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/chain/evm/abi/abijson"
)

const batch = `[{"type":"function","name":"executeBatch","inputs":[{"name":"calls","type":"tuple[]","components":[
 {"name":"target","type":"address"},{"name":"value","type":"uint256"},{"name":"data","type":"bytes"}]}],"outputs":[]},
 {"type":"event","name":"E","inputs":[{"name":"x","type":"uint256","indexed":true}]},
 {"type":"function","name":"set","inputs":[{"name":"","type":"int8[2]"},{"name":"note","type":"string"}]},
 {"type":"function","name":"set","inputs":[]}]`

func pack(t testing.TB, text, name string, args ...any) []byte {
	t.Helper()
	theirs, err := geth.JSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	data, err := theirs.Pack(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type inner struct {
	Target [20]byte
	Value  *big.Int
	Data   []byte
}

func TestDecode(t *testing.T) {
	c, err := abijson.Parse([]byte(batch))
	if err != nil {
		t.Fatal(err)
	}
	data := pack(t, batch, "executeBatch", []inner{{[20]byte{1}, big.NewInt(5), []byte{1, 2, 3}}, {[20]byte{2}, new(big.Int), nil}})
	call, err := c.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	calls, ok := call.Arg("calls")
	if call.Name != "executeBatch" || call.Signature != "executeBatch((address,uint256,bytes)[])" || !ok || calls.Len() != 2 {
		t.Fatalf("%+v", call)
	}
	value, _ := calls.Item(0).Field("value")
	raw, _ := calls.Item(0).Field("data")
	target, _ := calls.Item(1).Field("target")
	if value.Int().Int64() != 5 || raw.String() != "0x010203" || target.Address() != [20]byte{2} || target.Kind() != abi.Address {
		t.Error(value, raw, target)
	}
	data = pack(t, batch, "set", [2]int8{-1, 5}, "é")
	if call, err = c.Decode(data); err != nil {
		t.Fatal(err)
	}
	note, _ := call.Arg("note")
	if n := call.Args.Item(0).Item(0).Int(); n.Int64() != -1 || note.String() != "é" || call.Args.Item(0).Type() != "int8[2]" {
		t.Error(n, note)
	}
	if got := len(c.Functions()); got != 3 {
		t.Errorf("%d functions", got)
	}
}

// TestStrict changes every word of a call: what is still read is written by go-ethereum to the same bytes.
func TestStrict(t *testing.T) {
	c, err := abijson.Parse([]byte(batch))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := geth.JSON(strings.NewReader(batch))
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range [][]byte{
		pack(t, batch, "executeBatch", []inner{{[20]byte{1}, big.NewInt(5), []byte{1, 2, 3}}, {[20]byte{2}, new(big.Int), nil}}),
		pack(t, batch, "set", [2]int8{-1, 5}, "note"), pack(t, batch, "set0"),
	} {
		refused := 0
		for i := 4; i < len(good); i++ {
			for _, change := range []byte{0x01, 0x20, 0x80, 0xff} {
				b := bytes.Clone(good)
				b[i] ^= change
				if _, err := c.Decode(b); err != nil {
					if !errors.Is(err, chain.ErrMalformed) {
						t.Fatal(err)
					}
					refused++
					continue
				}
				checkEncoding(t, theirs, b)
			}
		}
		for n := 4; n < len(good); n++ {
			if _, err := c.Decode(good[:n]); err == nil {
				t.Errorf("read when cut to %d bytes", n)
			}
		}
		if _, err := c.Decode(append(bytes.Clone(good), 0)); err == nil {
			t.Error("read with a byte after it")
		}
		if len(good) > 4 && refused < len(good) {
			t.Errorf("only %d changes are refused", refused)
		}
	}
}

// checkEncoding holds call data against what go-ethereum makes of it and writes again.
func checkEncoding(t *testing.T, theirs geth.ABI, b []byte) {
	t.Helper()
	m, err := theirs.MethodById(b[:4])
	if err != nil {
		t.Fatal(err)
	}
	values, err := m.Inputs.Unpack(b[4:])
	if err != nil {
		t.Fatalf("we read %x, go-ethereum says %v", b, err)
	}
	again, err := m.Inputs.Pack(values...)
	if err != nil || !bytes.Equal(again, b[4:]) {
		t.Fatalf("go-ethereum writes %x instead of %x: %v", again, b[4:], err)
	}
}

func TestHostileLengths(t *testing.T) {
	c, err := abi.Signatures("f(uint256[][] x)", "g((bytes a)[3] x,string s)")
	if err != nil {
		t.Fatal(err)
	}
	word := func(s string) string { return strings.Repeat("0", 64-len(s)) + s }
	huge := strings.Repeat("f", 64)
	for _, args := range []string{
		word("20") + huge, word("20") + word("ffffffff"), word("20") + word("1") + word("20") + huge, huge, word("20"),
		word("20") + word("1") + word("20") + word("7fffffffffffffff"), word("20") + word("1") + word("0"),
	} {
		for _, f := range c.Functions() {
			b, err := hex.DecodeString(args)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Decode(append(f.Selector[:], b...)); !errors.Is(err, chain.ErrMalformed) {
				t.Errorf("%s %s: %v", f.Signature, args, err)
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() {
		f := c.Functions()[0]
		b, _ := hex.DecodeString(word("20") + word("ffffff"))
		_, _ = c.Decode(append(f.Selector[:], b...))
	}); n > 30 {
		t.Errorf("%v allocations for a length that is not there", n)
	}
}

func TestDeclarationsRefused(t *testing.T) {
	function := func(inputs string) string { return `[{"type":"function","name":"f","inputs":` + inputs + `}]` }
	deep := strings.Repeat(`[{"name":"a","type":"tuple","components":`, 20) + `[]` + strings.Repeat(`}]`, 20)
	for _, tc := range []struct{ text, want string }{
		{`{}`, "not an array"},
		{`[`, "not an array"},
		{`[{"type":"function","type":"function","name":"f"}]`, "duplicate"},
		{`[]`, "without functions"},
		{`[{"type":"function","name":"f","inputs":[5]}]`, "/0/inputs/0"},
		{`[{"type":"function","name":"1f"}]`, "function 0: name"},
		{function(`[{"name":"a","type":"uint"}]`), "f.inputs[0]: \"uint\" is not a type that can be read: write uint256"},
		{function(`[{"name":"a","type":"address"},{"name":"b","type":"fixed128x18"}]`), "f.inputs[1]"},
		{function(`[{"name":"a","type":"uint257"}]`), "f.inputs[0]"},
		{function(`[{"name":"a","type":"bytes33"}]`), "f.inputs[0]"},
		{function(`[{"name":"a","type":"uint8[0]"}]`), "arrays have"},
		{function(`[{"name":"a","type":"uint8[01]"}]`), "arrays have"},
		{function(`[{"name":"a","type":"uint8]"}]`), "not a type"},
		{function(`[{"name":"a","type":"uint8[4096][4096]"}]`), "words"},
		{function(`[{"name":"a","type":"tuple"}]`), "f.inputs[0].components: a tuple has components"},
		{function(`[{"name":"a","type":"tuple","components":[{"name":"b","type":"x"}]}]`), "f.inputs[0].components[0]"},
		{function(`[{"name":"a","type":"bool","components":[{"name":"b","type":"bool"}]}]`), "only a tuple"},
		{function(`[{"name":"a","type":"bool"},{"name":"a","type":"bool"}]`), "given twice"},
		{function(`[{"name":"a b","type":"bool"}]`), "identifier"},
		{function(`[{"name":"a","type":"bool` + strings.Repeat("[]", 20) + `"}]`), "deeper"},
		{function(deep), "deeper"},
		{`[{"type":"function","name":"f"},{"type":"function","name":"f"}]`, "selector of f()"},
		// Two names with one selector.
		{`[{"type":"function","name":"transfer","inputs":[{"name":"","type":"address"},{"name":"","type":"uint256"}]},
		   {"type":"function","name":"many_msg_babbage","inputs":[{"name":"","type":"bytes1"}]}]`, "0xa9059cbb"},
		{"[" + strings.Repeat(" ", abijson.MaxSize) + "]", "at most"},
	} {
		_, err := abijson.Parse([]byte(tc.text))
		if !errors.Is(err, chain.ErrMalformed) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.80s: %v, want %q", tc.text, err, tc.want)
		}
	}
	if _, err := abijson.Parse([]byte(`[{"type":"event","name":"E","inputs":[{"name":"x","type":"nonsense"}]},{"name":"f","inputs":[]}]`)); err != nil {
		t.Errorf("an event of a strange type: %v", err)
	}
	for _, text := range []string{"f", "f(", "f(uint256", "f(uint256))", "f((uint256)", "f(uint256 a b)", "f(,)"} {
		if _, err := abi.Signatures(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestKnown(t *testing.T) {
	if n := len(abi.Known().Functions()); n != 62 {
		t.Errorf("%d built-in functions", n)
	}
	for _, text := range []string{ // selectors as the standards print them
		"a9059cbb transfer(address,uint256)", "23b872dd transferFrom(address,address,uint256)", "095ea7b3 approve(address,uint256)",
		"d505accf permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", "42842e0e safeTransferFrom(address,address,uint256)",
		"b88d4fde safeTransferFrom(address,address,uint256,bytes)", "f242432a safeTransferFrom(address,address,uint256,uint256,bytes)",
		"2eb2c2d6 safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)", "a22cb465 setApprovalForAll(address,bool)",
		"e3ee160e transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
		"ef55bec6 receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
		"87517c45 approve(address,address,uint160,uint48)", "36c78516 transferFrom(address,address,uint160,address)",
		"2b67b570 permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)",
		"30f28b7a permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)",
		"252dba42 aggregate((address,bytes)[])", "82ad56cb aggregate3((address,bool,bytes)[])", "174dea71 aggregate3Value((address,bool,uint256,bytes)[])",
		"bce38bd7 tryAggregate(bool,(address,bytes)[])", "ac9650d8 multicall(bytes[])", "5ae401dc multicall(uint256,bytes[])",
		"34fcd5be executeBatch((address,uint256,bytes)[])", "e63d38ed disperseEther(address[],uint256[])",
		"c73a2d60 disperseToken(address,address[],uint256[])", "d0e30db0 deposit()", "2e1a7d4d withdraw(uint256)", "b61d27f6 execute(address,uint256,bytes)",
	} {
		want, signature, _ := strings.Cut(text, " ")
		selector := abi.SelectorOf(signature)
		known := false
		for _, f := range abi.Known().Functions() {
			known = known || f.Signature == signature
		}
		if hex.EncodeToString(selector[:]) != want || !known {
			t.Errorf("%s: %x, known %t", signature, selector, known)
		}
	}
}
