package fact

import (
	"cel.dev/cel-go/common/types"

	"github.com/redoubt-kms/redoubt/chain"
	"github.com/redoubt-kms/redoubt/chain/bitcoin"
	"github.com/redoubt-kms/redoubt/chain/evm"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/chain/sui"
)

var txType = types.NewObjectType("Tx")

var txFields = define(txType,
	always("chain", types.StringType, func(f *Facts) any { return types.String(f.Chain()) }),
	always("network", types.StringType, func(f *Facts) any { return types.String(f.Network) }),
	maybe("evm", evmType, func(f *Facts) (any, bool) {
		tx, ok := f.look().(*evm.Transaction)
		return object{evmFields, &evmTx{tx, f}}, ok
	}),
	maybe("solana", solanaType, func(f *Facts) (any, bool) {
		tx, ok := f.look().(*solana.Transaction)
		return object{solanaFields, tx}, ok
	}),
	maybe("bitcoin", bitcoinType, func(f *Facts) (any, bool) {
		spend, ok := f.look().(*bitcoin.Spend)
		if !ok {
			return nil, false
		}
		parts, err := spend.Parts(f.PublicKey)
		return object{bitcoinFields, &parts}, err == nil
	}),
	maybe("sui", suiType, func(f *Facts) (any, bool) {
		tx, ok := f.look().(*sui.Transaction)
		return object{suiFields, tx}, ok
	}),
)

// Chain names the chain of a transaction, empty for what is none.
func (f *Facts) Chain() chain.ID {
	switch f.look().(type) {
	case *evm.Transaction, *evm.Consent:
		return chain.EVM
	case *solana.Transaction:
		return chain.Solana
	case *bitcoin.Spend:
		return chain.Bitcoin
	case *sui.Transaction:
		return chain.Sui
	}
	return ""
}

// nativeAsset is the coin in which the payload's fee is paid.
func (f *Facts) nativeAsset() string {
	switch seen := f.look().(type) {
	case *evm.Transaction:
		return evm.NativeAsset(seen.ChainID())
	case *solana.Transaction:
		return solana.NativeAsset
	case *bitcoin.Spend:
		return bitcoin.Asset
	case *sui.Transaction:
		return sui.NativeAsset
	}
	return ""
}
