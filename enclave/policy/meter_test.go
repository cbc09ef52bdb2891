package policy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/internal/ledger"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/internal/rule/language"
	"github.com/redoubt-kms/redoubt/internal/usage"
	"github.com/redoubt-kms/redoubt/proof"
)

const nowMs = 1_795_333_820_985

// meterOf is a meter of one organization that counts what is given, of a payload, with no usage before.
func meterOf(t *testing.T, p chain.Payload, key []byte, prices []org.Price, counters ...org.Counter) *meter {
	t.Helper()
	c := &caller{now: nowMs, organization: proof.ID{1}}
	c.member.User = &org.User{Username: "ann"}
	c.member.Authenticator = &org.Authenticator{ID: proof.ID{4}}
	m := (&Engine{}).newMeter(c, proof.ID{1}, &org.Controls{Counters: counters, Prices: org.Prices{Table: prices}}, proof.ID{2}, &fact.Facts{Payload: p, PublicKey: key})
	if m == nil {
		t.Fatal("no meter")
	}
	return m
}

// tokens moves 5 of a token on Ethereum, for a fee of 21 at most.
func tokens(t *testing.T) chain.Payload {
	t.Helper()
	data, err := hex.DecodeString("a9059cbb" + strings.Repeat("0", 24) + strings.Repeat("11", 20) + strings.Repeat("0", 63) + "5")
	if err != nil {
		t.Fatal(err)
	}
	token := [20]byte{0xaa}
	tx, err := evm.NewDynamicFee(evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 21, MaxFeePerGas: big.NewInt(1), MaxPriorityFeePerGas: big.NewInt(1), To: &token, Value: new(big.Int), Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// Dollars are those of all assets, the fee's too; one without price makes them unknown, which leaves a trace.
func TestDollars(t *testing.T) {
	const token = "eip155:1/erc20:0xaa00000000000000000000000000000000000000"
	ether := org.Price{Asset: "ETH", Decimals: 0, MicroUSD: 1, At: nowMs}
	other := org.Price{Asset: token, Decimals: 0, MicroUSD: 1000, At: nowMs}
	counter := org.Counter{Scope: "user", Asset: "USD"}
	for _, prices := range [][]org.Price{{ether, other}, {other, ether}} {
		m := meterOf(t, tokens(t), nil, prices, counter)
		total, err := m.Spent("USD", "day", "user")
		if err != nil || total.String() != "5021" {
			t.Errorf("%v: %v, %v", prices, total, err)
		}
	}
	for _, prices := range [][]org.Price{{ether}, {other}} {
		m := meterOf(t, tokens(t), nil, prices, counter)
		if total, err := m.Spent("USD", "day", "user"); !errors.Is(err, usage.ErrPrice) {
			t.Errorf("%v: %v, %v", prices, total, err)
		}
		p := &proposal{}
		if err := m.reserve(p); err != nil || len(p.changes) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		series, ok := p.changes[0].value.(*usage.Series)
		if !ok || !series.Buckets[0].Unknown {
			t.Fatalf("%+v", p.changes[0])
		}
		priced := meterOf(t, tokens(t), nil, []org.Price{ether, other}, counter)
		priced.counted[0].series.value = series
		if total, err := priced.Spent("USD", "day", "user"); !errors.Is(err, usage.ErrUnknown) {
			t.Errorf("after what was not known: %v, %v", total, err)
		}
	}
}

// manyOutputs pays so many addresses on Bitcoin.
func manyOutputs(t *testing.T, n int) (chain.Payload, []byte) {
	t.Helper()
	key, err := hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := script.Output(api.AddressBitcoinSegwit, key)
	if err != nil {
		t.Fatal(err)
	}
	from := wire.NewMsgTx(2)
	from.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: chainhash.Hash{7}}, []byte{0x51}, nil))
	from.AddTxOut(wire.NewTxOut(1_000_000, ours))
	tx := wire.NewMsgTx(2)
	id := from.TxHash()
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: id}, nil, nil))
	for i := range n {
		tx.AddTxOut(wire.NewTxOut(1000, script.Program(0, bytes.Repeat([]byte{byte(i + 1)}, 20))))
	}
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	p.Inputs[0].NonWitnessUtxo = from
	var raw bytes.Buffer
	if err := p.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	spend, err := bitcoin.ParseSpend(api.AddressBitcoinSegwit, raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return spend, key
}

