package connect

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// Registry is where apps are registered. Programs of the operator use it beside the server, on the same shelf.
type Registry struct {
	Shelf shelf.Shelf
	Now   func() time.Time // the clock's when nil
}

func (g Registry) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}

// Register keeps an app, or what is new about one that is known.
func (g Registry) Register(ctx context.Context, a App) error {
	now := g.now()
	if a.CreatedAtMs == 0 {
		a.CreatedAtMs = now.UnixMilli()
	}
	if a.Source == "" {
		a.Source = ByOperator
	}
	if err := a.Check(); err != nil {
		return err
	}
	for {
		row := shelf.Row{Key: a.ClientID, Expires: appExpiry(a, now)}
		known, err := g.Shelf.Get(ctx, shelf.Apps, a.ClientID, now)
		if err != nil && !errors.Is(err, shelf.ErrNone) {
			return err
		}
		if err == nil {
			var was App
			if err := json.Unmarshal(known.Value, &was); err != nil {
				return err
			}
			a.CreatedAtMs, row.Version = was.CreatedAtMs, known.Version
		}
		if row.Value, err = json.Marshal(a); err != nil {
			return err
		}
		if row.Version == 0 {
			err = g.Shelf.Add(ctx, shelf.Apps, row, now)
		} else {
			err = g.Shelf.Swap(ctx, shelf.Apps, row, now)
		}
		if !errors.Is(err, shelf.ErrTaken) && !errors.Is(err, shelf.ErrChanged) {
			return err
		}
	}
}

func appExpiry(a App, now time.Time) time.Time {
	if a.Source == ByItself {
		return now.Add(unusedApp)
	}
	return time.Time{}
}

// Unregister forgets an app, or fails with shelf.ErrNone. Who is logged in to it stays so until the login ends or is revoked.
func (g Registry) Unregister(ctx context.Context, clientID string) error {
	_, err := g.Shelf.Take(ctx, shelf.Apps, clientID, g.now())
	return err
}

// App returns a registered app, or shelf.ErrNone.
func (g Registry) App(ctx context.Context, clientID string) (App, error) {
	row, err := g.Shelf.Get(ctx, shelf.Apps, clientID, g.now())
	if err != nil {
		return App{}, err
	}
	var a App
	err = json.Unmarshal(row.Value, &a)
	return a, err
}

// Apps lists up to limit apps with client ids after the given one.
func (g Registry) Apps(ctx context.Context, after string, limit int) ([]App, error) {
	rows, err := g.Shelf.List(ctx, shelf.Apps, after, limit, g.now())
	if err != nil {
		return nil, err
	}
	apps := make([]App, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row.Value, &apps[i]); err != nil {
			return nil, err
		}
	}
	return apps, nil
}
