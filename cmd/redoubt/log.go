package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
)

// runLog verifies a log: all of it, from a data folder or from a server.
func runLog(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	const synopsis = "log verify (--data DIR [--anchor-dir DIR] | --url URL) [--manifest HASH]"
	f := flags("log", synopsis, stderr)
	if len(args) == 0 || args[0] != "verify" {
		f.Usage()
		return fmt.Errorf("%w: want 'log verify'", errUsage)
	}
	var place deployment
	var address, pinned string
	f.StringVar(&place.dir, "data", "", "folder of the data; the server may run or not")
	f.StringVar(&place.anchor, "anchor-dir", "", "folder of the anchor (default: the folder of the data)")
	f.StringVar(&address, "url", "", "base URL of a server, for example http://127.0.0.1:8484/v1/wallets")
	f.StringVar(&pinned, "manifest", "", "hash of the manifest that must be in force, as printed at the end")
	if err := parse(f, args[1:], 0); err != nil {
		return err
	}
	if (place.dir == "") == (address == "") {
		f.Usage()
		return fmt.Errorf("%w: want one of --data and --url", errUsage)
	}
	var found verified
	var err error
	if address != "" {
		found, err = verifyServer(ctx, address)
	} else if err = place.absolute(); err == nil {
		found, err = verifyFolder(ctx, place)
	}
	if err != nil {
		return err
	}
	if pinned != "" && pinned != found.manifest {
		return fmt.Errorf("the manifest in force is %s, not %s", found.manifest, pinned)
	}
	fmt.Fprintf(stdout, "ok\nsize      %d\nroot      %s\nmanifest  %s\n", found.size, base64.StdEncoding.EncodeToString(found.root[:]), found.manifest)
	for _, note := range found.notes {
		fmt.Fprintln(stdout, note)
	}
	return nil
}
