package main

import (
	"fmt"
	"io"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/enclave/certifier"
	"github.com/redoubt-kms/redoubt/enclave/policy"
	"github.com/redoubt-kms/redoubt/enclave/signer"
	"github.com/redoubt-kms/redoubt/proof"
)

// enclaveWord is the hidden command by which 'redoubt dev' starts itself as an enclave.
const enclaveWord = "enclave"

func runEnclave(args []string, stderr io.Writer) int {
	if len(args) == 1 {
		switch proof.Role(args[0]) {
		case proof.RolePolicy:
			return enclave.Main(proof.RolePolicy, policy.Serve)
		case proof.RoleSigner:
			return enclave.Main(proof.RoleSigner, signer.Serve)
		case proof.RoleCertifier:
			return enclave.Main(proof.RoleCertifier, certifier.Serve)
		}
	}
	fmt.Fprintln(stderr, "redoubt: enclaves are started by 'redoubt dev' or 'redoubt launch'")
	return exitUsage
}
