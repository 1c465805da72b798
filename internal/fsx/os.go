package fsx

import (
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// OS is the file system of the operating system.
type OS struct{}

var _ FS = OS{}

func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	return wrap(os.OpenFile(name, flag, perm))
}

func (OS) CreateTemp(dir, pattern string) (File, error) { return wrap(os.CreateTemp(dir, pattern)) }

func (OS) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }

func (OS) Remove(name string) error { return os.Remove(name) }

func (OS) MkdirAll(name string, perm fs.FileMode) error { return os.MkdirAll(name, perm) }

func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

func (OS) SyncDir(name string) error { return syncDir(name) }

func (OS) MapFile(name string, size int) (*Mapping, error) { return mapFile(name, size) }

func (OS) Lock(name string) (io.Closer, error) { return lockFile(name) }

// osFile is an os.File with what differs between systems.
type osFile struct {
	*os.File
	syncer syncer
}

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err // a nil *osFile in a File would not be nil
	}
	return &osFile{File: f}, nil
}

func (f *osFile) Sync() error { return f.syncer.sync(f.File) }

func (f *osFile) Preallocate(from, to int64) error { return preallocate(f.File, from, to-from) }

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// writePID says in a lock's file who holds it.
func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// readPID returns who holds a lock, or 0 if its file does not say.
func readPID(name string) int {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}
