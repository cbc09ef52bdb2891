package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A new deployment is made in a folder of its own inside the data folder. When all of it is there and durable, a mark is
// set and its parts are moved to their places; an interrupted start is finished by the next one. Without the mark nothing
// of it was ever used, and it is thrown away.
const (
	stageName = ".init"
	stageMark = "complete"
)

func (d deployment) stage() string { return filepath.Join(d.dir, stageName) }

// create makes the files of a new deployment.
func (d deployment) create(ctx context.Context, s settings) error {
	if err := os.MkdirAll(d.stage(), 0o700); err != nil {
		return err
	}
	if err := d.at(d.stage()).fill(ctx, s); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(d.stage(), stageMark), nil); err != nil {
		return err
	}
	if err := errors.Join(syncFolder(d.stage()), syncFolder(d.dir)); err != nil {
		return err
	}
	return d.resume()
}

// resume finishes a set-up that was interrupted, or throws away one that was never finished.
func (d deployment) resume() error {
	staged := d.at(d.stage())
	if !there(staged.dir) {
		return nil
	}
	if !there(filepath.Join(staged.dir, stageMark)) {
		return os.RemoveAll(staged.dir)
	}
	if err := os.MkdirAll(d.anchor, 0o700); err != nil {
		return err
	}
	if there(d.manifest()) && there(staged.manifest()) {
		return fmt.Errorf("%s holds another set-up beside the one in use; remove %s", d.dir, staged.dir)
	}
	if err := moveNew(staged.anchorFile(), d.anchorFile()); err != nil {
		return err
	}
	for _, part := range [][2]string{
		{filepath.Join(staged.dir, "keys"), filepath.Join(d.dir, "keys")},
		{staged.database(), d.database()},
		{staged.shelfFile(), d.shelfFile()},
		{staged.kept(), d.kept()},
		{staged.manifest(), d.manifest()},
	} {
		if !there(part[0]) {
			continue // it was moved before
		}
		if there(part[1]) {
			return fmt.Errorf("%s holds another set-up beside the one in use: %s exists already; remove %s", d.dir, part[1], staged.dir)
		}
		if err := os.Rename(part[0], part[1]); err != nil {
			return err
		}
	}
	if err := syncFolder(d.dir); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(staged.dir), syncFolder(d.dir))
}

// moveNew moves a file to a place where there is none, also across file systems, and however often it is interrupted.
func moveNew(from, to string) error {
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was moved before
	}
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(to); err == nil {
		if !bytes.Equal(old, b) {
			return errors.New(to + " belongs to another deployment")
		}
		return os.Remove(from)
	}
	part := to + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := writeNew(part, b); err != nil { // what is not whole must not get the name
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(to)); err != nil {
		return err
	}
	return os.Remove(from)
}
