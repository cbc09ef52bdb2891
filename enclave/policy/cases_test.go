package policy

import (
	"crypto/sha256"
	little "encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/solana"
)

// policyCase is a policy that people really write, with what it must allow and deny.
type policyCase struct {
	name      string
	rules     []object
	constants object
	allow     map[string]request
	deny      map[string]refusal
	more      object // of the dry run
}

// refusal is a request that is denied, and a part of the reason.
type refusal struct {
	request
	because string
}

func rules(all ...string) []object {
	var made []object
	for _, text := range all {
		outcome, expression, _ := strings.Cut(text, " ")
		made = append(made, object{"outcome": outcome, "expression": expression, "comment": ""})
	}
	return made
}

func (p policyCase) policy() object {
	constants := []object{}
	for name, value := range p.constants {
		constants = append(constants, object{"name": name, "value": value, "comment": ""})
	}
	return object{"type": "CEL", "rules": p.rules, "constants": constants}
}

const (
	treasury = "0x1111111111111111111111111111111111111111"
	outsider = "0x2222222222222222222222222222222222222222"
	usdc     = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
	oneEther = "1000000000000000000"
)

// TestPolicyCases tries the policies that people write for other systems, in our language.
func TestPolicyCases(t *testing.T) {
	c := newCases(t)
	seen := 0
	for _, p := range append(append(accessCases(c, t), evmCases(t)...), append(append(typedCases(t), solanaCases(t, c)...), bitcoinCases(t, c)...)...) {
		t.Run(p.name, func(t *testing.T) {
			for name, q := range p.allow {
				if d := c.outcomeOf(t, p.policy(), q, p.more); d.Decision != "ALLOW" {
					t.Errorf("%s: %s: %s %s", name, d.Decision, d.Rule, d.Reason)
				}
			}
			for name, q := range p.deny {
				d := c.outcomeOf(t, p.policy(), q.request, p.more)
				if d.Decision != "DENY" || !strings.Contains(d.Reason, q.because) || d.Explanation == nil {
					t.Errorf("%s: %s: %s %q, want a denial because of %q", name, d.Decision, d.Rule, d.Reason, q.because)
				}
			}
		})
		seen += len(p.allow) + len(p.deny)
	}
	if seen != 87 {
		t.Errorf("%d requests were tried, want 87", seen)
	}
}

