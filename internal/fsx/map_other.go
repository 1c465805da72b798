//go:build !linux

package fsx

import (
	"errors"
	"os"
)

func mapFile(name string, _ int) (*Mapping, error) {
	return nil, &os.PathError{Op: "mmap", Path: name, Err: errors.ErrUnsupported}
}
