package network

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/wire"
)

// Simulate has a node say what a transaction would do. The answer is the node's: nothing is signed or decided by it. An
// error is one of api: no node for the network, or one that does not answer.
func (n *Network) Simulate(ctx context.Context, s wire.Submission) (api.Simulation, error) {
	address, err := n.simulator(s)
	if err != nil {
		return api.Simulation{}, err
	}
	if s.Chain == "solana" {
		return n.simulateSolana(ctx, address, s.Transaction)
	}
	return n.simulateEVM(ctx, address, s.Transaction)
}

// simulator picks the node. A Solana transaction does not say for which network it is: mainnet is asked, or the only one
// that is configured.
func (n *Network) simulator(s wire.Submission) (string, error) {
	if s.Chain != "solana" {
		if address, ok := n.nodes[evmName(s.Network)]; ok {
			return address, nil
		}
		if address, ok := n.nodes["eip155/"+s.Network]; ok {
			return address, nil
		}
		return "", api.Errorf(api.TypeUnsupported, "no node is configured for chain id %s", s.Network)
	}
	if address, ok := n.nodes["solana/mainnet"]; ok {
		return address, nil
	}
	var only []string
	for name, address := range n.nodes {
		if strings.HasPrefix(name, "solana/") {
			only = append(only, address)
		}
	}
	if len(only) != 1 {
		return "", api.Errorf(api.TypeUnsupported, "no node is configured for solana/mainnet, and not exactly one for another Solana network")
	}
	return only[0], nil
}

// evmName names a network by its chain id, as api.EVMNetworks does.
func evmName(id string) string {
	for name, number := range api.EVMNetworks() {
		if strconv.FormatUint(number, 10) == id {
			return name
		}
	}
	return ""
}

func (n *Network) simulateSolana(ctx context.Context, address string, transaction []byte) (api.Simulation, error) {
	options := map[string]any{"encoding": "base64", "sigVerify": false, "replaceRecentBlockhash": true, "commitment": "confirmed"}
	reply, err := n.call(ctx, address, "simulateTransaction", []any{base64.StdEncoding.EncodeToString(transaction), options})
	if err != nil || reply.Error == nil && len(reply.Result) == 0 {
		return api.Simulation{}, silent()
	}
	if reply.Error != nil {
		return api.Simulation{Error: reply.Error.Message}, nil
	}
	var said struct {
		Value struct {
			Err           json.RawMessage `json:"err"`
			Logs          []string        `json:"logs"`
			UnitsConsumed *uint64         `json:"unitsConsumed"`
		} `json:"value"`
	}
	if err := json.Unmarshal(reply.Result, &said); err != nil {
		return api.Simulation{}, silent()
	}
	made := api.Simulation{Success: true, Logs: said.Value.Logs, UnitsConsumed: said.Value.UnitsConsumed}
	if fault := string(said.Value.Err); fault != "" && fault != "null" {
		made.Success, made.Error = false, fault
	}
	return made, nil
}

func (n *Network) simulateEVM(ctx context.Context, address string, call []byte) (api.Simulation, error) {
	reply, err := n.call(ctx, address, "eth_estimateGas", []any{json.RawMessage(call)})
	if err != nil || reply.Error == nil && len(reply.Result) == 0 {
		return api.Simulation{}, silent()
	}
	if reply.Error != nil {
		return api.Simulation{Error: reply.Error.Message}, nil
	}
	var text string
	if err := json.Unmarshal(reply.Result, &text); err != nil {
		return api.Simulation{}, silent()
	}
	gas, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	if err != nil {
		return api.Simulation{}, silent()
	}
	return api.Simulation{Success: true, UnitsConsumed: &gas}, nil
}

func silent() error {
	return api.Errorf(api.TypeUnavailable, "the node did not answer; try again")
}
