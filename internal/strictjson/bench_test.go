package strictjson_test

import (
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/strictjson"
)

// A signing request, as the policy engine reads it: the envelope, its parameters, and the account that they name.
func BenchmarkSigningRequest(b *testing.B) {
	body := []byte(`{"method":"signUtf8Message","params":{"organizationId":"61d1b7e9-d758-4c29-8af1-3c802a032d24","walletId":"e5e42136-74b1-49ea-88b8-741c268a6f1a",` +
		`"message":"a message of the usual length","algorithm":"Ed25519","derivationInfo":{"derivationPath":"m/44'/501'/0'/0'","curve":"Ed25519","addressFormat":"Solana"}},"timestampMs":1795333820985}`)
	b.ReportAllocs()
	for b.Loop() {
		var envelope api.Request
		var params struct {
			api.Signing
			Message   *string       `json:"message"`
			Algorithm api.Algorithm `json:"algorithm,omitempty"`
		}
		var info api.DerivationInfo
		if err := strictjson.Decode(body, &envelope); err != nil {
			b.Fatal(err)
		}
		if err := strictjson.DecodeAt("params", envelope.Params, &params); err != nil {
			b.Fatal(err)
		}
		if err := strictjson.DecodeAt("params.derivationInfo", params.DerivationInfo, &info); err != nil {
			b.Fatal(err)
		}
	}
}
