package launch

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/redoubt-kms/redoubt/proof"
)

// Image is an executable that was read once, hashed, and sealed in memory: what is measured is what runs.
type Image struct {
	file *os.File
	Hash proof.Hash
}

// lowestDescriptor keeps the image out of the way of the descriptors that a child inherits.
const lowestDescriptor = 100

// Load reads an executable into a sealed memory file.
func Load(path string) (*Image, error) {
	source, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	fd, err := unix.MemfdCreate("redoubt", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memory file: %w", err)
	}
	low := os.NewFile(uintptr(fd), "image")
	defer low.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(low, hash), source); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(low.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE); err != nil {
		return nil, fmt.Errorf("seal memory file: %w", err)
	}
	high, err := unix.FcntlInt(low.Fd(), unix.F_DUPFD_CLOEXEC, lowestDescriptor)
	if err != nil {
		return nil, err
	}
	return &Image{file: os.NewFile(uintptr(high), "image"), Hash: proof.Hash(hash.Sum(nil))}, nil
}

func (i *Image) path() string { return fmt.Sprintf("/proc/self/fd/%d", i.file.Fd()) }

// Close releases the image. Children that run it go on.
func (i *Image) Close() error { return i.file.Close() }
