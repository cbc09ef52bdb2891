package payload_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/rlp"
	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/permit"
)

// most is the largest body of a request; what is in it is shorter.
const most = api.MaxBody

// fill writes what make gives until it fills a request.
func fill(one func(i int) []byte) []byte {
	var b []byte
	for i := 0; ; i++ {
		next := one(i)
		if len(b)+len(next) > most-64 {
			return b
		}
		b = append(b, next...)
	}
}

// rlpList writes a list of what is encoded already.
func rlpList(content []byte) []byte {
	b, err := rlp.EncodeToBytes(rlp.RawValue(slices.Concat(rlpHead(len(content)), content)))
	if err != nil {
		panic(err)
	}
	return b
}

func rlpHead(n int) []byte {
	if n < 56 {
		return []byte{byte(0xc0 + n)}
	}
	size := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, uint32(n)), "\x00")
	return append([]byte{byte(0xf7 + len(size))}, size...)
}

// dynamic is a transaction of a type with what follows its data.
func dynamic(kind byte, after ...[]byte) []byte {
	fields := []byte{1, 1, 1, 2, 0x82, 0x52, 0x08, 0x94}
	fields = append(append(fields, bytes.Repeat([]byte{7}, 20)...), 1, 0x80)
	return append([]byte{kind}, rlpList(slices.Concat(append([][]byte{fields}, after...)...))...)
}

func authorization(i int) []byte {
	n := binary.BigEndian.AppendUint16([]byte{0x82}, uint16(1000+i))
	r := slices.Concat([]byte{0xa0, 0x6b}, bytes.Repeat([]byte{byte(i)}, 29), []byte{byte(i >> 8), 1})
	s := append([]byte{0xa0, 0x2b}, bytes.Repeat([]byte{byte(i)}, 31)...)
	return rlpList(slices.Concat([]byte{1, 0x94}, bytes.Repeat([]byte{9}, 20), n, []byte{1}, r, s))
}

// psbt has inputs of taproot, each with an output that it spends.
func psbt(inputs int, script []byte, more func(i int) []byte) []byte {
	tx := binary.LittleEndian.AppendUint16([]byte{2, 0, 0, 0, 0xfd}, uint16(inputs)) // at least 253
	for i := range inputs {
		tx = append(binary.LittleEndian.AppendUint32(append(tx, make([]byte, 28)...), uint32(i)), 0, 0, 0, 0, 0, 255, 255, 255, 255)
	}
	tx = append(tx, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b := []byte("psbt\xff\x01\x00")
	if len(tx) < 1<<16 {
		b = binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(len(tx)))
	} else {
		b = binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(len(tx)))
	}
	b = append(append(b, tx...), 0)
	for i := range inputs {
		b = append(b, 1, 1, byte(9+len(script)), 9, 0, 0, 0, 0, 0, 0, 0, byte(len(script)))
		b = append(append(append(b, script...), more(i)...), 0)
	}
	return append(b, 0)
}

type hostile struct {
	kind      permit.PayloadKind
	format    api.AddressFormat
	algorithm api.Algorithm
	bytes     []byte
	ok        bool
}

