package policy

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	little "encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	geth "github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/evm"
)

// casesRig is an organization with one wallet, on which the cases of policies are tried.
type casesRig struct {
	*rig
	tenant
	wallet   string
	ethereum string // address of the wallet's account
	solana   string
	key      ed25519.PrivateKey // of user "agent", whose policy each case supposes
}

func newCases(t *testing.T) *casesRig {
	t.Helper()
	r := newRig(t)
	o := r.tenant(t)
	c := &casesRig{rig: r, tenant: o, wallet: r.wallet(t, o).WalletID}
	c.key = r.agent(t, o, "agent", allows("request.method == 'dryRun'"))
	accounts := must[[]api.Account](t, r, o.key, api.GetAccounts, object{
		"organizationId": o.id, "walletId": c.wallet, "accounts": []string{"m/44'/60'/0'/0/0", solanaPath},
	})
	c.ethereum, c.solana = accounts[0].Address, accounts[1].Address
	return c
}

// request is what a case asks: a method with its parameters.
type request struct {
	method api.Method
	params object
}

// outcomeOf supposes that the agent has a policy, and says what it makes of a request.
func (c *casesRig) outcomeOf(t *testing.T, policy object, q request, more object) api.DryRunResult {
	t.Helper()
	params := object{"organizationId": c.id}
	if q.method != api.CreateWallet && q.method != api.DeleteUserFromOrganization && q.method != api.GetOrganization {
		params["walletId"] = c.wallet
	}
	for k, v := range q.params {
		params[k] = v
	}
	ask := object{"organizationId": c.id, "username": "agent", "policy": policy, "request": object{
		"method": q.method, "params": params, "timestampMs": 0,
	}}
	for k, v := range more {
		ask[k] = v
	}
	return must[api.DryRunResult](t, c.rig, c.tenant.key, api.DryRun, ask)
}

// evmCall is a transaction of the wallet's Ethereum account.
type evmCall struct {
	chain int64
	to    string // empty creates a contract
	value string // wei, decimal
	data  []byte
}

func (e evmCall) request(t *testing.T) request {
	t.Helper()
	fields := evm.DynamicFee{
		ChainID: big.NewInt(e.chain), GasLimit: 100_000, MaxFeePerGas: big.NewInt(1e9), MaxPriorityFeePerGas: big.NewInt(1), Value: new(big.Int), Data: e.data,
	}
	if e.value != "" {
		fields.Value.SetString(e.value, 10)
	}
	if e.to != "" {
		to := [20]byte(common.HexToAddress(e.to))
		fields.To = &to
	}
	tx, err := evm.NewDynamicFee(fields)
	if err != nil {
		t.Fatal(err)
	}
	return transactionOf(tx)
}

func transactionOf(tx *evm.Transaction) request {
	return request{api.SignTransaction, object{
		"derivationInfo": "m/44'/60'/0'/0/0", "transaction": object{"kind": "RLP_ENCODED", "bytes": "0x" + hex.EncodeToString(tx.Unsigned())},
	}}
}

// pack encodes a call as go-ethereum does; its interface is JSON.
func pack(t *testing.T, abi, method string, args ...any) []byte {
	t.Helper()
	parsed, err := geth.JSON(strings.NewReader(abi))
	if err != nil {
		t.Fatal(err)
	}
	data, err := parsed.Pack(method, args...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const erc20ABI = `[
 {"type":"function","name":"transfer","inputs":[{"name":"to","type":"address"},{"name":"amount","type":"uint256"}]},
 {"type":"function","name":"transferFrom","inputs":[{"name":"from","type":"address"},{"name":"to","type":"address"},{"name":"amount","type":"uint256"}]},
 {"type":"function","name":"approve","inputs":[{"name":"spender","type":"address"},{"name":"amount","type":"uint256"}]}]`

// typed is a request to sign typed data with the Ethereum account.
func typed(t *testing.T, text string) request {
	t.Helper()
	var data json.RawMessage
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	return request{api.EthereumSignTypedData, object{"derivationInfo": "m/44'/60'/0'/0/0", "typedData": data}}
}

// instruction is one of a Solana transaction; accounts are base58, with s for a signer and w for writable after a space.
type instruction struct {
	program  string
	accounts []string
	data     []byte
}

// solanaTx serializes a legacy transaction with the wallet as payer, its signature empty.
func (c *casesRig) solanaTx(all ...instruction) request {
	type account struct{ signer, writable bool }
	order, seen := []string{c.solana}, map[string]*account{c.solana: {true, true}}
	touch := func(name string, flags string) {
		a := seen[name]
		if a == nil {
			a = &account{}
			seen[name], order = a, append(order, name)
		}
		a.signer, a.writable = a.signer || strings.Contains(flags, "s"), a.writable || strings.Contains(flags, "w")
	}
	for _, in := range all {
		for _, text := range in.accounts {
			name, flags, _ := strings.Cut(text, " ")
			touch(name, flags)
		}
		touch(in.program, "")
	}
	rank := func(name string) int {
		a := seen[name]
		switch {
		case a.signer && a.writable:
			return 0
		case a.signer:
			return 1
		case a.writable:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(order, func(a, b string) int { return rank(a) - rank(b) })
	var counts [4]byte
	for _, name := range order {
		counts[rank(name)]++
	}
	var m bytes.Buffer
	m.Write([]byte{counts[0] + counts[1], counts[1], counts[3], byte(len(order))})
	for _, name := range order {
		key, _ := base58.Decode(name)
		m.Write(key)
	}
	m.Write(bytes.Repeat([]byte{7}, 32))
	m.WriteByte(byte(len(all)))
	for _, in := range all {
		m.Write([]byte{byte(slices.Index(order, in.program)), byte(len(in.accounts))})
		for _, text := range in.accounts {
			name, _, _ := strings.Cut(text, " ")
			m.WriteByte(byte(slices.Index(order, name)))
		}
		m.WriteByte(byte(len(in.data)))
		m.Write(in.data)
	}
	signers := counts[0] + counts[1]
	whole := append(append([]byte{signers}, make([]byte, 64*int(signers))...), m.Bytes()...)
	return request{api.SignTransaction, object{"derivationInfo": solanaPath, "transaction": base64.RawURLEncoding.EncodeToString(whole)}}
}

const (
	systemProgram = "11111111111111111111111111111111"
	splToken      = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
	computeBudget = "ComputeBudget111111111111111111111111111111"
	memoProgram   = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
	usdcMint      = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
	payee         = "3Cy3YNTFywCmxoxt8n7UH6hg6dLo5uACowX3CFceaSnx"
	another       = "5frqxtii9LeGq2bz3dSNokvZcEooF483MzeU24JrhcTA"
)

// lamports moves lamports.
func (c *casesRig) lamports(to string, n uint64) instruction {
	return instruction{systemProgram, []string{c.solana + " sw", to + " w"}, little.LittleEndian.AppendUint64([]byte{2, 0, 0, 0}, n)}
}

// checked moves tokens of a mint between token accounts.
func (c *casesRig) checked(from, mint, to string, n uint64, decimals byte) instruction {
	return instruction{splToken, []string{from + " w", mint, to + " w", c.solana + " s"}, append(little.LittleEndian.AppendUint64([]byte{12}, n), decimals)}
}

func unitPrice(micro uint64) instruction {
	return instruction{computeBudget, nil, little.LittleEndian.AppendUint64([]byte{3}, micro)}
}

func unitLimit(units uint32) instruction {
	return instruction{computeBudget, nil, little.LittleEndian.AppendUint32([]byte{2}, units)}
}