// A payload that pays more destinations than are counted keeps no limit by destination; others still hold.
func TestManyDestinations(t *testing.T) {
	byDestination := org.Counter{Scope: "destination", Asset: "BTC"}
	for n, fine := range map[int]bool{1: true, maxDestinations: true, maxDestinations + 1: false} {
		p, key := manyOutputs(t, n)
		m := meterOf(t, p, key, nil, byDestination, org.Counter{Scope: "user", Asset: "BTC"})
		if len(m.counted) != min(n, maxDestinations)+1 {
			t.Errorf("%d destinations: %d counters", n, len(m.counted))
		}
		total, err := m.Spent("BTC", "day", "destination")
		if (err == nil) != fine || fine && total.String() != "1000" {
			t.Errorf("%d destinations: %v, %v", n, total, err)
		}
		if total, err := m.Spent("BTC", "day", "user"); err != nil || total.String() != "1000000" {
			t.Errorf("%d destinations, all: %v, %v", n, total, err)
		}
	}
}

// A limit is read from the counter of its asset and scope, with what was used before; of a counter that is not there it is
// an error, which denies.
func TestTotals(t *testing.T) {
	m := meterOf(t, tokens(t), nil, nil, org.Counter{Scope: "user", Asset: ""}, org.Counter{Scope: "user", Asset: "ETH"}, org.Counter{Scope: "wallet", Asset: "ETH"})
	now := time.UnixMilli(nowMs)
	for i, used := range []uint64{2, 30, 400} {
		before, err := usage.New(now).Add(now.Add(-3*time.Minute), amount.New(1))
		if err == nil {
			before, err = before.Add(now, amount.New(used))
		}
		if err != nil {
			t.Fatal(err)
		}
		m.counted[i].series.value = before
		if e := m.counted[i].entry(before); e.Total != amount.New(used).String() || e.Bucket != nowMs/60_000 {
			t.Errorf("%+v", e)
		}
	}
	for _, c := range []struct{ asset, window, scope, want string }{
		{"", "day", "user", "4"},
		{"ETH", "day", "user", "52"},
		{"ETH", "day", "wallet", "422"},
		{"ETH", "1m0s", "user", "51"},
		{"SOL", "day", "user", "not counted"},
		{"", "day", "wallet", "not counted"},
		{"ETH", "day", "organization", "not counted"},
	} {
		total, err := m.total(c.asset, c.window, c.scope)
		if err == nil && total.String() != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, %v", c, total, err)
		}
	}
	m.caller.assumed = map[language.Counter]*amount.Amount{{Asset: "ETH", Window: "day", Scope: "user"}: amount.New(7)}
	if total, err := m.total("ETH", "day", "user"); err != nil || total.String() != "28" {
		t.Errorf("supposed: %v, %v", total, err)
	}
}

// A window that holds the moment to which a ledger was restored counts as used up, to the millisecond.
func TestTotalsAfterRestore(t *testing.T) {
	m := meterOf(t, tokens(t), nil, nil, org.Counter{Scope: "user", Asset: "ETH"})
	begin := uint64(nowMs - 3_600_000)
	for restored, fine := range map[uint64]bool{0: true, begin - 1: true, begin: false, begin + 1: false, nowMs: false} {
		m.engine.rebase.begin = restored
		if total, err := m.total("ETH", "1h0m0s", "user"); (err == nil) != fine {
			t.Errorf("restored at %d: %v, %v", restored, total, err)
		}
	}
}

// A counter that another request moved between the reading and the commit is seen.
func TestMeterUnchanged(t *testing.T) {
	m := meterOf(t, tokens(t), nil, nil, org.Counter{Scope: "user", Asset: ""}, org.Counter{Scope: "user", Asset: "ETH"})
	for moved := -1; moved < 2; moved++ {
		m.engine.dirty = map[ledger.Key]dirty{}
		for i, n := range m.counted {
			version := uint64(3)
			n.series.version = version
			if i == moved {
				version++
			}
			m.engine.dirty[n.key] = dirty{version: version}
		}
		if err := m.unchanged(); (err == nil) != (moved < 0) {
			t.Errorf("counter %d moved: %v", moved, err)
		}
	}
}
