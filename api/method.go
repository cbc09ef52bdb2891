package api

// Method names a call of the contract.
type Method string

// The methods that this release serves.
const (
	CreateOrganization         Method = "createOrganization"
	GetOrganization            Method = "getOrganization"
	AddUserToOrganization      Method = "addUserToOrganization"
	UpdateUserInOrganization   Method = "updateUserInOrganization"
	DeleteUserFromOrganization Method = "deleteUserFromOrganization"
	CreateAuthenticator        Method = "createAuthenticator"
	UpdateAuthenticator        Method = "updateAuthenticator"
	DeleteAuthenticator        Method = "deleteAuthenticator"

	GetPhantomOrganization         Method = "getPhantomOrganization"
	GetOrCreatePhantomOrganization Method = "getOrCreatePhantomOrganization"

	GrantOrganizationAccess    Method = "grantOrganizationAccess"
	RevokeOrganizationAccess   Method = "revokeOrganizationAccess"
	GetWalletAccessGrants      Method = "getWalletAccessGrantsRequest" // as the contract spells it
	TransferOrganizationWallet Method = "transferOrganizationWallet"
	ListPendingMigrations      Method = "listPendingMigrations"
	CompleteWalletTransfer     Method = "completeWalletTransfer"

	CreateWallet             Method = "createWallet"
	GetOrCreateWalletWithTag Method = "getOrCreateWalletWithTag"
	GetWalletWithTag         Method = "getWalletWithTag"
	GetOrganizationWallets   Method = "getOrganizationWallets"
	GetAccounts              Method = "getAccounts"
	SignUtf8Message          Method = "signUtf8Message"
	EthereumSignMessage      Method = "ethereumSignMessage"
	EthereumSignTypedData    Method = "ethereumSignTypedData"
	SignTransaction          Method = "signTransaction"
	SignRawPayload           Method = "signRawPayload"

	InitWalletImport     Method = "initWalletImport"
	CompleteImportWallet Method = "completeImportWallet"
	ExportWallet         Method = "exportWallet"

	Freeze   Method = "freeze"
	Unfreeze Method = "unfreeze"

	SetPrices        Method = "setPrices"
	RegisterContract Method = "registerContract"
	DryRun           Method = "dryRun"

	ReplayPolicy            Method = "replayPolicy"
	GetOrganizationActivity Method = "getOrganizationActivity"

	GetOrganizationControls    Method = "getOrganizationControls"
	UpdateOrganizationControls Method = "updateOrganizationControls"

	ApproveRequest Method = "approveRequest"
	RejectRequest  Method = "rejectRequest"
	GetRequest     Method = "getRequest"
	ListRequests   Method = "listRequests"

	ConnectApp      Method = "connectApp"
	DisconnectApp   Method = "disconnectApp"
	ListConnections Method = "listConnections"

	ListWays          Method = "listWays"
	AddWay            Method = "addWay"
	RemoveWay         Method = "removeWay"
	CompleteWayChange Method = "completeWayChange"
	VetoWayChange     Method = "vetoWayChange"
)

// Methods lists the methods that this release serves.
func Methods() []Method {
	return []Method{
		CreateOrganization, GetOrganization, AddUserToOrganization, UpdateUserInOrganization, DeleteUserFromOrganization,
		CreateAuthenticator, UpdateAuthenticator, DeleteAuthenticator, GetPhantomOrganization, GetOrCreatePhantomOrganization,
		GrantOrganizationAccess, RevokeOrganizationAccess, GetWalletAccessGrants, TransferOrganizationWallet,
		ListPendingMigrations, CompleteWalletTransfer,
		CreateWallet, GetOrCreateWalletWithTag, GetWalletWithTag, GetOrganizationWallets, GetAccounts, SignUtf8Message,
		EthereumSignMessage, EthereumSignTypedData, SignTransaction, SignRawPayload,
		InitWalletImport, CompleteImportWallet, ExportWallet, Freeze, Unfreeze,
		GetOrganizationControls, UpdateOrganizationControls, SetPrices, RegisterContract, DryRun, GetOrganizationActivity, ReplayPolicy,
		ApproveRequest, RejectRequest, GetRequest, ListRequests,
		ConnectApp, DisconnectApp, ListConnections, ListWays, AddWay, RemoveWay, CompleteWayChange, VetoWayChange,
	}
}

// Reads says whether a method changes nothing and has nothing signed.
func (m Method) Reads() bool {
	switch m { //nolint:exhaustive // the others have an effect
	case GetOrganization, GetPhantomOrganization, GetWalletAccessGrants, ListPendingMigrations, GetWalletWithTag,
		GetOrganizationWallets, GetAccounts, GetOrganizationControls, DryRun, GetOrganizationActivity, ReplayPolicy, GetRequest, ListRequests, ListConnections, ListWays:
		return true
	}
	return false
}

// CanonicalMethod returns the name of a method that has two: the contract's text and its schema do not always agree.
func CanonicalMethod(m Method) Method {
	switch m { //nolint:exhaustive // the others have one name
	case "getWalletAccessGrants":
		return GetWalletAccessGrants
	case "initMnemonicImport":
		return InitWalletImport
	case "completeMnemonicImport":
		return CompleteImportWallet
	}
	return m
}
