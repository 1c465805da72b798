//go:build !windows && !plan9

package fsx

import (
	"errors"
	"os"
	"syscall"
)

// syncDir ignores EINVAL, with which some network and user-space file systems say that they do not know of this.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
