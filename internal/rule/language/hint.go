package language

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/internal/rule/fact"
)

// hintFor says what to do about a complaint of the parser or checker.
func hintFor(message string, values constants) string {
	switch {
	case strings.Contains(message, "undefined field"):
		return near(quoted(message), fact.FieldNames())
	case strings.Contains(message, "undeclared reference"):
		names := values.names()
		for name := range fact.Variables() {
			names = append(names, name)
		}
		return near(quoted(message), names)
	case strings.Contains(message, "no matching overload") && strings.Contains(message, "uint256"):
		return "compare amounts with amounts, as ether('0.5'), units('12.5', 6) or uint256('1000')"
	case strings.Contains(message, "no matching overload") && strings.Contains(message, "list("):
		return "a list is compared by size(…), all(…) or exists(…)"
	case strings.Contains(message, "no matching overload"):
		return "both sides must be of one type: text stands in quotes, numbers do not"
	case strings.Contains(message, "google.protobuf.Duration"):
		return "a duration is written in hours, minutes and seconds, as 24h or 90m"
	case strings.Contains(message, "Syntax error"):
		return "text stands in quotes; and, or and not are &&, || and !"
	}
	return ""
}

func (c constants) names() []string {
	var names []string
	for name := range c {
		names = append(names, name)
	}
	return names
}

// quoted is the first word in quotes.
func quoted(message string) string {
	parts := strings.SplitN(message, "'", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// near names those that may have been meant.
func near(word string, names []string) string {
	best, distance := "", 1+len(word)/2
	slices.Sort(names)
	for _, name := range names {
		if d := edits(strings.ToLower(word), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return "see the list of variables in docs/spec/policy.md"
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		above := row[0]
		row[0] = i + 1
		for j := range b {
			cost := above
			if a[i] != b[j] {
				cost++
			}
			above = row[j+1]
			row[j+1] = min(cost, row[j]+1, above+1)
		}
	}
	return row[len(b)]
}
