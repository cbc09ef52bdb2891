// Package failpoint names the steps of the path that a write takes, so that a test can have a process die, or an
// operation fail, at exactly one of them. In every build but those with the tag failpoint it is nothing: two empty
// functions, which the compiler removes.
package failpoint

// Step is one step of the path.
type Step string

// The steps, in the order in which a signing request meets them.
const (
	HostReceived     Step = "host.received"
	HostBeforePolicy Step = "host.before-policy"
	HostBeforeAppend Step = "host.before-append"
	HostAfterAppend  Step = "host.after-append"
	HostAfterPolicy  Step = "host.after-policy"
	HostBeforeReply  Step = "host.before-reply"

	PolicyReceived              Step = "policy.received"
	PolicyBeforeApply           Step = "policy.before-apply"
	PolicyAfterQueue            Step = "policy.after-queue"
	PolicyBeforeSeal            Step = "policy.before-seal"
	PolicyBeforeCommitFrame     Step = "policy.before-commit-frame"
	PolicyAfterCommit           Step = "policy.after-commit"
	PolicyBeforeAnchor          Step = "policy.before-anchor"
	PolicyAfterAnchor           Step = "policy.after-anchor"
	PolicyBeforeSign            Step = "policy.before-sign"
	PolicyAfterSign             Step = "policy.after-sign"
	PolicyBeforeResultSignature Step = "policy.before-result-signature"
	PolicyBeforeReply           Step = "policy.before-reply"
	PolicyOpened                Step = "policy.opened"   // at start, under a new epoch
	PolicyVerified              Step = "policy.verified" // at start, before it serves

	CertifierReceived    Step = "certifier.received"
	CertifierBeforeWrite Step = "certifier.before-write"
	CertifierBeforeSync  Step = "certifier.before-sync" // written, not synced
	CertifierAfterSync   Step = "certifier.after-sync"  // synced, no receipt yet
	CertifierBeforeReply Step = "certifier.before-reply"

	SignerReceived    Step = "signer.received"
	SignerAfterAccept Step = "signer.after-accept"
	SignerBeforeSign  Step = "signer.before-sign"
	SignerAfterSign   Step = "signer.after-sign"
	SignerBeforeReply Step = "signer.before-reply"
)

// Steps are all of them.
func Steps() []Step {
	return []Step{
		HostReceived, HostBeforePolicy, HostBeforeAppend, HostAfterAppend, HostAfterPolicy, HostBeforeReply,
		PolicyReceived, PolicyBeforeApply, PolicyAfterQueue, PolicyBeforeSeal, PolicyBeforeCommitFrame, PolicyAfterCommit,
		PolicyBeforeAnchor, PolicyAfterAnchor, PolicyBeforeSign, PolicyAfterSign, PolicyBeforeResultSignature, PolicyBeforeReply,
		PolicyOpened, PolicyVerified,
		CertifierReceived, CertifierBeforeWrite, CertifierBeforeSync, CertifierAfterSync, CertifierBeforeReply,
		SignerReceived, SignerAfterAccept, SignerBeforeSign, SignerAfterSign, SignerBeforeReply,
	}
}

// Failing are the steps where an operation may fail and the process live on.
func Failing() []Step {
	return []Step{HostBeforeAppend, HostAfterAppend, CertifierBeforeWrite, CertifierBeforeSync, SignerAfterSign}
}
