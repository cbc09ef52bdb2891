package api

// Algorithm names a signature scheme, spelled as in the contract.
type Algorithm string

// The algorithms of the contract. Stamps use the first two; wallets use all, Secp256r1 for raw
// payloads only.
const (
	Ed25519            Algorithm = "Ed25519"            // RFC 8032 over the message itself; 64-byte signature
	Secp256r1          Algorithm = "Secp256r1"          // ECDSA P-256 over SHA-256; raw r‖s, 64 bytes
	Secp256k1          Algorithm = "Secp256k1"          // ECDSA over SHA-256; raw r‖s, 64 bytes, low-S
	Secp256k1Keccak256 Algorithm = "Secp256k1Keccak256" // ECDSA over Keccak-256; r‖s‖v, 65 bytes, low-S
	Secp256k1Schnorr   Algorithm = "Secp256k1Schnorr"   // BIP-340 over SHA-256; 64 bytes
)

// Curve names the elliptic curve of a derived account. Keypair wallets spell the second one K256.
type Curve string

// The curves of the contract, and Secp256r1, which is ours.
const (
	CurveEd25519   Curve = "Ed25519"
	CurveSecp256k1 Curve = "Secp256k1"
	CurveK256      Curve = "K256" // the spelling of Secp256k1 in keypair wallets
	CurveSecp256r1 Curve = "Secp256r1"
)

// AddressFormat says how a public key is written as an address.
type AddressFormat string

// The address formats of the contract, and BitcoinNestedSegwit and None, which are ours.
const (
	AddressSolana              AddressFormat = "Solana"              // base58 of the 32-byte Ed25519 key
	AddressEthereum            AddressFormat = "Ethereum"            // EIP-55 of the last 20 bytes of Keccak-256(X‖Y)
	AddressBitcoinSegwit       AddressFormat = "BitcoinSegwit"       // BIP-173 bech32, P2WPKH, mainnet
	AddressBitcoinNestedSegwit AddressFormat = "BitcoinNestedSegwit" // base58check, P2WPKH in P2SH, BIP-49, mainnet
	AddressBitcoinTaproot      AddressFormat = "BitcoinTaproot"      // BIP-350 bech32m, BIP-86 key path, mainnet
	AddressSui                 AddressFormat = "Sui"                 // 0x + BLAKE2b-256(0x00‖key)
	AddressNone                AddressFormat = "None"                // of Secp256r1 keys, which belong to no chain
)
