package main

import (
	"context"
	"fmt"
	"io"

	"github.com/redoubt-kms/redoubt/cmd/redoubt/frame"
	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/enclave/policy"
	"github.com/redoubt-kms/redoubt/enclave/signer"
	"github.com/redoubt-kms/redoubt/proof"
)

// enclaveWord is the hidden command by which 'redoubt dev' starts itself as an enclave.
const enclaveWord = "enclave"

func runEnclave(args []string, stderr io.Writer) int {
	serve := map[proof.Role]func(context.Context, *enclave.Vault) error{
		proof.RolePolicy: policy.Serve, proof.RoleSigner: signer.Serve, proof.RoleCertifier: certifier.Serve,
	}
	if len(args) == 0 || serve[proof.Role(args[0])] == nil || len(args) > 2 || len(args) == 2 && args[1] != profileWord {
		fmt.Fprintln(stderr, "redoubt: enclaves are started by 'redoubt dev' or 'redoubt launch'")
		return frame.ExitUsage
	}
	role := proof.Role(args[0])
	if len(args) == 1 {
		return enclave.Main(role, serve[role])
	}
	finish, err := profileEnclave(role)
	if err != nil {
		fmt.Fprintf(stderr, "redoubt: profile of the %s: %v\n", role, err)
		return frame.ExitFault
	}
	code := enclave.Main(role, serve[role])
	if err := finish(); err != nil {
		fmt.Fprintf(stderr, "redoubt: profile of the %s: %v\n", role, err)
	}
	return code
}