func accessCases(c *casesRig, t *testing.T) []policyCase {
	create := request{api.CreateWallet, object{"walletName": "x"}}
	remove := request{api.DeleteUserFromOrganization, object{"username": "root"}}
	message := request{api.SignUtf8Message, object{"message": "hi", "derivationInfo": solanaPath}}
	elsewhere := request{api.SignUtf8Message, object{"message": "hi", "derivationInfo": "m/44'/501'/1'/0'"}}
	recipientKey := standard(append([]byte{9}, make([]byte, 31)...))
	export := func(key string) request { return request{api.ExportWallet, object{"publicKey": key}} }
	member := must[api.Organization](t, c.rig, c.tenant.key, api.GetOrganization, object{"organizationId": c.id}).Users[1]
	return []policyCase{
		{
			name: "1 only one user creates wallets", rules: rules("ALLOW request.method == 'createWallet' && user.name == 'agent'"),
			allow: map[string]request{"create": create},
			deny:  map[string]refusal{"delete": {remove, "request.method == \"createWallet\" is false"}},
		},
		{
			name: "1 not by another", rules: rules("ALLOW request.method == 'createWallet' && user.name == 'x'"),
			deny: map[string]refusal{"create": {create, `user.name == "x" is false (user.name = "agent")`}},
		},
		{
			name: "3 no deletes by interns", rules: rules("ALLOW request.method != 'getAccounts'", "DENY request.method.startsWith('delete') && !('senior' in user.tags)"),
			allow: map[string]request{"create": create},
			deny:  map[string]refusal{"delete": {remove, "the rule denies it"}},
		},
		{
			name: "5 one key of a user", rules: rules("ALLOW request.method == 'signUtf8Message' && authenticator.publicKey == key"), constants: object{"key": member.Authenticators[0].PublicKey},
			allow: map[string]request{"that key": message},
		},
		{
			name: "5 not another", rules: rules("ALLOW request.method == 'signUtf8Message' && authenticator.publicKey == key"), constants: object{"key": "other"},
			deny: map[string]refusal{"other key": {message, "authenticator.publicKey == key is false"}},
		},
		{
			name: "6 one account of a wallet", rules: rules("ALLOW request.method == 'signUtf8Message' && wallet.id == w && request.derivation.address == a"), constants: object{"w": c.wallet, "a": c.solana},
			allow: map[string]request{"that account": message},
			deny:  map[string]refusal{"other index": {elsewhere, "request.derivation.address == a is false"}, "export": {export(recipientKey), "request.method == \"signUtf8Message\" is false"}},
		},
		{
			name: "7 export to one key", rules: rules("ALLOW request.method == 'exportWallet' && request.recipientKey == key"), constants: object{"key": recipientKey[:len(recipientKey)-1]},
			allow: map[string]request{"to that key": export(recipientKey)},
			deny:  map[string]refusal{"to another": {export(standard(append([]byte{8}, make([]byte, 31)...))), "request.recipientKey == key is false"}},
		},
		{
			name: "26 business hours in New York", more: object{"timeMs": time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC).UnixMilli()},
			rules: rules("ALLOW request.method == 'createWallet' && request.time.getHours('America/New_York') >= 9 && request.time.getHours('America/New_York') < 17 && request.time.getDayOfWeek('America/New_York') in [1, 2, 3, 4, 5]"),
			allow: map[string]request{"at ten": create},
		},
		{
			name: "26 not at eight, winter time", more: object{"timeMs": time.Date(2026, 11, 24, 13, 30, 0, 0, time.UTC).UnixMilli()},
			rules: rules("ALLOW request.method == 'createWallet' && request.time.getHours('America/New_York') >= 9"),
			deny:  map[string]refusal{"at half past eight": {create, `request.time.getHours("America/New_York") >= 9 is false`}},
		},
		{
			name: "26 at half past nine, summer time", more: object{"timeMs": time.Date(2026, 7, 24, 13, 30, 0, 0, time.UTC).UnixMilli()},
			rules: rules("ALLOW request.method == 'createWallet' && request.time.getHours('America/New_York') >= 9", "DENY request.time.getHours('America/New_York') >= 22"),
			allow: map[string]request{"at half past nine": create},
		},
	}
}

