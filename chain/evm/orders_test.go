package evm_test

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm/typedjson"
)

// typesOf writes the types of an encodeType in JSON.
func typesOf(t *testing.T, encodeType string) (types, primary string) {
	t.Helper()
	all := map[string]any{}
	for def := range strings.SplitSeq(strings.TrimSuffix(encodeType, ")"), ")") {
		name, list, _ := strings.Cut(def, "(")
		if primary == "" {
			primary = name
		}
		fields := []map[string]string{}
		for f := range strings.SplitSeq(list, ",") {
			typ, field, _ := strings.Cut(f, " ")
			fields = append(fields, map[string]string{"type": typ, "name": field})
		}
		all[name] = fields
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(b), "{}"), primary
}

func TestOrders(t *testing.T) {
	const (
		seaport = "0x00000000000000ADc04C56Bf30aC9d3c0aAF14dC"
		cow     = "0x9008D19f58AAbD9eD0D60971565AA8510560ab41"
		zero32  = `"0x0000000000000000000000000000000000000000000000000000000000000000"`

		typeSafe = "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
		typeUser = "PackedUserOperation(address sender,uint256 nonce,bytes initCode,bytes callData,bytes32 accountGasLimits,uint256 preVerificationGas,bytes32 gasFees,bytes paymasterAndData)"
		typeCoW  = "Order(address sellToken,address buyToken,address receiver,uint256 sellAmount,uint256 buyAmount,uint32 validTo,bytes32 appData,uint256 feeAmount,string kind,bool partiallyFillable,string sellTokenBalance,string buyTokenBalance)"
		typeSea  = "OrderComponents(address offerer,address zone,OfferItem[] offer,ConsiderationItem[] consideration,uint8 orderType,uint256 startTime,uint256 endTime,bytes32 zoneHash,uint256 salt,bytes32 conduitKey,uint256 counter)ConsiderationItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount,address recipient)OfferItem(uint8 itemType,address token,uint256 identifierOrCriteria,uint256 startAmount,uint256 endAmount)"
		witness  = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Trade witness)TokenPermissions(address token,uint256 amount)Trade(uint256 x)"
		disguise = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,Trade witness)TokenPermissions(uint256 amount,address token)Trade(uint256 x)"
		typeDAI  = "Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)"
	)
	pay := "0x" + hex.EncodeToString(encodeCall(t, "transfer", "", account(t, dead), big.NewInt(2)))
	execute := "0x" + hex.EncodeToString(encodeCall(t, "execute", "", account(t, usdc), big.NewInt(4), encodeCall(t, "transfer", "", account(t, dead), big.NewInt(2))))
	safe := func(data, operation, price string) string {
		return `{"to":"` + usdc + `","value":"1","data":"` + data + `","operation":` + operation + `,"safeTxGas":0,"baseGas":0,"gasPrice":` + price +
			`,"gasToken":"` + dead + `","refundReceiver":"` + dead + `","nonce":0}`
	}
	user := func(call, paymaster string) string {
		return `{"sender":"` + self + `","nonce":0,"initCode":"0x","callData":"` + call + `","accountGasLimits":"0x0000000000000000000000000000000200000000000000000000000000000003",` +
			`"preVerificationGas":5,"gasFees":"0x0000000000000000000000000000000100000000000000000000000000000007","paymasterAndData":"` + paymaster + `"}`
	}
	item := func(kind, start, end string) string {
		return `{"itemType":` + kind + `,"token":"` + usdc + `","identifierOrCriteria":9,"startAmount":` + start + `,"endAmount":` + end + `}`
	}
	sea := func(orderType string, items ...string) string {
		return `{"offerer":"` + self + `","zone":"` + dead + `","offer":[` + strings.Join(items, ",") + `],"consideration":[],"orderType":` + orderType +
			`,"startTime":0,"endTime":1,"zoneHash":` + zero32 + `,"salt":0,"conduitKey":` + zero32 + `,"counter":0}`
	}
	order := `{"sellToken":"` + usdc + `","buyToken":"` + beef + `","receiver":"` + self + `","sellAmount":5,"buyAmount":6,"validTo":1,"appData":` + zero32 +
		`,"feeAmount":2,"kind":"sell","partiallyFillable":false,"sellTokenBalance":"erc20","buyTokenBalance":"erc20"}`
	trade := `{"permitted":{"token":"` + usdc + `","amount":8},"spender":"` + dead + `","nonce":0,"deadline":1,"witness":{"x":1}}`
	inner := append(moved("ETH", beef, usdc, 1), moved(usdcAsset, beef, dead, 2)...)
	both := append(moved("ETH", self, usdc, 4), moved(usdcAsset, self, dead, 2)...)
	n := big.NewInt
	for _, tc := range []struct {
		name, contract, encodeType, message string
		want                                chain.Effects
	}{
		{"Safe", beef, typeSafe, safe(pay, "0", "0"), chain.Effects{Transfers: inner, Programs: []string{usdc}}},
		{"Safe foreign code", beef, typeSafe, safe(pay, "1", "0"), chain.Effects{Transfers: inner, Programs: []string{usdc}, Unknown: true}},
		{"Safe gas", beef, typeSafe, safe(pay, "0", "1"), chain.Effects{Transfers: inner, Programs: []string{usdc}, Unknown: true}},
		{"Safe odd", beef, typeSafe, safe("0x01020304", "0", "0"), chain.Effects{Transfers: inner[:1], Programs: []string{usdc}, Unknown: true}},
		{"user operation", beef, typeUser, user(execute, "0x"), chain.Effects{Transfers: both, FeeMax: n(70), Programs: []string{self, usdc}}},
		{"user operation with paymaster", beef, typeUser, user(execute, "0x01"), chain.Effects{Transfers: both, FeeMax: n(70), Programs: []string{self, usdc}, Unknown: true}},
		{"user operation of another kind", beef, typeUser, user(pay, "0x"), chain.Effects{FeeMax: n(70), Programs: []string{self}, Unknown: true}},
		{"CoW", cow, typeCoW, order, chain.Effects{Approvals: approved(usdcAsset, self, cow, n(7))}},
		{"CoW elsewhere", beef, typeCoW, order, chain.Effects{Approvals: approved(usdcAsset, self, beef, n(7)), Unknown: true}},
		{"Seaport", seaport, typeSea, sea("0", item("1", "5", "6"), item("2", "1", "1"), item("4", "2", "1")), chain.Effects{Approvals: append(append(
			approved(usdcAsset, self, seaport, n(6)), approved("eip155:1"+usdc721+"/9", self, seaport, n(1))...), approved("eip155:1"+usdc721, self, seaport, n(2))...), Programs: []string{usdc}}},
		{"Seaport of a contract", seaport, typeSea, sea("4", item("0", "5", "6")), chain.Effects{Approvals: approved("ETH", self, seaport, n(6)), Programs: []string{usdc}, Unknown: true}},
		{"Seaport elsewhere", beef, typeSea, sea("0", item("3", "5", "6")), chain.Effects{Approvals: approved(strings.Replace("eip155:1"+usdc721+"/9", "721", "1155", 1), self, beef, n(6)), Programs: []string{usdc}, Unknown: true}},
		{"Permit2 with a witness", permit2, witness, trade, chain.Effects{Approvals: approved(usdcAsset, self, dead, n(8))}},
		{"Permit2 with a witness elsewhere", beef, witness, trade, chain.Effects{Approvals: approved(usdcAsset, self, dead, n(8)), Unknown: true}},
		{"Permit2 in disguise", permit2, disguise, trade, chain.Effects{Unknown: true}},
		{"DAI", usdc, typeDAI, `{"holder":"` + self + `","spender":"` + dead + `","nonce":0,"expiry":0,"allowed":true}`, chain.Effects{Approvals: approved(usdcAsset, self, dead, nil)}},
		{"DAI off", usdc, typeDAI, `{"holder":"` + self + `","spender":"` + dead + `","nonce":0,"expiry":0,"allowed":false}`, chain.Effects{Approvals: approved(usdcAsset, self, dead, n(0))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			types, primary := typesOf(t, tc.encodeType)
			d, err := typedjson.Parse([]byte(permitDocument(tc.contract, types, primary, tc.message)))
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Programs = append([]string{tc.contract}, tc.want.Programs...)
			if diff := cmp.Diff(tc.want, d.Effects(publicKey()), big256); diff != "" {
				t.Error(diff)
			}
		})
	}
}
