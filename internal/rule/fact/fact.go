// Package fact is what policies may read of a request: its variables, their fields and types. Facts are taken from the
// payload that is signed, parsed once, and each is worked out only when a rule asks for it.
package fact

import (
	"reflect"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/abi"
	"github.com/redoubt-kms/redoubt/internal/id"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/proof"
)

// Facts are all that is known of one request.
type Facts struct {
	Request       Request
	Organization  *org.Organization
	User          *org.User
	Authenticator *org.Authenticator
	Wallet        *org.Wallet // nil when the request concerns none

	Payload   chain.Payload // what would be signed; nil when nothing would
	PublicKey []byte        // of the account that signs
	Address   string        // of the account that signs
	Network   string        // as submissionConfig names it, a claim of the caller; empty without one
	Message   []byte        // of the methods that sign messages
	// Contract finds the registered interface of a contract, by CAIP-2 chain and lower-case address; nil for none.
	Contract func(chain, address string) *abi.Contract
	Usage    Usage

	seen    chain.Payload // what the payload is, once looked at
	looked  bool
	raw     *chain.Effects
	effects *effects
	made    [6]any // variables that were asked for before, in the order of ResolveName
}

// Request is what stands beside the payload.
type Request struct {
	Method     api.Method
	Time       uint64 // Unix milliseconds
	PolicyName string
	Origin     string
	Target     string // username that the method concerns
	Recipient  string // public key that an export is sealed to, base64url
	Path       *org.Path
	PathText   string
	Index      int64 // the last step of the path that counts accounts, -1 without path
}

// Usage answers what was used within a window, this request included. Windows are those of package usage in text.
type Usage interface {
	Spent(asset, window, scope string) (*amount.Amount, error)
	Count(window, scope string) (*amount.Amount, error)
}

// Variables are the names that expressions may use, and their types.
func Variables() map[string]*types.Type {
	return map[string]*types.Type{
		"request": requestType, "org": organizationType, "user": userType, "authenticator": authenticatorType,
		"wallet": walletType, "tx": txType, "typedData": typedDataType, "message": types.StringType,
		"effects": effectsType, "usage": usageType,
	}
}

// ResolveName makes Facts an activation of expressions: variables are made when they are asked for, once.
func (f *Facts) ResolveName(name string) (any, bool) {
	switch name {
	case "request":
		return f.once(0, requestFields, f)
	case "tx":
		return f.once(1, txFields, f)
	case "org":
		return f.once(2, organizationFields, f.Organization)
	case "user":
		return f.once(3, userFields, f.User)
	case "wallet":
		return f.once(4, walletFields, f.Wallet)
	case "authenticator":
		return object{authenticatorFields, f.Authenticator}, f.Authenticator != nil
	case "effects":
		if f.made[5] != nil {
			return f.made[5], true
		}
		e, ok := f.effectsOf()
		if !ok {
			return nil, false
		}
		return f.once(5, effectsFields, e)
	case "typedData":
		data, ok := f.typedData()
		return object{typedDataFields, data}, ok
	case "message":
		return types.String(f.Message), f.Message != nil
	case "usage":
		return usageValue{f}, f.Usage != nil
	}
	return nil, false
}

// once makes a variable of a value that is not nil, and remembers it.
func (f *Facts) once(place int, of *structure, value any) (any, bool) {
	if f.made[place] == nil {
		if v := reflect.ValueOf(value); v.IsNil() {
			return nil, false
		}
		f.made[place] = object{of, value}
	}
	return f.made[place], true
}

// Parent implements the activation: there is nothing beyond.
func (f *Facts) Parent() interpreter.Activation { return nil }

// look returns what the payload is: of raw bytes, what they were found to be.
func (f *Facts) look() chain.Payload {
	if !f.looked {
		f.looked, f.seen = true, f.Payload
		if raw, ok := f.Payload.(*payload.Raw); ok {
			f.seen = raw.Seen()
		}
	}
	return f.seen
}

// moment turns Unix milliseconds into a timestamp; 0 is absent.
func moment(ms uint64) (any, bool) {
	return types.Timestamp{Time: time.UnixMilli(int64(ms)).UTC()}, ms != 0 //nolint:gosec // anchored times are small
}

func uuid(u proof.ID) string {
	if u == (proof.ID{}) {
		return ""
	}
	return id.String(u)
}
