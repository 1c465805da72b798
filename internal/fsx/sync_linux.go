package fsx

import (
	"os"
	"sync"
	"syscall"
)

// A syncer is fdatasync of one file: the data and the size, but not the times, which saves a write of the journal now and
// then. It keeps what the call needs, so that syncing allocates nothing.
type syncer struct {
	mu   sync.Mutex
	conn syscall.RawConn
	call func(fd uintptr)
	err  error
}

func (s *syncer) sync(f *os.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		conn, err := f.SyscallConn()
		if err != nil {
			return err
		}
		s.conn, s.call = conn, func(fd uintptr) {
			for s.err = syscall.EINTR; s.err == syscall.EINTR; {
				s.err = syscall.Fdatasync(int(fd))
			}
		}
	}
	s.err = nil
	if err := s.conn.Control(s.call); err != nil {
		return pathError("fdatasync", f, err)
	}
	return pathError("fdatasync", f, s.err)
}

const keepSize = 1 // FALLOC_FL_KEEP_SIZE

func preallocate(f *os.File, from, n int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var allocated error
	err = conn.Control(func(fd uintptr) {
		for allocated = syscall.EINTR; allocated == syscall.EINTR; {
			allocated = syscall.Fallocate(int(fd), keepSize, from, n)
		}
	})
	if err == nil {
		err = allocated
	}
	return pathError("fallocate", f, err)
}

func pathError(op string, f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: f.Name(), Err: err}
}
