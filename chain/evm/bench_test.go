package evm_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	gethrlp "github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

// dynamicFee is what clients send for signing, as go-ethereum's decoder takes it.
type dynamicFee struct {
	ChainID    *big.Int
	Nonce      uint64
	GasTipCap  *big.Int
	GasFeeCap  *big.Int
	Gas        uint64
	To         []byte
	Value      *big.Int
	Data       []byte
	AccessList types.AccessList
}

// calldata is an unsigned transaction of type 2 with 4 KiB of calldata.
func calldata(b *testing.B) []byte {
	b.Helper()
	to := make([]byte, 20)
	raw, err := gethrlp.EncodeToBytes(dynamicFee{
		big.NewInt(8453), 7, big.NewInt(1e9), big.NewInt(5e9), 900_000, to, big.NewInt(1e18), make([]byte, 4096), types.AccessList{},
	})
	if err != nil {
		b.Fatal(err)
	}
	return append([]byte{types.DynamicFeeTxType}, raw...)
}

func BenchmarkTransaction(b *testing.B) {
	raw := calldata(b)
	b.Run("redoubt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := evm.ParseUnsigned(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-ethereum", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var tx dynamicFee
			if err := gethrlp.DecodeBytes(raw[1:], &tx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// order is an order of Seaport 1.5 with two items each way.
func order(b *testing.B) []byte {
	b.Helper()
	field := func(pairs ...string) []map[string]string {
		var all []map[string]string
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, map[string]string{"name": pairs[i], "type": pairs[i+1]})
		}
		return all
	}
	const address = "0x00000000000000ADc04C56Bf30aC9d3c0aAF14dC"
	const word = "0x0000007b02230091a7ed01230072f7006a004d60a8d4e71d599b8104250f0000"
	item := map[string]any{"itemType": "2", "token": address, "identifierOrCriteria": "1234", "startAmount": "1000000000000000000", "endAmount": "1000000000000000000"}
	paid := map[string]any{"recipient": address}
	for k, v := range item {
		paid[k] = v
	}
	body, err := json.Marshal(map[string]any{
		"types": map[string]any{
			"EIP712Domain": field("name", "string", "version", "string", "chainId", "uint256", "verifyingContract", "address"),
			"OrderComponents": field("offerer", "address", "zone", "address", "offer", "OfferItem[]", "consideration", "ConsiderationItem[]",
				"orderType", "uint8", "startTime", "uint256", "endTime", "uint256", "zoneHash", "bytes32", "salt", "uint256", "conduitKey", "bytes32", "counter", "uint256"),
			"OfferItem":         field("itemType", "uint8", "token", "address", "identifierOrCriteria", "uint256", "startAmount", "uint256", "endAmount", "uint256"),
			"ConsiderationItem": field("itemType", "uint8", "token", "address", "identifierOrCriteria", "uint256", "startAmount", "uint256", "endAmount", "uint256", "recipient", "address"),
		},
		"primaryType": "OrderComponents",
		"domain":      map[string]any{"name": "Seaport", "version": "1.5", "chainId": "1", "verifyingContract": address},
		"message": map[string]any{
			"offerer": address, "zone": address, "offer": []any{item, item}, "consideration": []any{paid, paid}, "orderType": "0",
			"startTime": "1700000000", "endTime": "1800000000", "zoneHash": word, "salt": "42", "conduitKey": word, "counter": "0",
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func BenchmarkTypedData(b *testing.B) {
	body := order(b)
	b.Run("redoubt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			typed, err := typedjson.Parse(body)
			if err != nil {
				b.Fatal(err)
			}
			typed.SigningBytes()
		}
	})
	b.Run("go-ethereum", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var typed apitypes.TypedData
			if err := json.Unmarshal(body, &typed); err != nil {
				b.Fatal(err)
			}
			if _, _, err := apitypes.TypedDataAndHash(typed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEffects(b *testing.B) {
	transfer := append([]byte{0xa9, 0x05, 0x9c, 0xbb}, make([]byte, 64)...)
	for _, tc := range []struct {
		name string
		data []byte
	}{{"native", nil}, {"ERC-20", transfer}} {
		to := [20]byte{1}
		tx, err := evm.NewDynamicFee(evm.DynamicFee{
			ChainID: big.NewInt(8453), GasLimit: 60_000, MaxFeePerGas: big.NewInt(5e9), To: &to, Value: new(big.Int), Data: tc.data,
		})
		if err != nil {
			b.Fatal(err)
		}
		account, err := eip55.FromPublicKey(publicKey())
		if err != nil {
			b.Fatal(err)
		}
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tx.EffectsOf(account)
			}
		})
	}
}
