package wire

import "time"

// What the host asks the certifier when people log in. The host has no channel to the certifier: the policy engine passes
// these calls on unread, and the certifier trusts nothing in them that it has not verified itself.
const (
	KindIssuer      Kind = 50 // Empty → Issuer
	KindSignInBegin Kind = 51 // SignInBegin → SignInBegun
	KindSignIn      Kind = 52 // SignIn → SignedIn
	KindAuthorize   Kind = 53 // Request → Authorized; a body that the page's session key stamped
	KindMint        Kind = 54 // MintRequest → Minted
	KindFetchBegin  Kind = 55 // FetchBegin → FetchStepped
	KindFetchStep   Kind = 56 // FetchStep → FetchStepped
)

// KindFetch asks the host to carry the bytes of a fetch of keys, with KindFetchBegin and KindFetchStep.
const KindFetch Kind = 57 // FetchBegin → Fetched

// FaultKeysNeeded is the code of the fault of KindSignIn when the keys of the provider have to be fetched first; the
// message is the URL of the provider's issuer.
const FaultKeysNeeded = "keys-needed"

// FaultFetch is the code of the fault of a fetch that brought no keys.
const FaultFetch = "fetch-failed"

// Issuer is the certifier's statement about the key that signs logins.
type Issuer struct {
	_         struct{} `cbor:",toarray"`
	Statement []byte   // CBOR of proof.SignedIssuer
}

// SignInBegin starts a login of a session key.
type SignInBegin struct {
	_     struct{} `cbor:",toarray"`
	Nonce string   // base64url(SHA-256(public key)) of the session key that the login is for
	Email string   // address that a one-time code is made for; empty for the other ways
}

// SignInBegun is what the evidence must contain. The code is for the mail: whoever carries it can use it, so such a login
// is marked.
type SignInBegun struct {
	_         struct{} `cbor:",toarray"`
	Challenge []byte   // 32 bytes; once, for ten minutes
	Code      string   // eight digits; only with Email
}

// SignIn shows evidence of who the person is: exactly one of Passkey, IDToken and Code.
type SignIn struct {
	_         struct{} `cbor:",toarray"`
	Challenge []byte
	Passkey   *PasskeyAssertion
	IDToken   string // of an outside provider, whose nonce is that of the session key
	Code      string
}

// PasskeyAssertion is an assertion over the challenge. The key is the host's to keep: the subject is its hash.
type PasskeyAssertion struct {
	_                 struct{} `cbor:",toarray"`
	CredentialID      []byte
	PublicKey         []byte // COSE_Key as it was registered
	AuthenticatorData []byte
	ClientDataJSON    []byte
	Signature         []byte
}

// SignedIn is a login of the person on the pages of Connect.
type SignedIn struct {
	_         struct{} `cbor:",toarray"`
	Token     string   // JWT with aud ["connect"]; what the page's stamps carry
	Subject   string   // passkey:…, oidc:… or email:…
	ExpiresAt uint64   // Unix milliseconds
}

// Authorized is the permission for an app's session, sealed for the certifier: whoever keeps it can have tokens minted for
// the one session key that it names, until it ends.
type Authorized struct {
	_              struct{} `cbor:",toarray"`
	Session        []byte
	ClientID       string
	RedirectURI    string
	Nonce          string
	Origin         string
	OrganizationID string
	Subject        string
	ExpiresAt      uint64 // Unix milliseconds
	Transaction    string // as the body names the login; the host compares it with the one that it is about
}

// MintRequest has tokens made.
type MintRequest struct {
	_       struct{} `cbor:",toarray"`
	Session []byte
}

// Minted are fresh tokens of a session.
type Minted struct {
	_           struct{} `cbor:",toarray"`
	AccessToken string   // holds the session token in ext.a2t
	IDToken     string
	Subject     string
	ExpiresAt   uint64 // of the tokens, Unix milliseconds
	SessionEnds uint64 // Unix milliseconds
}

// FetchBegin names keys to fetch.
type FetchBegin struct {
	_      struct{} `cbor:",toarray"`
	URL    string
	Issuer bool // URL is an issuer's, whose discovery document names the keys; else that of a JWK set
}

// FetchStep brings what the peer sent.
type FetchStep struct {
	_        struct{} `cbor:",toarray"`
	Fetch    []byte
	Received []byte
	Ended    bool // the peer sends no more
}

// FetchStepped says what to send, and where. With another Connection than before, the one before is to be closed and
// Address to be connected to. When Statement is there, the fetch is done.
type FetchStepped struct {
	_          struct{} `cbor:",toarray"`
	Fetch      []byte
	Connection uint8  // counts from 1
	Address    string // host:port to connect to
	Loopback   bool   // the manifest allows this address although it is of this machine
	Send       []byte
	Statement  []byte // CBOR of proof.SignedKeySet
}

// The bounds of a fetch, which the certifier enforces and the host need not exceed.
const (
	FetchTime = 5 * time.Second
	FetchSize = 256 << 10 // bytes received on one connection, TLS included
)

// Fetched is the certifier's statement about keys.
type Fetched struct {
	_         struct{} `cbor:",toarray"`
	Statement []byte   // CBOR of proof.SignedKeySet
}
