package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/backup"
	"github.com/redoubt-kms/redoubt/host/connect/shelf"
)

// kept counts the rows of logins that a backup holds.
type kept struct{ apps, passkeys uint64 }

// see counts a row, and refuses one that a backup does not hold.
func (k *kept) see(kind shelf.Kind, r shelf.Row) error {
	switch {
	case !slices.Contains(shelf.Lasting(), kind):
		return fmt.Errorf("%w: a row of kind %.20q has no place in it", backup.ErrBackup, kind)
	case kind == shelf.Apps:
		k.apps++
	case kind == shelf.Credentials:
		k.passkeys++
	}
	return r.Check()
}

// copyAll copies the ledger, and then what logins keep.
func (d deployment) copyAll(c *cobra.Command, f *backup.File, walk *chain, rows *kept) error {
	if err := d.copyLedger(c, f, walk); err != nil {
		return err
	}
	return d.lasting(c.Context(), func(kind shelf.Kind, r shelf.Row) error {
		return errors.Join(rows.see(kind, r), f.AddRow(backup.Row{Kind: string(kind), Key: r.Key, Value: r.Value, Expires: uint64(r.Millis())}))
	})
}

// Row implements backup.Taker. Where logins are kept is made for the first row: most deployments have none.
func (u *unpacked) Row(r backup.Row) error {
	if err := u.begin(); err != nil {
		return err
	}
	kind, row := shelf.Kind(r.Kind), shelf.Row{Key: r.Key, Value: r.Value, Expires: shelf.Expiry(int64(r.Expires))}
	if r.Expires > maxExpiry {
		return fmt.Errorf("%w: a row expires at no time", backup.ErrBackup)
	}
	if err := u.rows.see(kind, row); err != nil {
		return err
	}
	if u.shelf == nil {
		var err error
		if u.shelf, err = u.at.shelfImporter(u.ctx); err != nil {
			return err
		}
	}
	return u.shelf.Add(u.ctx, kind, row)
}

// maxExpiry is the expiry that never comes, as rows write it.
const maxExpiry = 1<<63 - 1

// finishRows makes the rows durable. The ledger comes first: a database that turns out to be another one's is left alone.
func (u *unpacked) finishRows() error {
	if u.shelf == nil {
		return nil
	}
	rows := u.shelf
	u.shelf = nil
	return rows.Finish(u.ctx)
}
