package usage

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
)

// DefaultMaxAge is how old a price may be unless the organization says otherwise.
const DefaultMaxAge = time.Hour

// ErrPrice says that an asset cannot be valued.
var ErrPrice = errors.New("no price")

// Value is what so much of an asset's smallest unit is worth, in millionths of a dollar, rounded up. An asset without
// price, or with one that is too old, is ErrPrice.
func Value(prices org.Prices, asset string, n *amount.Amount, now time.Time) (*amount.Amount, error) {
	age := DefaultMaxAge
	if prices.MaxAge != 0 {
		age = time.Duration(prices.MaxAge) * time.Millisecond //nolint:gosec // bounded when it is set
	}
	for _, p := range prices.Table {
		if p.Asset != asset {
			continue
		}
		if at := time.UnixMilli(int64(p.At)); now.Sub(at) > age { //nolint:gosec // anchored times are small
			return nil, fmt.Errorf("%w: that of %s is from %s, older than %v", ErrPrice, asset, at.UTC().Format(time.RFC3339), age)
		}
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(p.Decimals)), nil)
		product := new(big.Int).Mul(n.Big(), new(big.Int).SetUint64(p.MicroUSD))
		product.Add(product, new(big.Int).Sub(unit, big.NewInt(1)))
		return amount.FromBig(product.Div(product, unit))
	}
	return nil, fmt.Errorf("%w: the organization has set none for %s", ErrPrice, asset)
}

// Canonical gives the text of a window the spelling by which it is known: 24h is 24h0m0s.
func Canonical(text string) (string, error) {
	w, err := parseWindow(text)
	if err == nil && w.rolling > 0 {
		text = w.rolling.String()
	}
	return text, err
}

// Begins is when the window of a text that ends now began.
func Begins(text string, now time.Time) (time.Time, error) {
	w, err := parseWindow(text)
	return w.begin(now), err
}
