//go:build !linux

package fsx

import (
	"errors"
	"os"
)

// A syncer is os.File.Sync: F_FULLFSYNC on macOS, where fsync alone leaves data in the drive's cache, FlushFileBuffers on
// Windows.
type syncer struct{}

func (*syncer) sync(f *os.File) error { return f.Sync() }

func preallocate(f *os.File, _, _ int64) error {
	return &os.PathError{Op: "preallocate", Path: f.Name(), Err: errors.ErrUnsupported}
}
