//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package fsx

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// lockFile uses flock, which goes with the open file: another open of this process is refused too, and the kernel lets go
// when the process ends, however it ends.
//
// Between the opening and the flock a holder may have removed the file, and a lock of a file that has no name any more
// keeps nobody out: then it begins anew.
func lockFile(name string) (io.Closer, error) {
	for {
		f, err := flock(name)
		if err != nil {
			return nil, err
		}
		if has, err := hasName(f, name); err != nil {
			return nil, errors.Join(err, f.Close())
		} else if has {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// hasName reports whether name is still that of f.
func hasName(f *os.File, name string) (bool, error) {
	ours, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(ours, there), err
}

func flock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	switch {
	case err == syscall.EWOULDBLOCK:
		err = &LockedError{Name: name, PID: readPID(name)}
	case err != nil:
		err = &os.PathError{Op: "flock", Path: name, Err: err}
	default:
		err = writePID(f)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
