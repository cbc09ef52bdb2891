package policy

import (
	"encoding/base64"
	little "encoding/binary"
	"testing"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/base58"
	"github.com/redoubt-kms/redoubt/chain/bitcoin/script"
)

// Every signature counts against an organization's rate, not only every request: else one PSBT after the other would keep
// the signer from working for anybody else.
func TestSignaturesAreCharged(t *testing.T) {
	const path, inputs = "m/86'/0'/0'/0/0", 100
	r := newFiles(t)
	r.rateLimit = 20
	r.start(t)
	o, other := r.tenant(t), r.tenant(t)
	w, foreign := r.wallet(t, o), r.wallet(t, other)
	own := must[[]api.Account](t, r, o.key, api.GetAccounts, object{"organizationId": o.id, "walletId": w.WalletID, "accounts": []string{path}})[0]
	key, err := base58.Decode(own.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pays, err := script.Output(api.AddressBitcoinTaproot, key)
	if err != nil {
		t.Fatal(err)
	}
	spend := func(inputs int) object {
		tx := append([]byte{2, 0, 0, 0}, byte(inputs))
		for i := range inputs {
			tx = little.LittleEndian.AppendUint32(append(tx, make([]byte, 32)...), uint32(i))
			tx = append(tx, 0, 255, 255, 255, 255)
		}
		tx = append(append(append(tx, 1, 1, 0, 0, 0, 0, 0, 0, 0, byte(len(pays))), pays...), 0, 0, 0, 0)
		b := append(little.LittleEndian.AppendUint32([]byte("psbt\xff\x01\x00\xfe"), uint32(len(tx))), tx...)
		if len(tx) < 1<<16 {
			b = append(little.LittleEndian.AppendUint16([]byte("psbt\xff\x01\x00\xfd"), uint16(len(tx))), tx...)
		}
		b = append(b, 0)
		for range inputs {
			b = append(append(append(b, 1, 1, byte(9+len(pays)), 9, 0, 0, 0, 0, 0, 0, 0, byte(len(pays))), pays...), 0)
		}
		return object{
			"organizationId": o.id, "walletId": w.WalletID, "derivationInfo": path,
			"transaction": object{"kind": "PSBT", "bytes": base64.StdEncoding.EncodeToString(append(b, 0))},
		}
	}
	must[api.SignedTransaction](t, r, o.key, api.SignTransaction, spend(inputs))
	before := r.entries(t)
	if a := r.call(t, o.key, api.SignTransaction, spend(inputs-1)); a.Status != 429 || a.RetryAfter == 0 {
		t.Errorf("100 more signatures at once: %d %s", a.Status, a.Result)
	}
	if n := r.entries(t); n != before {
		t.Errorf("%d entries for what was turned away", n-before)
	}
	must[api.Signature](t, r, other.key, api.SignUtf8Message, utf8Params(other, foreign.WalletID, "x"))
}
