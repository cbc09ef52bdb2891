package prompt

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/api"
	"github.com/redoubt-kms/redoubt/client"
	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
)

func orgControls(s *session) *cobra.Command {
	var rates api.Rates
	var expiry, age time.Duration
	var tests bool
	c := &cobra.Command{
		Use: "controls", Short: "Show or change what bounds everybody: rates, times, what is frozen",
		Long: `Show what bounds everybody in the organization, or, with flags, change what they name. To change it takes policy ROOT; 0
goes back to what the server has. 'redoubt freeze' and 'unfreeze' change what is frozen.`,
		Example: `  redoubt org controls

  redoubt org controls --rate 100 --user-rate 20 --authenticator-rate 5`,
		Args: cobra.NoArgs,
		RunE: s.act(func(ctx context.Context, c *cobra.Command, to *client.Client, _ []string) error {
			update, changes := api.UpdateControlsParams{Rates: &api.RatesUpdate{}, Prices: &api.PriceUpdate{}}, false
			given := func(flag string) bool {
				changes = changes || c.Flags().Changed(flag)
				return c.Flags().Changed(flag)
			}
			for flag, set := range map[string]func(){
				"rate":                 func() { update.Rates.Organization = &rates.Organization },
				"user-rate":            func() { update.Rates.User = &rates.User },
				"authenticator-rate":   func() { update.Rates.Authenticator = &rates.Authenticator },
				"approval-expiry":      func() { update.ApprovalExpiryMs = milliseconds(expiry) },
				"price-max-age":        func() { update.Prices.MaxAgeMs = milliseconds(age) },
				"require-policy-tests": func() { update.RequirePolicyTests = &tests },
			} {
				if given(flag) {
					set()
				}
			}
			if expiry < 0 || age < 0 {
				return frame.Usagef("want a time that is not negative")
			}
			var controls api.Controls
			var err error
			if changes {
				controls, err = to.UpdateControls(ctx, update)
			} else {
				controls, err = to.Controls(ctx)
			}
			if err != nil {
				return err
			}
			return frame.Print(c, controls, func(w io.Writer) { printControls(w, controls) })
		}),
	}
	f := c.Flags()
	f.Uint32Var(&rates.Organization, "rate", 0, "`NUMBER` of requests a second of the organization")
	f.Uint32Var(&rates.User, "user-rate", 0, "`NUMBER` of requests a second of each user")
	f.Uint32Var(&rates.Authenticator, "authenticator-rate", 0, "`NUMBER` of requests a second of each key")
	f.DurationVar(&expiry, "approval-expiry", 0, "`TIME` that a request waits for approvals")
	f.DurationVar(&age, "price-max-age", 0, "`TIME` after which a price counts no more")
	f.BoolVar(&tests, "require-policy-tests", false, "take a policy only with tests of its own that hold")
	return c
}

func milliseconds(d time.Duration) *uint64 {
	ms := uint64(d.Milliseconds())
	return &ms
}

func printControls(w io.Writer, c api.Controls) {
	none := func(rate uint32) string {
		if rate == 0 {
			return "no limit"
		}
		return fmt.Sprintf("%d/s", rate)
	}
	organization := none(cmp.Or(c.Rates.Organization, c.ServerRates.Organization))
	if c.Rates.Organization == 0 {
		organization += " (the server's)"
	}
	frame.Row(w, "rate", organization)
	frame.Row(w, "user rate", none(c.Rates.User))
	frame.Row(w, "authenticator rate", none(c.Rates.Authenticator))
	span := func(ms uint64) string {
		if ms == 0 {
			return "the server's"
		}
		return (time.Duration(ms) * time.Millisecond).String()
	}
	frame.Row(w, "approval expiry", span(c.ApprovalExpiryMs))
	frame.Row(w, "price max age", span(c.Prices.MaxAgeMs))
	frame.Row(w, "policy tests", map[bool]string{true: "required", false: "not required"}[c.RequirePolicyTests])
	printFrozen(w, c.Frozen)
}
