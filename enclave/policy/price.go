package policy

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/internal/org"
	"github.com/redoubt-kms/redoubt/internal/rule"
	"github.com/redoubt-kms/redoubt/internal/rule/amount"
	"github.com/redoubt-kms/redoubt/internal/rule/fact"
	"github.com/redoubt-kms/redoubt/proof"
)

// The bounds of a price table, and its unit: millionths of a dollar.
const (
	maxPrices   = 256
	usdDecimals = 6
)

// setPrices changes what assets cost: by root, or by a statement of a feed that the organization names.
func (e *Engine) setPrices(ctx context.Context, c *caller, params *api.SetPricesParams) (answer, error) {
	at, fed, err := c.feed(params)
	if err != nil {
		return answer{}, err
	}
	d := rule.Decision{Allowed: true, Rule: "price feed"}
	if frozen := c.frozen(rule.Question{Method: c.method}); frozen != "" || !fed { // a freeze holds for who brings a feed's word, too
		d = c.ask(rule.Question{})
	}
	if !d.Allowed {
		return e.deny(ctx, c, proof.ID{}, d)
	}
	next := c.controls.value.Next()
	next.Prices.Table = slices.Clone(next.Prices.Table)
	if len(params.Prices) == 0 {
		return answer{}, missing("params.prices")
	}
	for i, p := range params.Prices {
		if err := setPrice(&next.Prices.Table, p, at, element("params.prices", i)); err != nil {
			return answer{}, err
		}
	}
	if len(next.Prices.Table) > maxPrices {
		return answer{}, api.Errorf(api.TypeLimit, "an organization has at most %d prices", maxPrices).At("params.prices")
	}
	p := c.change(d, pricesResult(next.Prices.Table))
	p.put(controlsKey(c.organization), next)
	if err := e.apply(p, func() error { return e.unchanged(c) }); err != nil {
		return answer{}, err
	}
	return e.wait(ctx, p)
}

// feed checks the statement of a feed, if there is one, and returns the time of the prices.
func (c *caller) feed(params *api.SetPricesParams) (at uint64, fed bool, err error) {
	f := params.Feed
	if f == nil {
		return c.now, false, nil
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(f.PublicKey)
	known := err == nil && slices.ContainsFunc(c.controls.value.Next().Prices.Feeds, func(k []byte) bool { return string(k) == string(key) })
	if !known || len(key) != ed25519.PublicKeySize {
		return 0, false, api.Errorf(api.TypeInvalid, "is not a feed of the organization").At("params.feed.publicKey")
	}
	if f.TimeMs <= 0 || uint64(f.TimeMs) > c.now {
		return 0, false, api.Errorf(api.TypeInvalid, "want Unix milliseconds that have passed").At("params.feed.timeMs")
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(f.Signature)
	if err != nil || !ed25519.Verify(key, feedText(params), signature) {
		return 0, false, api.Errorf(api.TypeInvalid, "is not the feed's signature over these prices").At("params.feed.signature")
	}
	return uint64(f.TimeMs), true, nil
}

// feedText is what a feed signs.
func feedText(params *api.SetPricesParams) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "redoubt/prices/v1\n%d\n", params.Feed.TimeMs)
	for _, p := range params.Prices {
		fmt.Fprintf(&b, "%s %d %s\n", p.Asset, p.Decimals, p.USD)
	}
	return []byte(b.String())
}

// setPrice puts one price into a table that nobody else has. One that is older than what is there changes nothing back.
func setPrice(table *[]org.Price, p api.Price, at uint64, path string) error {
	if p.Asset == "" || len(p.Asset) > 256 || p.Asset == assetUSD || strings.ContainsAny(p.Asset, " \n") {
		return api.Errorf(api.TypeInvalid, "want the name of an asset, as ETH or eip155:1/erc20:0x…").At(path + ".asset")
	}
	if p.Decimals < 0 || p.Decimals > 77 {
		return api.Errorf(api.TypeInvalid, "want 0 to 77").At(path + ".decimals")
	}
	usd, err := amount.ParseUnits(p.USD, usdDecimals)
	if err != nil || !usd.Big().IsUint64() {
		return api.Errorf(api.TypeInvalid, "want dollars as a decimal number with at most six places").At(path + ".usd")
	}
	made := org.Price{Asset: fact.Asset(p.Asset), Decimals: uint8(p.Decimals), MicroUSD: usd.Big().Uint64(), At: at}
	place, there := slices.BinarySearchFunc(*table, made.Asset, func(a org.Price, name string) int { return strings.Compare(a.Asset, name) })
	switch {
	case !there:
		*table = slices.Insert(*table, place, made)
	case (*table)[place].At > at:
		return api.Errorf(api.TypeConflict, "a newer price of %s is set already", made.Asset).At(path)
	default:
		(*table)[place] = made
	}
	return nil
}

func pricesResult(table []org.Price) api.Prices {
	result := api.Prices{Prices: []api.Price{}}
	for _, p := range table {
		result.Prices = append(result.Prices, api.Price{
			Asset: p.Asset, Decimals: int(p.Decimals), USD: amount.New(p.MicroUSD).Units(usdDecimals), AtMs: int64(p.At),
		})
	}
	return result
}
