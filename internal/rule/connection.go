package rule

import (
	"fmt"

	"github.com/redoubt-kms/redoubt/internal/org"
)

// ConnectionRules are what a limit in dollars adds to the preset DAPP_CONNECTION_USER, for all that is signed. What the
// request's effects do not tell cannot be limited, so it is not allowed.
func ConnectionRules(l *org.USDLimit) []org.Rule {
	const microUSDPerCent = 10_000
	return []org.Rule{
		{
			Expression: "effects.authorityChanges.size() > 0", Outcome: org.OutcomeDeny,
			Comment: "a connection with a limit hands over no control",
		},
		{
			Expression: "effects.approvals.exists(a, a.unlimited)", Outcome: org.OutcomeDeny,
			Comment: "a connection with a limit approves nothing without limit",
		},
		{
			Expression: fmt.Sprintf("!effects.unknown && usage.spent('USD', duration('24h')) <= uint256('%d')", l.CentsPerDay*microUSDPerCent),
			Outcome:    org.OutcomeAllow, Comment: "the connection's daily limit in dollars",
		},
	}
}
