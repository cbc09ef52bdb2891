package evm_test

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/google/go-cmp/cmp"
	"github.com/holiman/uint256"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/evm/eip55"
	"github.com/redoubt-kms/redoubt/chain/evm/rlp"
)

// newerFields begin a transaction of type 3 or 4 in hexadecimal, up to the access list.
func newerFields(chainID string) string {
	return chainID + "80" + "01" + "843b9aca00" + "825208" + "94000000000000000000000000000000000000dead" + "01" + "80" + "c0"
}

const blobHash = "01" + "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"

func blobFields(chainID string) string { return newerFields(chainID) + "07" + "e1a0" + blobHash }

func setCodeFields(chainID string, items string) string {
	return newerFields(chainID) + toHex(rlp.AppendList(nil, fromHex(items)))
}

func fromHex(s string) []byte { return common.FromHex(s) }
func toHex(b []byte) string   { return common.Bytes2Hex(b) }

// consent signs an authorization with the key of another account.
func consent(t testing.TB, key *secp256k1.PrivateKey, chainID int64, delegate string, nonce uint64) evm.Authorization {
	t.Helper()
	a := evm.Authorization{ChainID: big.NewInt(chainID), Nonce: nonce}
	var err error
	if a.Address, err = eip55.Parse(delegate); err != nil {
		t.Fatal(err)
	}
	signature := sign(key, keccak(string(a.Preimage())))
	a.R, a.S, a.Parity = new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:64]), signature[64]
	return a
}

// item encodes an authorization as it stands in the list.
func item(chainID, nonce uint64, address []byte, parity uint64, r, s *big.Int) string {
	out := rlp.AppendUint64(rlp.AppendBytes(rlp.AppendUint64(nil, chainID), address), nonce)
	return toHex(rlp.AppendList(nil, rlp.AppendUint(rlp.AppendUint(rlp.AppendUint64(out, parity), r), s)))
}

func authorizationItem(t testing.TB) string {
	a := consent(t, testKey(), 11155111, beef, 3)
	return item(11155111, 3, a.Address[:], uint64(a.Parity), a.R, a.S)
}

func TestNewerKindsRefuse(t *testing.T) {
	one, order := big.NewInt(1), secp256k1.S256().N
	half := new(big.Int).Rsh(order, 1)
	address := make([]byte, 20)
	fields := newerFields("01")
	empty := strings.Replace(fields, "94000000000000000000000000000000000000dead", "80", 1)
	good := item(1, 1, address, 0, one, half)
	many := strings.Repeat(good, 672)
	for _, tc := range []struct {
		name   string
		kind   byte
		fields string
		reason string
	}{
		{"blobs without receiver", 3, empty + "07" + "e1a0" + blobHash, "has a receiver"},
		{"no blobs", 3, fields + "07" + "c0", "at least one blob"},
		{"blob hash of version 0", 3, fields + "07" + "e1a0" + "00" + blobHash[2:], "not of version 1"},
		{"blob hash of version 2", 3, fields + "07" + "e1a0" + "02" + blobHash[2:], "not of version 1"},
		{"short blob hash", 3, fields + "07" + "e09f" + blobHash[2:], "31 bytes where 32"},
		{"blob hash as list", 3, fields + "07" + "c1c0", "list where a string"},
		{"blob hashes as string", 3, fields + "07" + "80", "string where a list"},
		{"no blob fields", 3, fields, "truncated before a field"},
		{"blob fee with leading zero", 3, fields + "820007" + "e1a0" + blobHash, "leading zero"},
		{"signed blobs", 3, fields + "07" + "e1a0" + blobHash + "800101", "signed already"},
		{"with blobs, version 0", 3, "c20180" + "c0c0c0", "leave them out"},
		{"with blobs, version 1", 3, "c20180" + "01" + "c0c0c0", "leave them out"},
		{"consent without receiver", 4, empty + toHex(rlp.AppendList(nil, fromHex(good))), "has a receiver"},
		{"no consents", 4, fields + "c0", "at least one authorization"},
		{"consents as string", 4, fields + "80", "string where a list"},
		{"a consent as string", 4, fields + "c180", "string where a list"},
		{"no consents at all", 4, fields, "truncated before a field"},
		{"parity 2", 4, setCodeFields("01", item(1, 1, address, 2, one, one)), "parity is neither"},
		{"parity 27", 4, setCodeFields("01", item(1, 1, address, 27, one, one)), "parity is neither"},
		{"r of zero", 4, setCodeFields("01", item(1, 1, address, 0, new(big.Int), one)), "r out of range"},
		{"r of the order", 4, setCodeFields("01", item(1, 1, address, 0, order, one)), "r out of range"},
		{"s of zero", 4, setCodeFields("01", item(1, 1, address, 0, one, new(big.Int))), "s out of range"},
		{"s above half", 4, setCodeFields("01", item(1, 1, address, 0, one, new(big.Int).Add(half, one))), "s out of range"},
		{"short delegate", 4, setCodeFields("01", item(1, 1, address[1:], 0, one, one)), "19 bytes where 20"},
		{"no delegate", 4, setCodeFields("01", item(1, 1, nil, 0, one, one)), "0 bytes where 20"},
		{"consent's chain id too large", 4, setCodeFields("01", item(1<<63, 1, address, 0, one, one)), "chain id is too large"},
		{"consent's nonce too large", 4, setCodeFields("01", item(1, 1<<64-1, address, 0, one, one)), "nonce is too large"},
		{"consent with more", 4, setCodeFields("01", "db"+item(1, 1, address, 0, one, one)[2:]+"01"), "after the last field"},
		{"more consents than a block holds", 4, setCodeFields("01", many), "more than 671"},
		{"signed consents", 4, setCodeFields("01", good) + "800101", "signed already"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := list(t, tc.fields, tc.kind)
			if _, err := evm.ParseUnsigned(b); !errors.Is(err, chain.ErrMalformed) || !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("error = %v, want %q", err, tc.reason)
			}
		})
	}
	for _, fields := range []string{setCodeFields("01", good), setCodeFields("01", many[:671*len(good)]), blobFields("01")} {
		kind := byte(4)
		if fields == blobFields("01") {
			kind = 3
		}
		if _, err := evm.ParseUnsigned(list(t, fields, kind)); err != nil {
			t.Errorf("what is right is refused: %v", err)
		}
	}
}

