package frame

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Input reads a file, or what comes on stdin for "-". More than limit bytes are an error.
func Input(c *cobra.Command, path string, limit int64) ([]byte, error) {
	from := c.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	b, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, err
}

// Secret reads a file that nobody else may read, or what comes on stdin for "-".
func Secret(c *cobra.Command, path string, limit int64) ([]byte, error) {
	if path != "-" {
		if err := Private(path); err != nil {
			return nil, err
		}
	}
	return Input(c, path, limit)
}

// Private refuses a file that others may read or write.
func Private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, so that others may read or change it: chmod 600 %s", path, mode, path)
	}
	return nil
}

// Create writes a new file with a mode. One that is there stays, and is an error.
func Create(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if os.IsExist(err) {
		return fmt.Errorf("%s exists already and is not overwritten", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
