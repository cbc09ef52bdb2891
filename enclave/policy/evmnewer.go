package policy

import (
	"fmt"
	"math/big"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/evm"
)

// evmBlob adds what EIP-4844 has.
func evmBlob(f evm.DynamicFee, o api.TransactionObject, path string) (*evm.Transaction, error) {
	fee, err := number(o.MaxFeePerBlobGas, path+".maxFeePerBlobGas")
	if err != nil {
		return nil, err
	}
	hashes, err := evmHashes(o.BlobVersionedHashes, path+".blobVersionedHashes")
	if err != nil {
		return nil, err
	}
	return evm.NewBlob(f, fee, hashes)
}

// evmSetCode adds what EIP-7702 has.
func evmSetCode(f evm.DynamicFee, o api.TransactionObject, path string) (*evm.Transaction, error) {
	var list []evm.Authorization
	for i, entry := range o.AuthorizationList {
		a, err := evmAuthorization(entry, fmt.Sprintf("%s.authorizationList[%d]", path, i))
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return evm.NewSetCode(f, list)
}

// evmAuthorization reads a signed authorization as viem, ethers or a node's JSON writes it.
func evmAuthorization(in api.Authorization, path string) (evm.Authorization, error) {
	var out evm.Authorization
	signature := in.AuthorizationSignature
	if in.Signature != nil {
		if len(signature.R)+len(signature.S)+len(signature.V)+len(signature.YParity) > 0 {
			return out, api.Errorf(api.TypeInvalid, "gives the signature twice").At(path)
		}
		signature = *in.Signature
	}
	var nonce *big.Int
	for _, m := range []struct {
		name string
		raw  api.Raw
		into **big.Int
	}{
		{"chainId", in.ChainID, &out.ChainID}, {"nonce", in.Nonce, &nonce}, {"r", signature.R, &out.R}, {"s", signature.S, &out.S},
	} {
		var err error
		if *m.into, err = number(m.raw, path+"."+m.name); err != nil {
			return out, err
		}
	}
	if !nonce.IsUint64() {
		return out, api.Errorf(api.TypeInvalid, "is 2^64 or more").At(path + ".nonce")
	}
	out.Nonce = nonce.Uint64()
	var err error
	if out.Address, err = evmAddress(in.Address, path+".address"); err != nil {
		return out, err
	}
	out.Parity, err = evmParity(signature, path)
	return out, err
}

// evmParity takes the recovery id from yParity or v; where both are given they must agree.
func evmParity(s api.AuthorizationSignature, path string) (byte, error) {
	var given []uint64
	for _, m := range []struct {
		name string
		raw  api.Raw
		base int64
	}{{"yParity", s.YParity, 0}, {"v", s.V, 27}} {
		if len(m.raw) == 0 {
			continue
		}
		n, err := number(m.raw, path+"."+m.name)
		if err != nil {
			return 0, err
		}
		if base := big.NewInt(m.base); n.Cmp(base) >= 0 {
			n.Sub(n, base)
		}
		if n.BitLen() > 1 {
			return 0, api.Errorf(api.TypeInvalid, "want a yParity of 0 or 1, or a v of 27 or 28").At(path + "." + m.name)
		}
		given = append(given, n.Uint64())
	}
	switch {
	case len(given) == 0:
		return 0, api.Errorf(api.TypeMalformed, "is missing").At(path + ".yParity")
	case given[0] != given[len(given)-1]:
		return 0, api.Errorf(api.TypeInvalid, "yParity and v contradict each other").At(path)
	}
	return byte(given[0]), nil
}