func TestSetCodeEffects(t *testing.T) {
	other := secp256k1.PrivKeyFromBytes([]byte{7})
	address, err := eip55.FromPublicKey(other.PubKey().SerializeCompressed())
	if err != nil {
		t.Fatal(err)
	}
	them := eip55.Encode(address)
	zero := "0x0000000000000000000000000000000000000000"
	nobody := consent(t, testKey(), 1, beef, 0)
	nobody.R = big.NewInt(5) // no point of the curve has this x
	change := func(who, kind, code string) chain.AuthorityChange {
		return chain.AuthorityChange{Subject: who, Kind: kind, To: code}
	}
	for _, tc := range []struct {
		name, to string
		list     []evm.Authorization
		every    bool
		want     chain.Effects
	}{
		{"own account", dead, []evm.Authorization{consent(t, testKey(), 1, beef, 8)}, false, chain.Effects{
			AuthorityChanges: []chain.AuthorityChange{change(self, "eip7702 eip155:1 nonce 8", beef)}, Programs: []string{beef},
		}},
		{"another's account, twice", dead, []evm.Authorization{
			consent(t, other, 1, beef, 0), consent(t, other, 1, usdc, 1), consent(t, testKey(), 1, beef, 0),
		}, false, chain.Effects{AuthorityChanges: []chain.AuthorityChange{
			change(them, "eip7702 eip155:1 nonce 0", beef), change(them, "eip7702 eip155:1 nonce 1", usdc),
			change(self, "eip7702 eip155:1 nonce 0", beef),
		}, Programs: []string{beef, usdc}}},
		{"every network", dead, []evm.Authorization{consent(t, other, 1, beef, 0), consent(t, testKey(), 0, beef, 18446744073709551614)}, true, chain.Effects{
			AuthorityChanges: []chain.AuthorityChange{
				change(them, "eip7702 eip155:1 nonce 0", beef), change(self, "eip7702 eip155:* nonce 18446744073709551614", beef),
			}, Programs: []string{beef},
		}},
		{"another network", dead, []evm.Authorization{consent(t, testKey(), 8453, beef, 0)}, false, chain.Effects{
			AuthorityChanges: []chain.AuthorityChange{change(self, "eip7702 eip155:8453 nonce 0", beef)}, Programs: []string{beef},
		}},
		{"taken back", self, []evm.Authorization{consent(t, testKey(), 1, zero, 2)}, false, chain.Effects{
			AuthorityChanges: []chain.AuthorityChange{change(self, "eip7702 eip155:1 nonce 2", "")},
		}},
		{"called at once", them, []evm.Authorization{consent(t, other, 1, beef, 0)}, false, chain.Effects{
			AuthorityChanges: []chain.AuthorityChange{change(them, "eip7702 eip155:1 nonce 0", beef)}, Programs: []string{beef}, Unknown: true,
		}},
		{"nobody's", dead, []evm.Authorization{nobody}, false, chain.Effects{Unknown: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			to, err := eip55.Parse(tc.to)
			if err != nil {
				t.Fatal(err)
			}
			f := evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 10, MaxFeePerGas: big.NewInt(3), Value: big.NewInt(4), To: &to}
			tx, err := evm.NewSetCode(f, tc.list)
			if err != nil {
				t.Fatal(err)
			}
			tc.want.FeeMax, tc.want.Transfers = big.NewInt(30), moved("ETH", self, tc.to, 4)
			if diff := cmp.Diff(tc.want, tx.Effects(publicKey()), big256); diff != "" {
				t.Error(diff)
			}
			if tx.EveryNetwork() != tc.every {
				t.Errorf("valid on every network: %v", tx.EveryNetwork())
			}
		})
	}
}