func evmCases(t *testing.T) []policyCase {
	pay := func(chain int64, to, value string) request {
		return evmCall{chain: chain, to: to, value: value}.request(t)
	}
	amount := func(n int64) *big.Int { return big.NewInt(n) }
	erc20 := func(contract, method string, args ...any) request {
		return evmCall{chain: 1, to: contract, data: pack(t, erc20ABI, method, args...)}.request(t)
	}
	friend, foe := common.HexToAddress(treasury), common.HexToAddress(outsider)
	longer := evmCall{chain: 1, to: usdc, data: append(pack(t, erc20ABI, "transfer", friend, amount(5)), make([]byte, 32)...)}.request(t)
	type call struct {
		Target common.Address
		Value  *big.Int
		Data   []byte
	}
	const batchABI = `[{"type":"function","name":"executeBatch","inputs":[{"name":"calls","type":"tuple[]","components":[{"name":"target","type":"address"},{"name":"value","type":"uint256"},{"name":"data","type":"bytes"}]}]}]`
	batch := func(calls ...call) request {
		return evmCall{chain: 1, to: treasury, data: pack(t, batchABI, "executeBatch", calls)}.request(t)
	}
	good := call{friend, amount(0), nil}
	const disperseABI = `[{"type":"function","name":"disperseEther","inputs":[{"name":"recipients","type":"address[]"},{"name":"values","type":"uint256[]"}]}]`
	disperse := func(to ...common.Address) request {
		values := make([]*big.Int, len(to))
		for i := range values {
			values[i] = amount(1)
		}
		return evmCall{chain: 1, to: treasury, data: pack(t, disperseABI, "disperseEther", to, values)}.request(t)
	}
	delegated := func(chain int64, nonce uint64, to string) request {
		friend := [20]byte(friend)
		tx, err := evm.NewSetCode(evm.DynamicFee{
			ChainID: amount(8453), GasLimit: 100_000, MaxFeePerGas: amount(1), MaxPriorityFeePerGas: amount(1), Value: new(big.Int), To: &friend,
		}, []evm.Authorization{{ChainID: amount(chain), Address: [20]byte(common.HexToAddress(to)), Nonce: nonce, R: amount(1), S: amount(1)}})
		if err != nil {
			t.Fatal(err)
		}
		return transactionOf(tx)
	}
	return []policyCase{
		{
			name:  "8 native transfers to the treasury",
			rules: rules("ALLOW request.method == 'signTransaction' && tx.evm.chainId == 1 && tx.evm.to == treasury && tx.evm.value <= ether('1') && tx.evm.data == b''"), constants: object{"treasury": treasury},
			allow: map[string]request{"one ether": pay(1, treasury, oneEther)},
			deny: map[string]refusal{
				"a wei more":      {pay(1, treasury, "1000000000000000001"), `tx.evm.value <= ether("1") is false (tx.evm.value = 1000000000000000001`},
				"another network": {pay(137, treasury, "1"), "tx.evm.chainId == 1 is false (tx.evm.chainId = 137)"},
				"a new contract":  {evmCall{chain: 1, data: []byte{1}}.request(t), "tx.evm.to == treasury is false"},
			},
		},
		{
			name: "9 free for all on a test network", rules: rules("ALLOW request.method == 'signTransaction' && tx.evm.chainId == 11155111"),
			allow: map[string]request{"there": pay(11155111, outsider, oneEther)},
			deny:  map[string]refusal{"elsewhere": {pay(1, outsider, "1"), "tx.evm.chainId == 11155111 is false"}},
		},
		{
			name:      "10 transfers of one token to some",
			rules:     rules("ALLOW request.method == 'signTransaction' && tx.evm.to == token && tx.evm.call.name == 'transfer' && tx.evm.call.args.to in payees && tx.evm.call.args.amount < units('100', 6)"),
			constants: object{"token": strings.ToLower(usdc), "payees": []string{treasury}},
			allow:     map[string]request{"within": erc20(usdc, "transfer", friend, amount(99_999_999))},
			deny: map[string]refusal{
				"too much":         {erc20(usdc, "transfer", friend, amount(100_000_000)), "tx.evm.call.args.amount < units"},
				"to an outsider":   {erc20(usdc, "transfer", foe, amount(1)), "tx.evm.call.args.to in payees is false"},
				"from another":     {erc20(usdc, "transferFrom", friend, friend, amount(1)), `tx.evm.call.name == "transfer" is false (tx.evm.call.name = "transferFrom")`},
				"an approval":      {erc20(usdc, "approve", friend, amount(1)), `tx.evm.call.name = "approve"`},
				"of another token": {erc20(outsider, "transfer", friend, amount(1)), "tx.evm.to == token is false"},
				"with more bytes":  {longer, "call is absent"},
			},
		},
		{
			name:      "11 batches of calls to one contract",
			rules:     rules("ALLOW request.method == 'signTransaction' && tx.evm.call.name == 'executeBatch' && size(tx.evm.call.args.calls) in [1, 2] && tx.evm.call.args.calls.all(c, c.target == target && c.value == 0)"),
			constants: object{"target": treasury},
			allow:     map[string]request{"one": batch(good), "two": batch(good, good)},
			deny: map[string]refusal{
				"three":      {batch(good, good, good), "size(tx.evm.call.args.calls)"},
				"none":       {batch(), "size(tx.evm.call.args.calls)"},
				"a foreign":  {batch(good, call{foe, amount(0), nil}), "tx.evm.call.args.calls.all"},
				"with value": {batch(call{friend, amount(1), nil}), "tx.evm.call.args.calls.all"},
			},
		},
		{
			name:      "12 disperse to a set",
			rules:     rules("ALLOW request.method == 'signTransaction' && tx.evm.call.name == 'disperseEther' && size(tx.evm.call.args.recipients) > 0 && tx.evm.call.args.recipients.all(r, r in payees)"),
			constants: object{"payees": []string{treasury}},
			allow:     map[string]request{"inside": disperse(friend, friend)},
			deny: map[string]refusal{
				"an outsider": {disperse(friend, foe), "recipients.all"},
				"nobody":      {disperse(), "size(tx.evm.call.args.recipients) > 0 is false"},
			},
		},
		{
			name:      "17 delegation to one contract",
			rules:     rules("ALLOW request.method == 'signTransaction' && tx.evm.authorizations.all(a, a.address == delegate && a.chainId == 8453 && a.nonce == 7) && size(tx.evm.authorizations) == 1"),
			constants: object{"delegate": treasury},
			allow:     map[string]request{"that one": delegated(8453, 7, treasury)},
			deny: map[string]refusal{
				"another":     {delegated(8453, 7, outsider), "authorizations.all"},
				"other nonce": {delegated(8453, 8, treasury), "authorizations.all"},
			},
		},
		{
			name:  "no approval without limit, nor a nested one",
			rules: rules("ALLOW request.method == 'signTransaction' && tx.chain == 'evm'", "DENY request.method == 'signTransaction' && effects.approvals.exists(a, a.unlimited)"),
			allow: map[string]request{"some": erc20(usdc, "approve", friend, amount(1))},
			deny:  map[string]refusal{"all": {erc20(usdc, "approve", friend, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))), "the rule denies it"}},
		},
	}
}