func hostiles(t *testing.T) map[string]hostile {
	t.Helper()
	rng := maker{rand.New(rand.NewPCG(5, 5))}
	noise := rng.some(most)
	tuple := func(int) []byte { return slices.Concat([]byte{0xd6, 0x94}, make([]byte, 20), []byte{0xc0}) }
	key := func(int) []byte { return append([]byte{0xa0}, make([]byte, 32)...) }
	keys := rlpList(rlpList(slices.Concat([]byte{0x94}, make([]byte, 20), rlpList(fill(key)[:33*7000]))))
	var consents []byte
	for i := range 671 {
		consents = append(consents, authorization(i)...)
	}
	nested := []byte{0xc0}
	for len(nested) < most-8 {
		nested = slices.Concat(rlpHead(len(nested)), nested)
		if len(nested) > 40_000 {
			break // each level copies the whole
		}
	}
	taproot := append([]byte{0x51, 0x20}, make([]byte, 32)...)
	data := slices.Concat([]byte{0xba}, binary.BigEndian.AppendUint32(nil, 200_000)[1:], make([]byte, 200_000))
	call := append([]byte{2}, rlpList(slices.Concat([]byte{1, 1, 1, 2, 0x82, 0x52, 0x08, 0x94}, make([]byte, 20), []byte{1}, data, []byte{0xc0}))...)
	oldTx := func(n int) []byte { // a transaction of many outputs
		b := append([]byte{2, 0, 0, 0, 1}, make([]byte, 41)...)
		if n < 253 {
			b = append(b, byte(n))
		} else {
			b = binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
		}
		for range n {
			b = append(b, make([]byte, 9)...)
		}
		return append(b, 0, 0, 0, 0)
	}
	plain := func(int) []byte { return nil }
	keccak, schnorr := api.Secp256k1Keccak256, api.Secp256k1Schnorr
	all := map[string]hostile{
		"EVM, access list":      {permit.PayloadEVM, "", "", dynamic(2, rlpList(fill(tuple))), true},
		"EVM, storage keys":     {permit.PayloadEVM, "", "", dynamic(2, keys), true},
		"EVM, calldata":         {permit.PayloadEVM, "", "", call, true},
		"EVM, authorizations":   {permit.PayloadEVM, "", "", dynamic(4, []byte{0xc0}, rlpList(consents)), true},
		"EVM, too many of them": {permit.PayloadEVM, "", "", dynamic(4, []byte{0xc0}, rlpList(fill(authorization))), false},
		"EVM, lists in lists":   {permit.PayloadEVM, "", "", nested, false},
		"EVM, noise":            {permit.PayloadEVM, "", "", append([]byte{2}, noise...)[:most], false},
		"typed data, noise":     {permit.PayloadTypedData, "", "", noise, false},
		"Solana, noise":         {permit.PayloadSolana, "", "", noise, false},
		"Sui, noise":            {permit.PayloadSui, "", "", append(make([]byte, 2), noise...)[:most], false},
		"PSBT, taproot inputs":  {permit.PayloadPSBT, api.AddressBitcoinTaproot, "", psbt(1000, taproot, plain), true},
		"PSBT, 10,000 inputs":   {permit.PayloadPSBT, api.AddressBitcoinTaproot, "", psbt(10_000, nil, plain)[:most], false},
		"PSBT, fields of inputs": {permit.PayloadPSBT, api.AddressBitcoinTaproot, "", psbt(1000, taproot, func(i int) []byte {
			return []byte{3, 0x30, byte(i), byte(i >> 8), 0, 3, 0x31, byte(i), byte(i >> 8), 0, 3, 0x32, 1, 1, 0}
		}), true},
		"PSBT, noise": {permit.PayloadPSBT, api.AddressBitcoinSegwit, "", append([]byte("psbt\xff"), noise...)[:most], false},
		"PSBT, previous": {permit.PayloadPSBT, api.AddressBitcoinSegwit, "", psbt(253, taproot, func(int) []byte {
			tx := oldTx(80)
			return slices.Concat([]byte{1, 0, 0xfd}, binary.LittleEndian.AppendUint16(nil, uint16(len(tx))), tx)
		}), true},
		"BIP-322":                   {permit.PayloadBIP322, api.AddressBitcoinTaproot, "", noise, true},
		"personal message":          {permit.PayloadPersonal, "", "", noise, true},
		"Sui text":                  {permit.PayloadSuiText, "", "", noise, true},
		"text, Ed25519":             {permit.PayloadUTF8, "", api.Ed25519, noise, true},
		"text, ECDSA":               {permit.PayloadUTF8, "", api.Secp256k1, noise, true},
		"raw, Keccak":               {permit.PayloadRaw, "", keccak, append(rlpList(bytes.Repeat([]byte{1}, most-8)), 0), true},
		"raw, EVM authorizations":   {permit.PayloadRaw, "", keccak, dynamic(4, []byte{0xc0}, rlpList(consents)), true},
		"raw, lists of bitcoin":     {permit.PayloadRaw, "", api.Secp256k1, append(oldTx(1000), make([]byte, 200_000)...), true},
		"raw, Bitcoin noise":        {permit.PayloadRaw, "", schnorr, append(make([]byte, 4), noise...)[:most], true},
		"raw, Ed25519":              {permit.PayloadRaw, "", api.Ed25519, noise, true},
		"raw, Solana message":       {permit.PayloadRaw, "", api.Ed25519, append([]byte{0x81}, noise...)[:most], true},
		"raw, witnesses of Bitcoin": {permit.PayloadRaw, "", api.Secp256k1, witnesses(), true},
	}
	for name, text := range typedTexts() {
		typed, err := typedjson.Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all["typed data, "+name] = hostile{permit.PayloadTypedData, "", "", typed.Encode(), true}
	}
	return all
}

