package fsx

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// The file systems that keep a block where it is when it is written again. So a store into a file that has all its blocks needs
// no room, and can't fail for want of it, as it could on a full disk where blocks are copied on write.
var inPlace = map[int64]bool{
	0xEF53:     true, // ext4, 3, 2
	0x58465342: true, // XFS
	0x01021994: true, // tmpfs
}

func mapFile(name string, size int) (*Mapping, error) {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	m, err := mapOpen(f, size)
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(name))
	}
	f.Close() // the mapping stays
	return m, nil
}

func mapOpen(f *os.File, size int) (*Mapping, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var stat syscall.Statfs_t
	var data []byte
	var mapped error
	err = conn.Control(func(fd uintptr) {
		if mapped = syscall.Fstatfs(int(fd), &stat); mapped != nil {
			return
		}
		if !inPlace[int64(stat.Type)] {
			mapped = errors.ErrUnsupported
			return
		}
		if _, mapped = f.WriteAt(make([]byte, size), 0); mapped != nil { // it has its blocks from here on
			return
		}
		data, mapped = syscall.Mmap(int(fd), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	})
	if err == nil {
		err = mapped
	}
	if err != nil {
		return nil, pathError("mmap", f, err)
	}
	return newMapping(data, syscall.Munmap), nil
}