func typedCases(t *testing.T) []policyCase {
	const permit2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
	batch := func(contract string, tokens ...string) request {
		var list []string
		for _, token := range tokens {
			list = append(list, fmt.Sprintf(`{"token":"%s","amount":"99999999"}`, token))
		}
		return typed(t, `{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],
 "PermitBatchTransferFrom":[{"name":"permitted","type":"TokenPermissions[]"},{"name":"spender","type":"address"},{"name":"nonce","type":"uint256"},{"name":"deadline","type":"uint256"}],
 "TokenPermissions":[{"name":"token","type":"address"},{"name":"amount","type":"uint256"}]},"primaryType":"PermitBatchTransferFrom",
 "domain":{"name":"Permit2","chainId":1,"verifyingContract":"`+contract+`"},
 "message":{"permitted":[`+strings.Join(list, ",")+`],"spender":"`+treasury+`","nonce":"1","deadline":"1795337000"}}`)
	}
	authorization := func(to string, value int) request {
		return typed(t, fmt.Sprintf(`{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],
 "TransferWithAuthorization":[{"name":"from","type":"address"},{"name":"to","type":"address"},{"name":"value","type":"uint256"},{"name":"validAfter","type":"uint256"},{"name":"validBefore","type":"uint256"},{"name":"nonce","type":"bytes32"}]},
 "primaryType":"TransferWithAuthorization","domain":{"name":"USD Coin","version":"2","chainId":1,"verifyingContract":"%s"},
 "message":{"from":"%s","to":"%s","value":"%d","validAfter":"0","validBefore":"1795337000","nonce":"0x%064d"}}`, usdc, outsider, to, value, 1))
	}
	permit := func(spender, value string) request {
		return typed(t, `{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],
 "Permit":[{"name":"owner","type":"address"},{"name":"spender","type":"address"},{"name":"value","type":"uint256"},{"name":"nonce","type":"uint256"},{"name":"deadline","type":"uint256"}]},
 "primaryType":"Permit","domain":{"name":"USD Coin","chainId":1,"verifyingContract":"`+usdc+`"},
 "message":{"owner":"`+outsider+`","spender":"`+spender+`","value":"`+value+`","nonce":"0","deadline":"1795337000"}}`)
	}
	hyperliquid := func(primary string) request {
		return typed(t, `{"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"chainId","type":"uint256"}],"`+primary+`":[{"name":"agentAddress","type":"address"}]},
 "primaryType":"`+primary+`","domain":{"name":"HyperliquidSignTransaction","chainId":42161},"message":{"agentAddress":"`+treasury+`"}}`)
	}
	const dai = "0x6B175474E89094C44Da98b954EedeAC495271d0F"
	return []policyCase{
		{
			name: "13 Permit2 of one token", more: object{"timeMs": 1795333819845},
			rules: rules("ALLOW request.method == 'ethereumSignTypedData' && typedData.domain.verifyingContract == permit2 && typedData.primaryType == 'PermitBatchTransferFrom' && size(typedData.message.permitted) in [1, 2] && " +
				"typedData.message.permitted.all(p, p.token == usdc && p.amount < units('100', 6)) && typedData.message.spender == spender && !effects.unknown && typedData.message.deadline < uint256(int(request.time) + 3600)"),
			constants: object{"permit2": permit2, "usdc": usdc, "spender": treasury},
			allow:     map[string]request{"one": batch(permit2, usdc), "two": batch(permit2, usdc, usdc)},
			deny: map[string]refusal{
				"a second token": {batch(permit2, usdc, dai), "permitted.all"},
				"three":          {batch(permit2, usdc, usdc, usdc), "size(typedData.message.permitted)"},
				"a namesake":     {batch(outsider, usdc), "typedData.domain.verifyingContract == permit2 is false"},
			},
		},
		{
			name:      "14 payments by authorization",
			rules:     rules("ALLOW request.method == 'ethereumSignTypedData' && typedData.domain.verifyingContract == usdc && typedData.primaryType == 'TransferWithAuthorization' && typedData.message.to in payees && typedData.message.value <= units('0.50', 6) && !effects.unknown && usage.spent('eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', 'day') <= units('20', 6)"),
			constants: object{"usdc": usdc, "payees": []string{treasury}},
			more:      object{"usage": []object{{"asset": "eip155:1/erc20:" + strings.ToLower(usdc), "window": "day", "used": "19500000"}}},
			allow:     map[string]request{"the fortieth": authorization(treasury, 500_000)},
			deny: map[string]refusal{
				"too much":      {authorization(treasury, 500_001), "typedData.message.value <= units"},
				"to a stranger": {authorization(outsider, 1), "typedData.message.to in payees is false"},
			},
		},
		{
			name:  "14 the forty-first of the day",
			rules: rules("ALLOW request.method == 'ethereumSignTypedData' && !effects.unknown && usage.spent('eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', 'day') <= units('20', 6)"),
			more:  object{"usage": []object{{"asset": "eip155:1/erc20:" + strings.ToLower(usdc), "window": "day", "used": "20000000"}}},
			deny:  map[string]refusal{"any": {authorization(treasury, 500_000), "limit 20000000 eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48 in day by user, used 20000000, requested 500000, left 0"}},
		},
		{
			name:      "15 finite permits to one spender",
			rules:     rules("ALLOW request.method == 'ethereumSignTypedData' && typedData.domain.verifyingContract == usdc && typedData.primaryType == 'Permit' && typedData.message.spender == spender && effects.approvals.size() == 1 && effects.approvals.all(a, !a.unlimited)"),
			constants: object{"usdc": usdc, "spender": treasury},
			allow:     map[string]request{"some": permit(treasury, "5")},
			deny: map[string]refusal{
				"all of it":       {permit(treasury, "115792089237316195423570985008687907853269984665640564039457584007913129639935"), "effects.approvals.all"},
				"another spender": {permit(outsider, "5"), "typedData.message.spender == spender is false"},
			},
		},
		{
			name:  "16 agents of an exchange, no withdrawals",
			rules: rules("ALLOW request.method == 'ethereumSignTypedData' && typedData.domain.name == 'HyperliquidSignTransaction' && typedData.primaryType == 'ApproveAgent'"),
			allow: map[string]request{"agent": hyperliquid("ApproveAgent")},
			deny:  map[string]refusal{"withdrawal": {hyperliquid("Withdraw"), `typedData.primaryType == "ApproveAgent" is false (typedData.primaryType = "Withdraw")`}},
		},
		{
			name:  "18 no blind signatures",
			rules: rules("ALLOW request.method in ['signRawPayload', 'ethereumSignTypedData']"),
			allow: map[string]request{"typed data": hyperliquid("ApproveAgent")},
		},
	}
}

