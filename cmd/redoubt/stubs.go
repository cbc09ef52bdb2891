package main

import (
	"context"
	"errors"
	"io"
)

func runInit(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return errors.ErrUnsupported
}
func runLaunch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return errors.ErrUnsupported
}
func runLog(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return errors.ErrUnsupported
}
func runReceipt(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return errors.ErrUnsupported
}
func runVersion(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return errors.ErrUnsupported
}
