package fsx

import (
	"errors"
	"fmt"
	"strings"
)

// Op is a kind of operation, or a set of kinds.
type Op uint32

const (
	OpOpen Op = 1 << iota // OpenFile
	OpCreateTemp
	OpRename
	OpRemove
	OpMkdir
	OpReadDir
	OpStat
	OpSyncDir
	OpLock
	OpRead  // Read, ReadAt
	OpWrite // Write, WriteAt
	OpSync
	OpTruncate
	OpPreallocate
	OpSize
	OpClose
	OpMap // MapFile
	opEnd

	OpAny = opEnd - 1
)

var opNames = [...]string{"open", "createtemp", "rename", "remove", "mkdir", "readdir", "stat", "syncdir", "lock",
	"read", "write", "sync", "truncate", "preallocate", "size", "close", "map"}

// String returns the kinds, joined by |.
func (o Op) String() string {
	var names []string
	for i, name := range opNames {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Call is an operation that a [Mem] is about to do.
type Call struct {
	Op   Op     // one kind
	Name string // of the file or directory; of a rename, the new one
	N    int64  // how many operations this Mem was asked for before
	Size int    // of a read or write, bytes
}

// ErrPowerCut fails every operation of a Mem whose power was cut. A function given to [Mem.Inject] that returns it cuts the
// power in the middle of that operation, which may then have happened, or in part, or not.
var ErrPowerCut = errors.New("fsx: the power was cut")

// errDead is ErrPowerCut after the operation in whose middle it came: nothing happens any more.
var errDead = fmt.Errorf("%w before", ErrPowerCut)

// ShortWrite, returned by a function given to [Mem.Inject], makes a write stop with Err after N bytes.
type ShortWrite struct {
	N   int
	Err error
}

func (e *ShortWrite) Error() string { return "short write: " + e.Err.Error() }

func (e *ShortWrite) Unwrap() error { return e.Err }

// Nth returns a function for [Mem.Inject] that fails one operation with err: the n-th (from 0) of those kinds. It is for
// one Mem, and counts from its first call on.
func Nth(n int64, err error, kinds Op) func(Call) error {
	return func(c Call) error {
		if c.Op&kinds == 0 {
			return nil
		}
		n--
		if n == -1 {
			return err
		}
		return nil
	}
}

// From returns a function for [Mem.Inject] that fails every operation of those kinds, from the n-th (from 0) on.
func From(n int64, err error, kinds Op) func(Call) error {
	return func(c Call) error {
		if c.Op&kinds == 0 {
			return nil
		}
		if n--; n < 0 {
			return err
		}
		return nil
	}
}