func solanaCases(t *testing.T, c *casesRig) []policyCase {
	ata := func(owner string) string {
		o, err := solana.ParseKey(owner)
		if err != nil {
			t.Fatal(err)
		}
		program, _ := solana.ParseKey(splToken)
		mint, _ := solana.ParseKey(usdcMint)
		a, err := solana.AssociatedTokenAddress(o, program, mint)
		if err != nil {
			t.Fatal(err)
		}
		return a.String()
	}
	own, theirs := ata(c.solana), ata(payee)
	tokens := func(to string, n uint64) instruction { return c.checked(own, usdcMint, to, n, 6) }
	memo := instruction{memoProgram, nil, []byte("hi")}
	plain := instruction{splToken, []string{own + " w", theirs + " w", c.solana + " s"}, []byte{3, 5, 0, 0, 0, 0, 0, 0, 0}}
	closing := instruction{splToken, []string{own + " w", another + " w", c.solana + " s"}, []byte{9}}
	const jupiter = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
	discriminator := func(name string) []byte { // of Anchor
		sum := sha256.Sum256([]byte("global:" + name))
		return sum[:8]
	}
	swap := func(program, name string, in uint64, slippage uint16, to string) instruction {
		data := append(discriminator(name), 1, 0, 0, 0, 7, 100, 0, 1) // a plan of one step
		data = little.LittleEndian.AppendUint64(data, in)
		data = little.LittleEndian.AppendUint64(data, in)
		data = append(little.LittleEndian.AppendUint16(data, slippage), 0)
		return instruction{program, []string{splToken, c.solana + " s", own + " w", to + " w", program, usdcMint}, data}
	}
	setAuthority := instruction{splToken, []string{own + " w", c.solana + " s"}, append([]byte{6, 2, 1}, make([]byte, 32)...)}
	return []policyCase{
		{
			name: "19 one transfer of SOL, the fee bounded",
			rules: rules("ALLOW request.method == 'signTransaction' && tx.solana.instructions.filter(i, i.name == 'system.transfer').size() == 1 && " +
				"tx.solana.instructions.all(i, i.name == 'system.transfer' || i.program == budget) && size(tx.solana.instructions) > 0 && " +
				"effects.transfers.all(t, t.to == r && t.amount <= sol('1')) && tx.solana.priorityFee <= sol('0.001')"),
			constants: object{"budget": computeBudget, "r": payee},
			allow: map[string]request{
				"one":            c.solanaTx(c.lamports(payee, 1_000_000_000)),
				"with a low fee": c.solanaTx(unitLimit(200_000), unitPrice(1000), c.lamports(payee, 5)),
			},
			deny: map[string]refusal{
				"a lamport more": {c.solanaTx(c.lamports(payee, 1_000_000_001)), "effects.transfers.all"},
				"to a stranger":  {c.solanaTx(c.lamports(another, 1)), "effects.transfers.all"},
				"a memo":         {c.solanaTx(c.lamports(payee, 1), memo), "tx.solana.instructions.all"},
				"two":            {c.solanaTx(c.lamports(payee, 1), c.lamports(payee, 1)), "size() == 1 is false"},
				"a fee of 5 SOL": {c.solanaTx(unitLimit(1_000_000), unitPrice(5_000_000_000), c.lamports(payee, 1)), "tx.solana.priorityFee <= sol"},
			},
		},
		{
			name:      "20 only the System Program, never to one",
			rules:     rules("ALLOW request.method == 'signTransaction' && effects.programs.all(p, p == system) && size(effects.programs) > 0 && !tx.solana.usesLookupTables", "DENY tx.chain == 'solana' && bad in tx.solana.accounts"),
			constants: object{"system": systemProgram, "bad": another},
			allow:     map[string]request{"to others": c.solanaTx(c.lamports(payee, 1))},
			deny: map[string]refusal{
				"to the bad":      {c.solanaTx(c.lamports(another, 1)), "the rule denies it"},
				"another program": {c.solanaTx(memo), "effects.programs.all"},
			},
		},
		{
			name: "21 tokens to the account of one owner",
			rules: rules("ALLOW request.method == 'signTransaction' && !effects.unknown && size(effects.transfers) > 0 && " +
				"tx.solana.instructions.all(i, i.name == 'token.transferChecked' && i.args.mint == mint && i.args.destination == tokenAccount(r, mint) && i.args.owner == request.derivation.address) && " +
				"effects.transfers.map(t, t.amount).sum() < units('100', 6)"),
			constants: object{"mint": usdcMint, "r": payee},
			allow:     map[string]request{"one": c.solanaTx(tokens(theirs, 99_999_999)), "two": c.solanaTx(tokens(theirs, 1), tokens(theirs, 2))},
			deny: map[string]refusal{
				"together too much": {c.solanaTx(tokens(theirs, 60_000_000), tokens(theirs, 60_000_000)), "sum() < units"},
				"unchecked":         {c.solanaTx(plain), "effects.unknown is false"},
				"closing":           {c.solanaTx(tokens(theirs, 1), closing), "tx.solana.instructions.all"},
				"to the owner":      {c.solanaTx(tokens(payee, 1)), "tx.solana.instructions.all"},
			},
		},
		{
			// What the program does only a simulation knows, so effects.unknown is true of all of these.
			name: "22 a swap of Jupiter, by the bytes of its instruction",
			rules: rules("ALLOW request.method == 'signTransaction' && tx.chain == 'solana' && !tx.solana.usesLookupTables && size(tx.solana.instructions) == 1 && tx.solana.instructions.all(i, " +
				"i.program == jupiter && hex(i.data).startsWith(route) && littleEndian(i.data, -19, 8) <= units('100', 6) && littleEndian(i.data, -3, 2) <= 100 && " +
				"size(i.accounts) > 3 && i.accounts[3].address == tokenAccount(request.derivation.address, mint))"),
			constants: object{"jupiter": jupiter, "mint": usdcMint, "route": "0x" + hex.EncodeToString(discriminator("route"))},
			allow:     map[string]request{"the most": c.solanaTx(swap(jupiter, "route", 100_000_000, 100, own))},
			deny: map[string]refusal{
				"more":                  {c.solanaTx(swap(jupiter, "route", 100_000_001, 100, own)), "littleEndian(i.data, -19, 8)"},
				"more slippage":         {c.solanaTx(swap(jupiter, "route", 1, 101, own)), "littleEndian(i.data, -3, 2)"},
				"another instruction":   {c.solanaTx(swap(jupiter, "shared_accounts_route", 1, 1, own)), "startsWith(route)"},
				"into another's wallet": {c.solanaTx(swap(jupiter, "route", 1, 1, theirs)), "tx.solana.instructions.all"},
				"another program":       {c.solanaTx(swap(memoProgram, "route", 1, 1, own)), "i.program == jupiter"},
				"two":                   {c.solanaTx(swap(jupiter, "route", 1, 1, own), swap(jupiter, "route", 1, 1, own)), "size(tx.solana.instructions) == 1"},
			},
		},
		{
			name:  "23 no change of authority",
			rules: rules("ALLOW request.method == 'signTransaction' && effects.authorityChanges.size() == 0"),
			allow: map[string]request{"tokens": c.solanaTx(tokens(theirs, 1))},
			deny:  map[string]refusal{"authority": {c.solanaTx(setAuthority), "effects.authorityChanges.size() == 0 is false"}},
		},
	}
}

// Thirty-two bytes that may be the digest of anything are signed for nobody whose policy is rules, whatever these say.
func TestBlindByRules(t *testing.T) {
	c := newCases(t)
	digest := request{api.SignRawPayload, object{"derivationInfo": "m/44'/60'/0'/0/0", "payload": b64(make([]byte, 32)), "algorithm": "Secp256k1"}}
	d := c.outcomeOf(t, object{"type": "CEL", "rules": rules("ALLOW request.method == 'signRawPayload'"), "constants": []object{}}, digest, nil)
	if d.Decision != "DENY" || !strings.Contains(d.Reason, "digest of anything") {
		t.Errorf("%+v", d)
	}
}
