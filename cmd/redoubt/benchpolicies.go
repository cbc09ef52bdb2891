package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
)

// policyRow is the throughput of transfers of SOL under a policy, beside that under ROOT in the same run. All come from
// one user and one wallet, so that limits of theirs are as contended as they get.
type policyRow struct {
	Policy      string  `json:"policy"`
	Connections int     `json:"connections"`
	RPS         float64 `json:"rps"`
	P99         float64 `json:"p99_ms"`
	OfRoot      float64 `json:"of_root"` // ratio to the throughput under ROOT
}

// benchRules are ten rules as people write them; the last one allows, with two limits when they are wanted.
func benchRules(limits string) []map[string]any {
	rules := [][2]string{
		{"DENY", "tx.chain == 'evm' && tx.evm.chainId != 1"},
		{"DENY", "request.method in ['exportWallet', 'signRawPayload']"},
		{"DENY", "request.method == 'signTransaction' && effects.approvals.exists(a, a.unlimited)"},
		{"DENY", "request.method == 'signTransaction' && effects.authorityChanges.size() > 0"},
		{"DENY", "tx.chain == 'solana' && (tx.solana.usesLookupTables || tx.solana.usesDurableNonce)"},
		{"DENY", "tx.chain == 'solana' && tx.solana.priorityFee > sol('0.01')"},
		{"ALLOW", "request.method == 'signUtf8Message' && 'ops' in user.tags"},
		{"ALLOW", "request.method == 'signTransaction' && tx.chain == 'evm' && tx.evm.to == '0x0000000000000000000000000000000000000001'"},
		{"ALLOW", "request.method in ['getAccounts', 'getOrganization']"},
		{"ALLOW", "request.method == 'signTransaction' && !effects.unknown && size(effects.transfers) == 1 && effects.transfers.all(t, t.asset == 'SOL' && t.amount <= sol('1'))" + limits},
	}
	var made []map[string]any
	for _, r := range rules {
		made = append(made, map[string]any{"outcome": r[0], "expression": r[1], "comment": ""})
	}
	return made
}

// policies measures transfers under ROOT, under ten rules, and under ten rules with two limits, in turns.
func (o benchOptions) policies(ctx context.Context, system *spawned, progress io.Writer) ([]policyRow, error) {
	limits := " && usage.spent('SOL', duration('24h')) <= sol('1000000000') && usage.count('day', 'wallet') <= 1000000000"
	root := map[string]any{"type": "ROOT"}
	var loads []*load
	var rows []policyRow
	for _, c := range []struct {
		name   string
		policy map[string]any
	}{
		{"ROOT", root},
		{"10 rules", map[string]any{"type": "CEL", "rules": benchRules(""), "constants": []any{}}},
		{"10 rules, 2 limits", map[string]any{"type": "CEL", "rules": benchRules(limits), "constants": []any{}}},
	} {
		l, err := newLoad(ctx, caseEd25519, system.url)
		if err != nil {
			return nil, err
		}
		if err := l.transfers(ctx, c.policy); err != nil {
			return nil, err
		}
		loads = append(loads, l)
		rows = append(rows, policyRow{Policy: c.name})
	}
	slice := time.Duration(o.seconds / turns * float64(time.Second))
	var all []policyRow
	for _, connections := range []int{32, 64} {
		fmt.Fprintf(progress, "policies, %d connections\n", connections)
		measured := make([]samples, len(loads))
		for range turns {
			for i, l := range loads {
				measured[i].add(l.closedLoop(ctx, l.system, connections, slice))
			}
		}
		for i := range rows {
			if measured[i].failed > 0 {
				return nil, fmt.Errorf("%d requests under %s failed: %w", measured[i].failed, rows[i].Policy, measured[i].err)
			}
			row := rows[i]
			row.Connections, row.RPS, row.P99 = connections, measured[i].rate(), measured[i].quantile(0.99)
			row.OfRoot = row.RPS / measured[0].rate()
			all = append(all, row)
		}
	}
	return all, nil
}

// transfers makes the requests of a load transfers of SOL, by the user under a policy.
func (l *load) transfers(ctx context.Context, policy map[string]any) error {
	var accounts []struct{ Address string }
	params := map[string]any{"organizationId": l.organization, "walletId": l.wallet, "accounts": []string{"m/44'/501'/0'/0'"}}
	if err := l.call(ctx, api.GetAccounts, params, &accounts); err != nil {
		return err
	}
	payer, err := base58.Decode(accounts[0].Address)
	if err != nil {
		return err
	}
	// Somebody must stay who could administer: another key does.
	other, err := newLoadKey()
	if err != nil {
		return err
	}
	add := map[string]any{"organizationId": l.organization, "user": map[string]any{"username": "root", "policy": map[string]any{"type": "ROOT"}, "authenticators": []any{other}}}
	var ignored map[string]any
	if err := l.call(ctx, api.AddUserToOrganization, add, &ignored); err != nil {
		return err
	}
	update := map[string]any{"organizationId": l.organization, "username": "bench", "newPolicy": policy}
	if err := l.call(ctx, api.UpdateUserInOrganization, update, &ignored); err != nil {
		return err
	}
	l.make = func(n uint64) []byte {
		return fmt.Appendf(nil, `{"method":"signTransaction","params":{"organizationId":"%s","walletId":"%s","transaction":"%s","derivationInfo":"m/44'/501'/0'/0'"},"timestampMs":%d}`,
			l.organization, l.wallet, base64.RawURLEncoding.EncodeToString(solTransfer(payer, n)), time.Now().UnixMilli())
	}
	return nil
}

// solTransfer is a legacy transaction, unsigned, that moves so many lamports to the System Program's address plus one.
func solTransfer(payer []byte, lamports uint64) []byte {
	tx := append([]byte{1}, make([]byte, 64)...)
	tx = append(tx, 1, 0, 1, 3)
	tx = append(tx, payer...)
	tx = append(append(tx, make([]byte, 31)...), 1) // the recipient
	tx = append(tx, make([]byte, 32)...)            // the System Program
	tx = append(tx, make([]byte, 32)...)            // the blockhash
	tx = append(tx, 1, 2, 2, 0, 1, 12, 2, 0, 0, 0)
	return binary.LittleEndian.AppendUint64(tx, lamports)
}