// witnesses is a transaction whose inputs have as many empty items as there may be.
func witnesses() []byte {
	b := []byte{2, 0, 0, 0, 0, 1, 250}
	b = append(b, make([]byte, 41*250)...)
	b = append(b, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	for range 240 {
		b = append(append(b, 0xfd, 0xe8, 3), make([]byte, 1000)...)
	}
	return append(b, make([]byte, 14)...)
}

// typedTexts are typed data near every bound: structs that all know each other, many values, and an array of structs.
func typedTexts() map[string]string {
	const structs = 60
	types := map[string][]object{"EIP712Domain": {{"name": "name", "type": "string"}}}
	message := object{"x": true}
	for i := range structs {
		fields := []object{{"name": "x", "type": "bool"}}
		for j := i + 1; j < structs; j += 1 + i/20 {
			fields = append(fields, object{"name": fmt.Sprintf("f%d", j), "type": fmt.Sprintf("S%d[]", j)})
			if i == 0 {
				message[fmt.Sprintf("f%d", j)] = []any{}
			}
		}
		types[fmt.Sprintf("S%d", i)] = fields
	}
	write := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	knit := write(object{"types": types, "primaryType": "S0", "domain": object{"name": "D"}, "message": message})
	flat := object{"types": object{"M": []object{{"name": "a", "type": "A[]"}}, "A": []object{{"name": "b", "type": "bytes32"}}}, "primaryType": "M", "domain": object{"name": "D"}}
	var items []object
	for range 2000 {
		items = append(items, object{"b": "0x" + strings.Repeat("ab", 32)})
	}
	flat["message"] = object{"a": items}
	long := object{"types": object{"M": []object{{"name": "s", "type": "string"}}}, "primaryType": "M", "domain": object{"name": "D"}, "message": object{"s": strings.Repeat("x", 250_000)}}
	return map[string]string{"structs": knit, "array": write(flat), "string": write(long)}
}

type object = map[string]any

// TestHostile reads, and judges the effects of, what takes longest. The bar is 5 ms, four times that on a machine that
// is busy with other tests.
func TestHostile(t *testing.T) {
	if raced {
		t.Skip("no measuring under the race detector")
	}
	all := hostiles(t)
	publicKey := append([]byte{2}, bytes.Repeat([]byte{1}, 32)...)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, h := range all {
		took := leastTime(t, func() {
			p, err := payload.Read(h.kind, h.format, h.algorithm, h.bytes)
			if (err == nil) != h.ok {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil {
				p.Effects(publicKey)
			}
		})
		if limit := 20 * time.Millisecond; took > limit {
			t.Errorf("%s: took %v, limit %v", name, took, limit)
		}
		t.Logf("%s: %v for %d bytes", name, took, len(h.bytes))
	}
	for name, text := range typedTexts() {
		took := leastTime(t, func() {
			if _, err := typedjson.Parse([]byte(text)); err != nil {
				t.Fatal(err)
			}
		})
		if limit := 20 * time.Millisecond; took > limit {
			t.Errorf("JSON, %s: took %v, limit %v", name, took, limit)
		}
		t.Logf("JSON, %s: %v for %d bytes", name, took, len(text))
	}
}

// leastTime is what the calling thread needs, whatever else the machine does.
func leastTime(t *testing.T, do func()) time.Duration {
	t.Helper()
	now := func() time.Duration {
		var at unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
			t.Fatal(err)
		}
		return time.Duration(at.Nano())
	}
	best := time.Hour
	for range 5 {
		start := now()
		do()
		best = min(best, now()-start)
	}
	return best
}
