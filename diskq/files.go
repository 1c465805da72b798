package diskq

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/sluice-go/sluice/internal/fsx"
)

func join(dir, name string) string { return filepath.Join(dir, name) }

// maxOpen is how many segments a queue keeps open for its readers, however many they are: they share one descriptor for
// each segment, and hold it only while they read a block.
const maxOpen = 64

// files opens segments for reading. A file in use stays open; of the others the least recently used is closed when there
// are too many.
type files struct {
	fs fsx.FS

	mu       sync.Mutex
	released sync.Cond // of mu, once somebody waits: a segment that is dropped has no user left
	clock    uint64
	open     []*segment // those with a file
	limit    int
	closed   bool // the queue is: nothing stays open unless it is in use
}

// acquire returns the file of g, open, until release.
func (f *files) acquire(g *segment) (fsx.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g.dropped {
		return nil, &fs.PathError{Op: "open", Path: g.name, Err: fs.ErrNotExist}
	}
	if g.file == nil {
		if err := f.openLocked(g); err != nil {
			return nil, err
		}
	}
	f.clock++
	g.used = f.clock
	g.refs++
	return g.file, nil
}

// openLocked opens g, after closing others if there are too many, for us or for the system.
func (f *files) openLocked(g *segment) error {
	if len(f.open) >= f.limit {
		f.evictLocked()
	}
	file, err := f.fs.OpenFile(g.name, os.O_RDONLY, 0)
	for tooMany(err) && f.evictLocked() {
		file, err = f.fs.OpenFile(g.name, os.O_RDONLY, 0)
	}
	if err != nil {
		return err
	}
	g.file = file
	f.open = append(f.open, g)
	return nil
}

func tooMany(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

// evictLocked closes the file that has not been used for longest, and reports whether there was one to close.
func (f *files) evictLocked() bool {
	var oldest *segment
	for _, g := range f.open {
		if g.refs == 0 && (oldest == nil || g.used < oldest.used) {
			oldest = g
		}
	}
	if oldest == nil {
		return false
	}
	f.closeLocked(oldest)
	return true
}

// closeLocked closes a file that was only read: an error of that has nothing to say.
func (f *files) closeLocked(g *segment) {
	g.file.Close()
	g.file = nil
	for i, o := range f.open {
		if o == g {
			f.open[i] = f.open[len(f.open)-1]
			f.open = f.open[:len(f.open)-1]
			return
		}
	}
}

// release ends a use of g.
func (f *files) release(g *segment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g.refs--; g.refs > 0 || !g.dropped && !f.closed {
		return
	}
	f.closeLocked(g)
	if f.released.L != nil {
		f.released.Broadcast()
	}
}

// drop removes the file of g. Nobody gets it any more; where open files can't be removed (Windows) it waits for those who
// have it, for as long as they read one block. It is gone when drop returns: the next one must not be dropped before it.
func (f *files) drop(g *segment) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	g.dropped = true
	if g.file != nil && g.refs == 0 {
		f.closeLocked(g)
	}
	err := f.fs.Remove(g.name)
	if err != nil && g.refs > 0 {
		f.released.L = &f.mu
		for g.refs > 0 {
			f.released.Wait()
		}
		err = f.fs.Remove(g.name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// forget closes the file of g, if nobody uses it.
func (f *files) forget(g *segment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g.file != nil && g.refs == 0 {
		f.closeLocked(g)
	}
}

// close closes what nobody uses, from now on at once.
func (f *files) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for f.evictLocked() {
	}
}
