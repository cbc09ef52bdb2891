package api

// Organization returns the identifier of the organization in which the request acts.
func (p OrganizationParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p AddUserParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p UpdateUserParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p UpdateAuthenticatorParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p GrantParams) Organization() string { return p.OwnerOrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p RevokeParams) Organization() string { return p.OwnerOrganizationID }

// Organization returns the identifier of the organization in which the request acts, when the caller is a member of it.
func (p GrantsParams) Organization() string { return p.OwnerOrganizationID }

// OrElse returns the other organization that may ask.
func (p GrantsParams) OrElse() string { return p.TargetOrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p TransferParams) Organization() string { return p.OwnerOrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p CompleteTransferParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p DeleteUserParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p CreateAuthenticatorParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p DeleteAuthenticatorParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p CreateWalletParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p TaggedWalletParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p WalletsParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p AccountsParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p InitWalletImportParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p CompleteImportWalletParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p ExportWalletParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p Signing) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p PrepareParams) Organization() string { return p.OrganizationID }

// Organization returns the identifier of the organization in which the request acts.
func (p SimulateParams) Organization() string { return p.OrganizationID }

// Target returns what every signing request names.
func (p Signing) Target() Signing { return p }

// Target returns what every signing request names. Keys of Secp256r1 belong to no chain, so it is the algorithm that says
// that one is meant.
func (p SignRawPayloadParams) Target() Signing {
	target := p.Signing
	if p.Algorithm == Secp256r1 {
		target.Curve = CurveSecp256r1
	}
	return target
}
