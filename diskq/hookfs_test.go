package diskq_test

import (
	"io/fs"

	"github.com/sluice-go/sluice/internal/fsx"
)

// A bootless file system does not know for how long the system's cache has lost nothing.
type bootless struct{ fsx.FS }

// A hookFS calls before ahead of each WriteAt and Sync of a file, and each SyncDir, under no lock: it may block, use the file system, and fail
// the call.
type hookFS struct {
	*fsx.Mem
	before func(op fsx.Op, name string) error
	synced func() // nil, or called after each Sync
}

func (h *hookFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := h.Mem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return hookFile{f, h}, nil
}

func (h *hookFS) SyncDir(name string) error {
	if err := h.before(fsx.OpSyncDir, name); err != nil {
		return err
	}
	return h.Mem.SyncDir(name)
}

type hookFile struct {
	fsx.File
	h *hookFS
}

func (f hookFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.h.before(fsx.OpWrite, f.Name()); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f hookFile) Sync() error {
	if err := f.h.before(fsx.OpSync, f.Name()); err != nil {
		return err
	}
	err := f.File.Sync()
	if f.h.synced != nil {
		f.h.synced()
	}
	return err
}
