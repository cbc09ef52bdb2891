package enclave

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redoubt-kms/redoubt/internal/seal"
	"github.com/redoubt-kms/redoubt/internal/wire"
	"github.com/redoubt-kms/redoubt/proof"
)

// The inherited descriptors.
const (
	fdControl  = 3
	fdDoor     = 4
	fdRoot     = 5
	fdAnchor   = 6
	bootBudget = 8 * time.Second // from start to admission
)

// Main is the whole main function of an enclave's binary: it starts the vault, serves until it is told to end or its
// launcher is gone, and returns the exit code.
func Main(role proof.Role, serve func(context.Context, *Vault) error) int {
	logger := log.New(os.Stderr, "", 0)
	measures, err := harden(role)
	if err != nil {
		logger.Printf("cannot lock down: %v", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGINT) // a terminal sends it to the whole group; the launcher decides
	v, err := inherit(ctx, role, logger)
	if err != nil {
		logger.Printf("cannot start: %v", err)
		return 1
	}
	v.Measures = measures
	if err := v.Open(); err != nil {
		logger.Printf("cannot start: %v", err)
		return 1
	}
	if err := serve(ctx, v); err != nil {
		logger.Printf("stopped: %v", err)
		return 1
	}
	return 0
}

// inherit takes over the descriptors and asks the launcher for the rest.
func inherit(ctx context.Context, role proof.Role, logger *log.Logger) (*Vault, error) {
	control, err := net.FileConn(os.NewFile(fdControl, "control"))
	if err != nil {
		return nil, errors.New("descriptor 3 is not a control socket; enclaves are started by redoubt, not by hand")
	}
	launcher := wire.NewLink(control, func(c *wire.Call) { c.Fail(wire.Faultf("refused", "nothing is served here")) })
	go func() {
		<-launcher.Done()
		os.Exit(1) // the launcher is gone, and with it the right to run
	}()
	boot, cancel := context.WithTimeout(ctx, bootBudget)
	defer cancel()
	pack, err := wire.Ask[wire.Pack](boot, launcher, wire.KindBoot, wire.Empty{})
	if err != nil {
		return nil, err
	}
	door, err := net.FileListener(os.NewFile(fdDoor, "door"))
	if err != nil {
		return nil, err
	}
	root, err := readRoot(os.NewFile(fdRoot, "root"))
	if err != nil {
		return nil, err
	}
	v := &Vault{Role: role, Root: root, Door: door, Pack: pack, Log: logger, Platform: launched{launcher}}
	if role == proof.RoleCertifier {
		v.Anchor = os.NewFile(fdAnchor, "anchor")
	}
	return v, nil
}

func readRoot(f *os.File) (seal.Root, error) {
	defer f.Close()
	secret, err := io.ReadAll(io.LimitReader(f, seal.RootSize+1))
	defer clear(secret)
	if err != nil {
		return seal.Root{}, err
	}
	return seal.NewRoot(secret)
}

// launched is the platform of the process tier: the launcher vouches for what it started.
type launched struct{ launcher *wire.Link }

// Quote implements Quoter.
func (l launched) Quote(ctx context.Context, request wire.EvidenceRequest) ([]byte, error) {
	answer, err := wire.Ask[wire.Evidence](ctx, l.launcher, wire.KindEvidence, request)
	return answer.Evidence, err
}
