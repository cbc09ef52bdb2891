package policy

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

const (
	evmCommon = `"chainId":11155111,"nonce":0,"maxFeePerGas":"1000000000","maxPriorityFeePerGas":"0x1",` +
		`"to":"0x000000000000000000000000000000000000dEaD","value":1,`
	evmBegin = "83aa36a7" + "80" + "01" + "843b9aca00" + "825208" + "94000000000000000000000000000000000000dead" + "01" + "80"
	evmHash  = "0100112233445566778899aabbccddeeff00112233445566778899aabbccddee"
	evmEntry = `"chainId":"0x0","address":"0x000000000000000000000000000000000000bEEF","nonce":7`
	evmRS    = `"r":"0x0000000000000000000000000000000000000000000000000000000000000005","s":6`
)

// evmForms are transactions by their fields, as libraries name them, and the type and fields to sign.
func evmForms() map[string]string {
	access := "f838f794" + strings.Repeat("11", 20) + "e1a0" + evmHash
	consent := "c0" + "dbda" + "80" + "94000000000000000000000000000000000000beef" + "07" + "01" + "05" + "06"
	return map[string]string{
		`"kind":"EIP_1559","gasLimit":21000`: "02" + evmBegin + "c0",
		`"kind":"EIP_1559","gas":"21000","type":"eip1559","data":"0x","accessList":[{"address":"0x` + strings.Repeat("11", 20) +
			`","storageKeys":["0x` + evmHash + `"]}]`: "02" + evmBegin + access,
		`"kind":"EIP_4844","gas":21000,"type":3,"maxFeePerBlobGas":"7","blobVersionedHashes":["0x` + evmHash + `"]`:                                     "03" + evmBegin + "c0" + "07" + "e1a0" + evmHash,
		`"kind":"EIP_7702","gas":21000,"authorizationList":[{` + evmEntry + `,"yParity":1,` + evmRS + `}]`:                                              "04" + evmBegin + consent,
		`"kind":"EIP_7702","gas":21000,"type":"0x4","authorizationList":[{` + evmEntry + `,"yParity":"0x1","v":"28",` + evmRS + `}]`:                    "04" + evmBegin + consent,
		`"kind":"EIP_7702","gas":21000,"authorizationList":[{` + evmEntry + `,"signature":{"_type":"signature","networkV":null,"v":28,` + evmRS + `}}]`: "04" + evmBegin + consent,
	}
}

func TestEVMFields(t *testing.T) {
	for in, want := range evmForms() {
		tx, err := evmUnsigned([]byte("{" + evmCommon + in + "}"))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		b, err := hex.DecodeString(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := tx.Unsigned(); !bytes.Equal(got, rlp.AppendList(b[:1:1], b[1:])) {
			t.Errorf("%s: %x", in, got)
		}
	}
}

func TestEVMFieldsRefused(t *testing.T) {
	blob := `"kind":"EIP_4844","gas":1,"maxFeePerBlobGas":7,"blobVersionedHashes":["0x` + evmHash + `"]`
	consent := func(members string) string {
		return `"kind":"EIP_7702","gas":1,"authorizationList":[{` + members + `}]`
	}
	const entry = ".authorizationList[0]"
	for in, path := range map[string]string{
		`"kind":"EIP_1559","gas":1,"gasLimit":1`:                                                     ".gas",
		`"kind":"EIP_1559"`:                                                                          ".gasLimit",
		`"kind":"EIP_1559","gas":1,"type":3`:                                                         ".type",
		`"kind":"EIP_1559","gas":1,"authorizationList":[]`:                                           ".authorizationList",
		`"kind":"EIP_1559","gas":1,"maxFeePerBlobGas":1`:                                             ".maxFeePerBlobGas",
		`"kind":"EIP_1559","gas":1,"accessList":[{"address":"0x11"}]`:                                ".accessList[0].address",
		`"kind":"EIP_7702","gas":1,"blobVersionedHashes":[]`:                                         ".blobVersionedHashes",
		`"kind":"EIP_7702","gas":1`:                                                                  "",
		`"kind":"EIP_7702","gas":1,"authorizationList":[]`:                                           "",
		blob + `,"blobs":["0x00"]`:                                                                   ".blobs",
		blob + `,"sidecars":[{}]`:                                                                    ".sidecars",
		blob + `,"bytes":"0x03"`:                                                                     ".bytes",
		strings.Replace(blob, "0x01", "0x02", 1):                                                     "",
		strings.Replace(blob, "0x0100", "0x01", 1):                                                   ".blobVersionedHashes[0]",
		strings.Replace(blob, `"maxFeePerBlobGas":7,`, "", 1):                                        ".maxFeePerBlobGas",
		strings.Replace(blob, `["0x`+evmHash+`"]`, "[]", 1):                                          "",
		consent(evmEntry + `,"yParity":2,` + evmRS):                                                  entry + ".yParity",
		consent(evmEntry + `,"v":29,` + evmRS):                                                       entry + ".v",
		consent(evmEntry + `,` + evmRS):                                                              entry + ".yParity",
		consent(evmEntry + `,"yParity":0,"v":28,` + evmRS):                                           entry,
		consent(evmEntry + `,"yParity":0,"r":1`):                                                     entry + ".s",
		consent(evmEntry + `,"yParity":0,"r":0,"s":1`):                                               "",
		consent(evmEntry + `,"yParity":0,` + evmRS + `,"signature":{}`):                              entry,
		consent(evmEntry + `,"yParity":0,` + evmRS + `,"contract":1`):                                entry + ".contract",
		consent(`"yParity":0,"chainId":1,"nonce":1,` + evmRS):                                        entry + ".address",
		consent(strings.Replace(evmEntry, "7", "18446744073709551616", 1) + `,"yParity":0,` + evmRS): entry + ".nonce",
	} {
		_, err := evmUnsigned([]byte("{" + evmCommon + in + "}"))
		var fault *api.Error
		if !errors.As(err, &fault) || fault.Path != "params.transaction"+path {
			t.Errorf("%s: error %v, want one at %q", in, err, path)
		}
	}
}

// TestEveryNetworkNeedsRoot: an authorization for every network is as wide as a transaction without a network.
func TestEveryNetworkNeedsRoot(t *testing.T) {
	r := newRig(t)
	member := newKey(t)
	o := r.tenant(t, user("signer", preset("LEGACY_USER_ROLE"), member))
	w := r.wallet(t, o)
	params := func(chainID string) object {
		transaction := "{" + evmCommon + `"kind":"EIP_7702","gas":21000,"authorizationList":[{` +
			strings.Replace(evmEntry, `"0x0"`, chainID, 1) + `,"yParity":1,` + evmRS + `}]}`
		return object{
			"organizationId": o.id, "walletId": w.WalletID, "transaction": json.RawMessage(transaction),
			"derivationInfo": object{"derivationPath": "m/44'/60'/0'/0/0", "curve": "Secp256k1", "addressFormat": "Ethereum"},
		}
	}
	for _, tc := range []struct {
		key     ed25519.PrivateKey
		chainID string
		want    uint16
	}{{member, "1", 200}, {member, "0", 403}, {o.key, "0", 200}} {
		if answer := r.call(t, tc.key, api.SignTransaction, params(tc.chainID)); answer.Status != tc.want {
			t.Errorf("chain %s: %d %s", tc.chainID, answer.Status, answer.Result)
		}
	}
}