// TestBlobFeeCounts: two blobs of 131,072 units at seven wei.
func TestBlobFeeCounts(t *testing.T) {
	f := evm.DynamicFee{ChainID: big.NewInt(1), GasLimit: 10, MaxFeePerGas: big.NewInt(3), To: &[20]byte{}}
	tx, err := evm.NewBlob(f, big.NewInt(7), [][32]byte{{1}, {1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if got := tx.Effects(publicKey()).FeeMax; got.Cmp(big.NewInt(30+2*131072*7)) != 0 {
		t.Errorf("at most %s wei", got)
	}
}

func (g generator) blob(id *big.Int) *types.BlobTx {
	tip := g.number(12)
	tx := &types.BlobTx{
		ChainID: uint256.MustFromBig(id), Nonce: g.word(7), GasTipCap: uint256.MustFromBig(tip),
		GasFeeCap: uint256.MustFromBig(tip.Add(tip, g.number(12))), Gas: g.word(8), To: *g.address(),
		Value: uint256.MustFromBig(g.number(32)), Data: g.bytes(300), AccessList: g.accessList(),
		BlobFeeCap: uint256.MustFromBig(g.number(20)),
	}
	for range 1 + g.IntN(6) {
		hash := common.BytesToHash(g.bytes(32))
		hash[0] = 1
		tx.BlobHashes = append(tx.BlobHashes, hash)
	}
	return tx
}

func (g generator) setCode(id *big.Int) *types.SetCodeTx {
	tip := g.number(12)
	tx := &types.SetCodeTx{
		ChainID: uint256.MustFromBig(id), Nonce: g.word(7), GasTipCap: uint256.MustFromBig(tip),
		GasFeeCap: uint256.MustFromBig(tip.Add(tip, g.number(12))), Gas: g.word(8), To: *g.address(),
		Value: uint256.MustFromBig(g.number(32)), Data: g.bytes(300), AccessList: g.accessList(),
	}
	for range 1 + g.IntN(3) {
		a := types.SetCodeAuthorization{ChainID: *uint256.NewInt(g.word(6)), Address: *g.address(), Nonce: g.word(7)}
		key := secp256k1.PrivKeyFromBytes(append(g.bytes(31), 2))
		digest := a.SigHash()
		signature := sign(key, digest[:])
		a.R.SetBytes(signature[:32])
		a.S.SetBytes(signature[32:64])
		a.V = signature[64]
		tx.AuthList = append(tx.AuthList, a)
	}
	return tx
}

// compareNewerFields compares what types 3 and 4 have besides, and whom each authorization is of.
func compareNewerFields(t *testing.T, ours *evm.Transaction, theirs *types.Transaction) {
	t.Helper()
	if (ours.MaxBlobFee() == nil) != (theirs.BlobGasFeeCap() == nil) || len(ours.BlobHashes()) != len(theirs.BlobHashes()) {
		t.Fatal("blob fields differ")
	}
	if fee := ours.MaxBlobFee(); fee != nil && fee.Cmp(theirs.BlobGasFeeCap()) != 0 {
		t.Fatal("blob fees differ")
	}
	for i, h := range theirs.BlobHashes() {
		if ours.BlobHashes()[i] != h {
			t.Fatal("blob hashes differ")
		}
	}
	if len(ours.Authorizations()) != len(theirs.SetCodeAuthorizations()) {
		t.Fatal("authorizations differ")
	}
	for i, a := range theirs.SetCodeAuthorizations() {
		mine := ours.Authorizations()[i]
		digest := a.SigHash()
		if mine.Address != a.Address || mine.Nonce != a.Nonce || mine.ChainID.Cmp(a.ChainID.ToBig()) != 0 ||
			!bytes.Equal(keccak(string(mine.Preimage())), digest[:]) || !evm.IsPreimage(mine.Preimage()) {
			t.Fatal("authorizations differ")
		}
		want, err := a.Authority()
		got, fault := mine.Authority()
		if (err == nil) != (fault == nil) || (err == nil && got != want) {
			t.Fatalf("authority %x, %v; go-ethereum says %x, %v", got, fault, want, err)
		}
	}
}

// FuzzAuthorizationPreimage: what go-ethereum would sign of an authorization is what we name, and is never signed as text.
func FuzzAuthorizationPreimage(f *testing.F) {
	f.Add(uint64(0), make([]byte, 20), uint64(0))
	f.Add(uint64(1), bytes.Repeat([]byte{0xff}, 20), uint64(1<<63))
	f.Fuzz(func(t *testing.T, id uint64, address []byte, nonce uint64) {
		if len(address) != 20 {
			return
		}
		a := evm.Authorization{ChainID: new(big.Int).SetUint64(id), Address: [20]byte(address), Nonce: nonce}
		theirs := types.SetCodeAuthorization{ChainID: *uint256.NewInt(id), Address: a.Address, Nonce: nonce}
		digest := theirs.SigHash()
		if !bytes.Equal(keccak(string(a.Preimage())), digest[:]) {
			t.Fatal("go-ethereum signs other bytes")
		}
		if !evm.IsPreimage(a.Preimage()) {
			t.Fatal("an authorization passes the screen")
		}
	})
}
