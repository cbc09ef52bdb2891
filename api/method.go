package api

// Method names a call of the contract.
type Method string

// The methods that this release serves.
const (
	CreateOrganization         Method = "createOrganization"
	GetOrganization            Method = "getOrganization"
	AddUserToOrganization      Method = "addUserToOrganization"
	DeleteUserFromOrganization Method = "deleteUserFromOrganization"
	CreateAuthenticator        Method = "createAuthenticator"
	DeleteAuthenticator        Method = "deleteAuthenticator"
	CreateWallet               Method = "createWallet"
	GetOrCreateWalletWithTag   Method = "getOrCreateWalletWithTag"
	GetWalletWithTag           Method = "getWalletWithTag"
	GetOrganizationWallets     Method = "getOrganizationWallets"
	GetAccounts                Method = "getAccounts"
	SignUtf8Message            Method = "signUtf8Message"
	EthereumSignMessage        Method = "ethereumSignMessage"
	EthereumSignTypedData      Method = "ethereumSignTypedData"
	SignTransaction            Method = "signTransaction"
)

// Methods lists the methods that this release serves.
func Methods() []Method {
	return []Method{
		CreateOrganization, GetOrganization, AddUserToOrganization, DeleteUserFromOrganization, CreateAuthenticator, DeleteAuthenticator,
		CreateWallet, GetOrCreateWalletWithTag, GetWalletWithTag, GetOrganizationWallets, GetAccounts, SignUtf8Message,
		EthereumSignMessage, EthereumSignTypedData, SignTransaction,
	}
}
