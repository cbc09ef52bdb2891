package api

// TransactionObject is a transaction by its kind. Its members are named as the libraries of Ethereum name them.
type TransactionObject struct {
	Kind                 string        `json:"kind"`               // RLP_ENCODED, EIP_1559, EIP_4844, EIP_7702 or PSBT
	Bytes                string        `json:"bytes,omitempty"`    // of RLP_ENCODED and PSBT
	Finalize             bool          `json:"finalize,omitempty"` // of PSBT: finish the inputs that can be
	Type                 Raw           `json:"type,omitempty"`     // may repeat the kind: eip7702, 4 or 0x4
	ChainID              Raw           `json:"chainId,omitempty"`
	Nonce                Raw           `json:"nonce,omitempty"`
	GasLimit             Raw           `json:"gasLimit,omitempty"`
	Gas                  Raw           `json:"gas,omitempty"` // another name of gasLimit
	MaxFeePerGas         Raw           `json:"maxFeePerGas,omitempty"`
	MaxPriorityFeePerGas Raw           `json:"maxPriorityFeePerGas,omitempty"`
	To                   string        `json:"to,omitempty"`
	Value                Raw           `json:"value,omitempty"`
	Data                 string        `json:"data,omitempty"`
	AccessList           []AccessTuple `json:"accessList,omitempty"`

	// Of EIP_4844.
	MaxFeePerBlobGas    Raw      `json:"maxFeePerBlobGas,omitempty"`
	BlobVersionedHashes []string `json:"blobVersionedHashes,omitempty"`
	Blobs               Raw      `json:"blobs,omitempty"`    // refused: blobs are not signed
	Sidecars            Raw      `json:"sidecars,omitempty"` // refused: blobs are not signed

	// Of EIP_7702.
	AuthorizationList []Authorization `json:"authorizationList,omitempty"`
}

// AccessTuple is storage that a transaction pays for in advance (EIP-2930).
type AccessTuple struct {
	Address     string   `json:"address"`
	StorageKeys []string `json:"storageKeys"`
}

// Authorization is a signed consent of EIP-7702. The signature stands in it or in an object of its own.
type Authorization struct {
	ChainID Raw    `json:"chainId"`
	Address string `json:"address"`
	Nonce   Raw    `json:"nonce"`
	AuthorizationSignature
	Signature *AuthorizationSignature `json:"signature,omitempty"`
}

// AuthorizationSignature is a signature by its numbers. V is 27 or 28, or the parity itself.
type AuthorizationSignature struct {
	YParity  Raw    `json:"yParity,omitempty"`
	V        Raw    `json:"v,omitempty"`
	R        Raw    `json:"r,omitempty"`
	S        Raw    `json:"s,omitempty"`
	Kind     string `json:"_type,omitempty"` // some libraries write more than the numbers
	NetworkV Raw    `json:"networkV,omitempty"`
}
