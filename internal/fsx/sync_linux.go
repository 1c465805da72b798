package fsx

import (
	"os"
	"syscall"
)

// dataSync is fdatasync: the data and the size, but not the times, which saves a write of the journal now and then.
func dataSync(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var synced error
	err = conn.Control(func(fd uintptr) {
		for synced = syscall.EINTR; synced == syscall.EINTR; {
			synced = syscall.Fdatasync(int(fd))
		}
	})
	if err == nil {
		err = synced
	}
	return pathError("fdatasync", f, err)
}

const keepSize = 1 // FALLOC_FL_KEEP_SIZE

func preallocate(f *os.File, size int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var allocated error
	err = conn.Control(func(fd uintptr) {
		for allocated = syscall.EINTR; allocated == syscall.EINTR; {
			allocated = syscall.Fallocate(int(fd), keepSize, 0, size)
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
