// Command redoubt-policy is the policy enclave. It is started by the launcher (redoubt launch, or redoubt dev), which hands
// it its descriptors; it takes no arguments and reads no files.
package main

import (
	"os"

	"github.com/redoubt-kms/redoubt/enclave"
	"github.com/redoubt-kms/redoubt/enclave/policy"
	"github.com/redoubt-kms/redoubt/proof"
)

func main() {
	os.Exit(enclave.Main(proof.RolePolicy, policy.Serve))
}
