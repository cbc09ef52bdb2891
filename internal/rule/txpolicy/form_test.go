package txpolicy_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/txpolicy"
	"github.com/redoubt-kms/redoubt/proof"
)

// everything is a policy with all that the contract has.
func everything() string {
	return `{"rule":"NoSignerAccountUsage","allowlist":[` + matcher(memo, "") + `]},{"rule":"NoSignerAccountUsage"},{"rule":"BundleSizeLimit","max":3},` +
		`{"rule":"ComputeBudgetLimit","maxComputeUnits":0,"maxComputeUnitPrice":9007199254740993},{"rule":"NoAddressLookupTables"},{"rule":"AllowAll"},` +
		list("InstructionDenylist", matcher(system, `{"In":[1,8]}`)) + "," +
		list("InstructionAllowlist", matcher(system, `{"Exact":2}`, lamports(`"min":0,"max":5`), recipients(key(5))),
			matcher(token22, `{"Exact":12}`, constraints(`"min":1,"max":2,"mintAllowlist":`+names([]solana.Key{key(6)})+`,"recipientAllowlist":`+names([]solana.Key{key(7), key(8)}))))
}

// A policy is written as it was read, and its record decodes to itself.
func TestRoundTrip(t *testing.T) {
	for _, raw := range []string{`{"version":"v0"}`, `{"version":"v0","solana":null}`, `{"version":"v0","solana":{"rules":[` + everything() + `]}}`} {
		p, err := txpolicy.Read(api.Raw(raw), "p")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(txpolicy.Write(p))
		if err != nil {
			t.Fatal(err)
		}
		again, err := txpolicy.Read(text, "p")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Error(diff)
		}
		if want := strings.ReplaceAll(strings.ReplaceAll(raw, `,"validate":[]`, ""), `,"solana":null`, ""); string(text) != want {
			t.Errorf("%s, want %s", text, want)
		}
		record, err := proof.Encode(org.Grant{Transactions: p})
		if err != nil {
			t.Fatal(err)
		}
		var stored org.Grant
		if err := proof.Decode(record, &stored); err != nil {
			t.Fatal(err)
		}
		if second, err := proof.Encode(stored); err != nil || !bytes.Equal(second, record) {
			t.Errorf("%x, %v, want %x", second, err, record)
		}
		if diff := cmp.Diff(p, stored.Transactions, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	if txpolicy.Write(nil) != nil {
		t.Error("no policy is written")
	}
}

func TestRefused(t *testing.T) {
	const rules, first = ".solana.rules", ".solana.rules[0]"
	in, validate := first+".instructions[0]", first+".instructions[0].validate[0]"
	allow := func(m string) string { return list("InstructionAllowlist", m) }
	for rule, want := range map[string][2]string{
		``:                                      {rules, api.TypeInvalid},
		`{"rule":"Nothing"}`:                    {first + ".rule", api.TypeInvalid},
		`{}`:                                    {first + ".rule", api.TypeInvalid},
		`{"rule":"AllowAll","max":1}`:           {first, api.TypeInvalid},
		`{"rule":"AllowAll","more":1}`:          {first + ".more", api.TypeMalformed},
		`{"rule":"BundleSizeLimit"}`:            {first + ".max", api.TypeInvalid},
		`{"rule":"BundleSizeLimit","max":-1}`:   {first + ".max", api.TypeInvalid},
		`{"rule":"BundleSizeLimit","max":"1"}`:  {first + ".max", api.TypeMalformed},
		`{"rule":"ComputeBudgetLimit"}`:         {first, api.TypeInvalid},
		`{"rule":"ComputeBudgetLimit","max":1}`: {first, api.TypeInvalid},
		`{"rule":"ComputeBudgetLimit","maxComputeUnits":1,"max":1}`:                  {first, api.TypeInvalid},
		`{"rule":"NoSignerAccountUsage","instructions":[` + matcher(memo, "") + `]}`: {first, api.TypeInvalid},
		`{"rule":"InstructionAllowlist"}`:                                            {first + ".instructions", api.TypeInvalid},
		`{"rule":"InstructionDenylist","instructions":[]}`:                           {first + ".instructions", api.TypeInvalid},
		allow(`{"programId":"x","discriminator":"Any"}`):                             {in + ".programId", api.TypeInvalid},
		allow(`{"programId":"` + system + `"}`):                                      {in + ".discriminator", api.TypeInvalid},
		allow(`{"programId":"` + system + `","discriminator":"Any","x":1}`):          {in + ".x", api.TypeMalformed},
		allow(matcher(system, `"None"`)):                                             {in + ".discriminator", api.TypeInvalid},
		allow(matcher(system, `{}`)):                                                 {in + ".discriminator", api.TypeInvalid},
		allow(matcher(system, `{"In":[]}`)):                                          {in + ".discriminator", api.TypeInvalid},
		allow(matcher(system, `{"Exact":1,"In":[1]}`)):                               {in + ".discriminator", api.TypeInvalid},
		allow(matcher(system, `{"Exact":2147483648}`)):                               {in + ".discriminator", api.TypeInvalid},
		allow(matcher(system, `{"Exact":-1}`)):                                       {in + ".discriminator", api.TypeInvalid},
		allow(matcher(token, `{"Exact":256}`)):                                       {in + ".discriminator", api.TypeInvalid},
		allow(matcher(anchor, `{"Exact":1}`)):                                        {in + ".discriminator", api.TypeUnsupported},
		allow(matcher(memo, "", lamports(`"max":1`))):                                {validate + ".rule", api.TypeInvalid},
		allow(matcher(system, "", constraints(`"max":1`))):                           {validate + ".rule", api.TypeInvalid},
		allow(matcher(token, "", lamports(`"max":1`))):                               {validate + ".rule", api.TypeInvalid},
		allow(matcher(system, "", `{"rule":"Other"}`)):                               {validate + ".rule", api.TypeInvalid},
		allow(matcher(system, "", lamports(`"min":2,"max":1`))):                      {validate, api.TypeInvalid},
		allow(matcher(system, "", lamports(`"min":null,"max":null`))):                {validate, api.TypeInvalid},
		allow(matcher(system, "", lamports(`"max":-1`))):                             {validate + ".max", api.TypeInvalid},
		allow(matcher(system, "", lamports(`"max":1,"mintAllowlist":[]`))):           {validate, api.TypeInvalid},
		allow(matcher(system, "", recipients())):                                     {validate + ".allowlist", api.TypeInvalid},
		allow(matcher(system, "", `{"rule":"SystemInstructionRecipientAllowlist"}`)): {validate + ".allowlist", api.TypeInvalid},
		allow(matcher(token, "", constraints(`"allowlist":["x"]`))):                  {validate, api.TypeInvalid},
		allow(matcher(token, "", constraints(`"mintAllowlist":[]`))):                 {validate + ".mintAllowlist", api.TypeInvalid},
		allow(matcher(token, "", constraints(`"recipientAllowlist":["x"]`))):         {validate + ".recipientAllowlist[0]", api.TypeInvalid},
		allow(matcher(token, "", constraints(`"max":null`))):                         {validate, api.TypeInvalid},
	} {
		refuse(t, `{"version":"v0","solana":{"rules":[`+rule+`]}}`, "p"+want[0], want[1])
	}
	refuse(t, `{"version":"v1"}`, "p.version", api.TypeInvalid)
	refuse(t, `{}`, "p.version", api.TypeInvalid)
	refuse(t, `{"version":"v0","evm":{}}`, "p.evm", api.TypeMalformed)
	refuse(t, `[]`, "p", api.TypeMalformed)
	refuse(t, `{"version":"v0","solana":{"rules":[`+strings.Repeat(`{"rule":"AllowAll"},`, 1000)+`{"rule":"AllowAll"}]}}`, "p", api.TypeInvalid)
}

func refuse(t *testing.T, raw, path, kind string) {
	t.Helper()
	p, err := txpolicy.Read(api.Raw(raw), "p")
	var e *api.Error
	if !errors.As(err, &e) || e.Type != kind || e.Path != path || p != nil {
		t.Errorf("%.200s: %+v (%+v), want %s at %s", raw, e, err, kind, path)
	}
}

// What is read, whatever it is, is written so that it is read again as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"version":"v0","solana":{"rules":[` + everything() + `]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := txpolicy.Read(raw, "p")
		if err != nil {
			return
		}
		text, err := json.Marshal(txpolicy.Write(p))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := txpolicy.Read(text, "p"); err != nil || !cmp.Equal(p, again) {
			t.Fatalf("%s comes back as %s: %v", raw, text, err)
		}
	})
}
