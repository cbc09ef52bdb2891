package rule

import (
	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/chain/solana"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/payload"
	"github.com/redoubt-kms/redoubt/internal/rule/txpolicy"
)

// outside says why a request is outside of a transaction policy; empty if it is not. A policy for Solana leaves no other
// transactions: neither those of other chains, nor bytes that might be one, nor the secret, which could sign them all.
// Whoever may look at accounts or sign messages is told by the rest of the grant.
func outside(p *org.TransactionPolicy, q Question) string {
	if p == nil || len(p.Solana) == 0 {
		return ""
	}
	if q.Method == api.ExportWallet {
		return "who has the secret is bound by no transaction policy"
	}
	if !signs(q.Method) {
		return ""
	}
	switch is := q.Payload.(type) {
	case nil:
		return "it cannot be asked about what is signed here"
	case *solana.Transaction:
		if len(q.Signer) != len(solana.Key{}) {
			return "it cannot be asked about who signs here"
		}
		if err := txpolicy.Check(p, is, solana.Key(q.Signer)); err != nil {
			return err.Error()
		}
	case *payload.Raw:
		if is.As == api.SignTransaction || is.Blind {
			return "bytes that are a transaction, or may stand for one, are signed by signTransaction only"
		}
	default:
		if q.Method == api.SignTransaction {
			return "it is for transactions of Solana; this is another chain's"
		}
	}
	return ""
}
