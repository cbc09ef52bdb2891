package api

// EVMNetworks gives the chain ids of the networks that clients name, as chain/network.
func EVMNetworks() map[string]uint64 {
	return map[string]uint64{
		"ethereum/mainnet": 1, "ethereum/sepolia": 11155111, "polygon/mainnet": 137, "polygon/amoy": 80002,
		"base/mainnet": 8453, "base/sepolia": 84532, "arbitrum/mainnet": 42161, "arbitrum/sepolia": 421614,
		"monad/mainnet": 143, "monad/testnet": 10143,
	}
}
