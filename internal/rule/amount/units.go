package amount

import (
	"fmt"
	"math/big"
	"strings"
)

// Parse reads decimal digits, or hexadecimal ones after 0x.
func Parse(text string) (*Amount, error) {
	digits, base := text, 10
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		digits, base = hex, 16
	}
	if len(digits) == 0 || len(digits) > 78 || strings.ContainsAny(digits, "+-_") {
		return nil, fmt.Errorf("%q is not a whole number", short(text))
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil, fmt.Errorf("%q is not a whole number", short(text))
	}
	return FromBig(n)
}

// maxDecimals bounds how finely a unit may be divided; the most that tokens have is 77.
const maxDecimals = 77

// ParseUnits reads a decimal fraction of units that consist of 10^decimals smallest ones: ParseUnits("1.5", 9) is
// 1500000000. What is finer than the smallest unit is an error, not rounded away.
func ParseUnits(text string, decimals int) (*Amount, error) {
	if decimals < 0 || decimals > maxDecimals {
		return nil, fmt.Errorf("%d decimals: want 0 to %d", decimals, maxDecimals)
	}
	whole, fraction, dotted := strings.Cut(text, ".")
	if whole == "" || dotted && fraction == "" || strings.HasPrefix(whole, "0x") {
		return nil, fmt.Errorf("%q is not a decimal number as 1 or 0.5", short(text))
	}
	if len(fraction) > decimals {
		return nil, fmt.Errorf("%q is finer than %d decimals", short(text), decimals)
	}
	return Parse(whole + fraction + strings.Repeat("0", decimals-len(fraction)))
}

// Units writes an amount as a decimal fraction of units of 10^decimals.
func (a *Amount) Units(decimals int) string {
	digits := a.String()
	if decimals <= 0 {
		return digits
	}
	if len(digits) <= decimals {
		digits = strings.Repeat("0", decimals-len(digits)+1) + digits
	}
	cut := len(digits) - decimals
	return strings.TrimSuffix(strings.TrimRight(digits[:cut]+"."+digits[cut:], "0"), ".")
}

// short keeps error messages short.
func short(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}
