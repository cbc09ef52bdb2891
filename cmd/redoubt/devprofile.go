package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/redoubt-kms/redoubt/proof"
)

// profileOf names the file of a process's profile; empty when none is wanted.
func (o devOptions) profileOf(process string) string {
	if o.profile == "" {
		return ""
	}
	return filepath.Join(o.profile, process+".pprof")
}

// profileHost profiles this process until the function that it returns is called.
func (o devOptions) profileHost() (func() error, error) {
	if o.profile == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(o.profile, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(o.profileOf("host"))
	if err != nil {
		return nil, err
	}
	return profileInto(f)
}

func profileInto(f *os.File) (func() error, error) {
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}

// profileWord asks an enclave of the all-in-one to profile itself. The binaries of a deployment do not know it.
const profileWord = "profile"

// profileEnclave profiles an enclave into the descriptor that follows those which every enclave has.
func profileEnclave(role proof.Role) (func() error, error) {
	fd := uintptr(6)
	if role == proof.RoleCertifier {
		fd++
	}
	f := os.NewFile(fd, profileWord)
	if f == nil {
		return nil, fmt.Errorf("descriptor %d is not open", fd)
	}
	return profileInto(f)
}

// enclaveArgs are the words with which this binary starts itself as an enclave.
func (o devOptions) enclaveArgs(role proof.Role) []string {
	if o.profile == "" {
		return []string{enclaveWord, string(role)}
	}
	return []string{enclaveWord, string(role), profileWord}
}
