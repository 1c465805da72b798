package fsx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// FS is what the stores need of a file system. Names are paths as package filepath makes them; flags are those of
// package os.
type FS interface {
	// OpenFile opens a file; flag is made of os.O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREATE, O_EXCL and O_TRUNC.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)

	// CreateTemp creates a new file in dir, open for reading and writing, with mode 0600 and a name made of pattern, the
	// last * of which is replaced by something that no other file has.
	CreateTemp(dir, pattern string) (File, error)

	// Rename moves a file, over another one if there is one. It is atomic, but lasts only after SyncDir.
	Rename(oldname, newname string) error

	// Remove removes a file or an empty directory.
	Remove(name string) error

	// MkdirAll creates a directory, with its parents, or does nothing if there is one.
	MkdirAll(name string, perm fs.FileMode) error

	// ReadDir returns what a directory holds, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)

	Stat(name string) (fs.FileInfo, error)

	// SyncDir makes last what was created, renamed and removed in a directory. Where a directory can't be synced
	// (Windows) it does nothing: there the next File.Sync does it.
	SyncDir(name string) error

	// MapFile creates a file of that size, full of zeros, and maps it into memory. One of that name that is there is removed
	// before: who has mapped that keeps it. The error is [errors.ErrUnsupported] where files can't be mapped, or not so that a
	// full disk does no harm.
	MapFile(name string, size int) (*Mapping, error)

	// Lock takes the lock that the file of that name stands for, creating it, and writes the process id into it. The lock
	// is let go by Close and by the end of the process; the file stays. If somebody else has it, in this process or
	// another, the error is a *[LockedError]. Who removes the file must have the lock; Windows removes it only after Close.
	Lock(name string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Sync returns when what was written, and the size, are on stable storage (fdatasync, F_FULLFSYNC, FlushFileBuffers).
	// After an error nothing is known of what was written since the last Sync that succeeded, and a later Sync that
	// succeeds says nothing about it: so never call it again in the hope of a better answer.
	Sync() error

	// Truncate changes the size. The position of Read and Write stays.
	Truncate(size int64) error

	// Preallocate takes room on the device for the bytes from one place up to another, without changing the size. It is a hint: an
	// error says that the file system can't do it, or has no room, and nothing was changed. Truncate gives room behind the
	// size back.
	Preallocate(from, to int64) error

	Size() (int64, error)

	// Name is the name that the file was opened by.
	Name() string
}

// LockedError says who has the lock of [FS.Lock].
type LockedError struct {
	Name string
	PID  int // 0: unknown
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("lock %s: it is held by another process", e.Name)
	}
	return fmt.Sprintf("lock %s: it is held by process %d", e.Name, e.PID)
}

// ReadFile returns what a file holds.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err == io.EOF {
		err = nil
	}
	return data[:n], errors.Join(err, f.Close())
}

// WriteFile makes data what a file holds, creating it with mode 0600. It neither syncs nor is it atomic: for tests.
func WriteFile(fsys FS, name string, data []byte) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
