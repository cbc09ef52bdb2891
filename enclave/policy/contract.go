package policy

import (
	"context"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm/abi/abijson"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/proof"
)

// maxContracts bounds how many interfaces an organization registers.
const maxContracts = 32

// registerContract keeps the interface of a contract, pinned in the log by the hash of the record that holds it.
func (e *Engine) registerContract(ctx context.Context, c *caller, params *api.RegisterContractParams) (answer, error) {
	d := c.ask(rule.Question{})
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	if !regexp.MustCompile(`^eip155:[1-9][0-9]{0,18}$`).MatchString(params.Chain) {
		return answer{}, api.Errorf(api.TypeInvalid, "want a CAIP-2 name as eip155:1").At("params.chain")
	}
	address, err := eip55.Parse(params.Address)
	if err != nil {
		return answer{}, api.Errorf(api.TypeInvalid, "%v", err).At("params.address")
	}
	if len(params.Name) > api.MaxName {
		return answer{}, api.Errorf(api.TypeInvalid, "has more than %d bytes", api.MaxName).At("params.name")
	}
	made := org.Contract{
		Chain: params.Chain, Address: "0x" + hex.EncodeToString(address[:]), Name: params.Name,
		ABI: slices.Clone(params.ABI), Hash: hashOf(params.ABI),
	}
	next := c.controls.value.Next()
	next.Contracts = slices.DeleteFunc(slices.Clone(next.Contracts), func(o org.Contract) bool { return o.Chain == made.Chain && o.Address == made.Address })
	if params.ABI.Given() {
		if _, err := abijson.Parse(params.ABI); err != nil {
			return answer{}, api.Errorf(api.TypeInvalid, "%v", err).At("params.abi")
		}
		if len(next.Contracts) >= maxContracts {
			return answer{}, api.Errorf(api.TypeLimit, "an organization registers at most %d contracts", maxContracts).At("params")
		}
		next.Contracts = append(next.Contracts, made)
		slices.SortFunc(next.Contracts, func(a, b org.Contract) int { return strings.Compare(a.Chain+a.Address, b.Chain+b.Address) })
	}
	p := c.change(d, api.Contract{Chain: made.Chain, Address: eip55.Encode(address), Name: made.Name, ABIHash: hex.EncodeToString(made.Hash[:])})
	p.put(controlsKey(c.organization), next)
	if err := e.apply(p, func() error { return e.unchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}
