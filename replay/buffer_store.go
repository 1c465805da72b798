package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice/internal/fsx"
)

// A store is the file of a buffer, if it has one, and who uses it. The descriptor is open while there is a user: the owner,
// until the stream ends, and each reader until its Close.
type store struct {
	// Constant.
	fs   fsx.FS
	dir  string // where a temporary file goes
	wrap int64  // the file is written round and round within so many bytes; 0: it is not

	mu       sync.Mutex
	users    int
	disowned bool   // the owner is no user any more
	removed  bool   // nobody may become a user, and the last one who leaves deletes the file
	name     string // of the file; empty if there is none

	// file is the descriptor, nil if there is none. It is stored under mu: by the writer that creates the file, before any byte
	// of the stream is in there only; else while there is no user. So a reader that is open, and needs it, finds it.
	file atomic.Pointer[openFile]
}

type openFile struct{ fsx.File }

// place returns where a byte of the stream, counted from split, lies in the file, and how many may follow it there.
func (s *store) place(off int64) (at, room int64) {
	if s.wrap == 0 {
		return off, math.MaxInt64 - off
	}
	at = off % s.wrap
	return at, s.wrap - at
}

// within returns n, or the most that the file may take.
func (s *store) within(n int64) int64 {
	if s.wrap == 0 {
		return n
	}
	return min(n, s.wrap)
}

// writable returns the file to write to, and creates the temporary one if it is not there yet.
func (s *store) writable() (fsx.File, error) {
	if f := s.file.Load(); f != nil {
		return f, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disowned {
		return nil, os.ErrClosed // aborted meanwhile: a file that is created now would stay
	}
	f, err := s.fs.CreateTemp(s.dir, "sluice-buffer-*")
	if err != nil {
		return nil, err
	}
	s.name = f.Name()
	s.file.Store(&openFile{f})
	return f, nil
}

// join makes a reader a user. want is how many bytes the file has taken so far.
func (s *store) join(want int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed {
		return errRemoved
	}
	if s.users == 0 && s.name != "" {
		if err := s.reopenLocked(want); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	s.users++
	return nil
}

func (s *store) reopenLocked(want int64) error {
	want = s.within(want)
	f, err := s.fs.OpenFile(s.name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil && size < want {
		err = fmt.Errorf("%s was changed: it has %d bytes, %d were written", s.name, size, want)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.file.Store(&openFile{f})
	return nil
}

// leave ends the hold of a reader; gone says that the memory has to go, too.
func (s *store) leave() (gone bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	return s.lastLocked()
}

// disown ends the hold of the owner, if that has not happened yet.
func (s *store) disown() (gone bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disowned {
		return false, nil
	}
	s.disowned = true
	s.users--
	return s.lastLocked()
}

// remove deletes the file now, or when the last user leaves.
func (s *store) remove() (gone bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed = true
	if !s.disowned {
		s.disowned = true
		s.users--
	}
	return s.lastLocked()
}

// lastLocked does what is to be done when the last user has left. Closing or deleting a file that is in use would fail on some
// systems, and reopening it is cheap; a descriptor that is of no use is not.
func (s *store) lastLocked() (gone bool, err error) {
	if s.users > 0 {
		return false, nil
	}
	if f := s.file.Swap(nil); f != nil {
		err = f.Close()
	}
	if !s.removed {
		return false, err
	}
	if s.name != "" {
		if rmErr := s.fs.Remove(s.name); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			return true, errors.Join(err, rmErr) // the name stays: Remove may be called again
		}
		s.name = ""
	}
	return true, err
}
