package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"golang.org/x/sys/unix"
)

// File is a backup that is being written. It has its name only when it is whole and durable.
type File struct {
	*Writer
	path string
	part *os.File
	seal io.WriteCloser
	out  *bufio.Writer
}

// Create begins a backup file, encrypted to all of the recipients. A file that is there stays, and is an error.
func Create(path string, to []age.Recipient) (*File, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s exists already and is not overwritten", path)
	}
	part, err := os.OpenFile(path+".part", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, part: part, out: bufio.NewWriterSize(part, 1<<20)}
	if err := f.begin(to); err != nil {
		return nil, errors.Join(err, part.Close())
	}
	return f, nil
}

func (f *File) begin(to []age.Recipient) error {
	if err := unix.Flock(int(f.part.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%s is being written by another backup", f.part.Name())
	}
	// What an interrupted backup left behind is written over.
	err := errors.Join(f.part.Truncate(0), f.part.Chmod(0o600))
	if err != nil {
		return err
	}
	if f.seal, err = age.Encrypt(f.out, to...); err != nil {
		return errors.Join(err, os.Remove(f.part.Name()))
	}
	f.Writer, err = NewWriter(f.seal)
	return err
}

// Finish ends the file and gives it its name.
func (f *File) Finish(c *Contents) error {
	if err := f.Writer.Finish(c); err != nil {
		return err
	}
	if err := errors.Join(f.seal.Close(), f.out.Flush(), f.part.Sync()); err != nil {
		return err
	}
	if err := rename(f.part.Name(), f.path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close(), f.part.Close())
}

// rename gives a file its name unless there is one of that name, in one step where the file system can.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		if _, err := os.Lstat(to); err == nil {
			return fmt.Errorf("%s exists already and is not overwritten", to)
		}
		return os.Rename(from, to)
	}
	if errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%s exists already and is not overwritten", to)
	}
	return err
}

// Abort takes away what was written.
func (f *File) Abort() {
	_ = os.Remove(f.part.Name())
	_ = f.part.Close()
}

// Open opens a backup file for reading with one of the identities.
func Open(path string, identities []age.Identity) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(bufio.NewReaderSize(f, 1<<20), identities...)
	if err != nil {
		if missed := (*age.NoIdentityMatchError)(nil); errors.As(err, &missed) {
			err = errors.New("none of the identities is one of its recipients")
		}
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrBackup, path, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, f}, nil
}
