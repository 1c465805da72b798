//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package fsx

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockFile uses flock, which goes with the open file: another open of this process is refused too, and the kernel lets go
// when the process ends, however it ends.
func lockFile(name string) (io.Closer, error) {
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
