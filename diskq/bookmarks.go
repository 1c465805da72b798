package diskq

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sluice-go/sluice"
)

const (
	bookmarkPrefix  = "consumer-"
	bookmarkSuffix  = ".pos"
	temporarySuffix = ".tmp"
	maxName         = 64
)

// A holder is an open consumer.
type holder interface {
	Close() error
	Stats() ConsumerStats
	save(sync bool) error
	base() sluice.Offset
	begin(b *bookmark) // before it is a bookmark's holder
}

// bookmarks are the positions of all consumers of a queue, open or not.
//
// lock order: bookmarks.mu, then what a consumer and the writer lock.
type bookmarks struct {
	w *writer

	mu     sync.Mutex
	all    map[string]*bookmark
	closed bool
}

// openBookmarks reads the positions in a queue's directory, and takes those back that lie behind its end: it is called before
// anything is appended there.
func openBookmarks(w *writer) (*bookmarks, error) {
	m := &bookmarks{w: w, all: map[string]*bookmark{}}
	entries, err := w.fs.ReadDir(w.dir)
	if err != nil {
		return nil, err
	}
	_, next := w.bounds()
	for _, e := range entries {
		name, temp, ok := bookmarkName(e.Name())
		switch {
		case !ok || e.IsDir():
			continue
		case temp: // a crash left it
			if err := w.fs.Remove(join(w.dir, e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		b := m.bookmark(name)
		if err := b.load(); err != nil {
			return nil, err
		}
		if err := b.moveBack(next); err != nil {
			return nil, err
		}
		m.all[name] = b
	}
	return m, nil
}

func (m *bookmarks) bookmark(name string) *bookmark {
	return &bookmark{name: name, fs: m.w.fs, dir: m.w.dir, path: join(m.w.dir, bookmarkFile(name))}
}

// bookmarkFile returns the file of a consumer. Small letters, digits, '-' and '_' are themselves, all else is %XX: so names
// that differ have files that differ, also where the file system does not know capitals.
func bookmarkFile(name string) string {
	var s strings.Builder
	s.WriteString(bookmarkPrefix)
	for _, b := range []byte(name) {
		if plain(b) {
			s.WriteByte(b)
		} else {
			fmt.Fprintf(&s, "%%%02x", b)
		}
	}
	s.WriteString(bookmarkSuffix)
	return s.String()
}

func plain(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

// bookmarkName is the reverse of bookmarkFile. temp reports whether the file is one that was to become a consumer's.
func bookmarkName(file string) (name string, temp, ok bool) {
	s, temp := strings.CutSuffix(file, temporarySuffix)
	s, isPrefixed := strings.CutPrefix(s, bookmarkPrefix)
	s, isSuffixed := strings.CutSuffix(s, bookmarkSuffix)
	if !isPrefixed || !isSuffixed {
		return "", false, false
	}
	var b []byte
	for len(s) > 0 {
		var c byte
		if _, err := fmt.Sscanf(s, "%%%02x", &c); err == nil && len(s) >= 3 {
			b, s = append(b, c), s[3:]
			continue
		}
		b, s = append(b, s[0]), s[1:]
	}
	name = string(b)
	return name, temp, len(name) > 0 && len(name) <= maxName && bookmarkFile(name)+map[bool]string{true: temporarySuffix}[temp] == file
}

func isBookmark(file string) bool {
	_, _, ok := bookmarkName(file)
	return ok
}

// open makes h the holder of the bookmark of that name, which is created if there is none.
func (m *bookmarks) open(name string, start sluice.Position, h holder) error {
	if len(name) == 0 || len(name) > maxName {
		return fmt.Errorf("diskq: the name of a consumer, %q, has %d bytes: it must have 1 to %d", name, len(name), maxName)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return sluice.ErrClosed
	}
	b := m.all[name]
	if b != nil && b.holder != nil {
		return fmt.Errorf("diskq: consumer %q is open: share it, or give another one another name", name)
	}
	if b != nil {
		if err := b.open(); err != nil {
			return fmt.Errorf("diskq: open consumer %q: %w", name, err)
		}
		h.begin(b)
		b.holder = h
		return nil
	}
	b = m.bookmark(name)
	var err error
	if b.position, err = start.Resolve(m.w.bounds()); err != nil {
		return fmt.Errorf("diskq: create consumer %q: %w", name, err)
	}
	if err := b.create(); err != nil {
		return fmt.Errorf("diskq: create consumer %q: %w", name, err)
	}
	h.begin(b)
	b.holder = h
	m.all[name] = b
	return nil
}

// release ends what open began. The consumer is closed, and saves no more.
func (b *bookmark) release(m *bookmarks) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holder = nil
	return b.close()
}

// close closes the consumers that are open. No other can be opened then.
func (m *bookmarks) close() error {
	m.mu.Lock()
	m.closed = true
	holders := m.holdersLocked()
	m.mu.Unlock()
	var errs []error
	for _, h := range holders { // mu is not held: they let go of their bookmarks
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}

func (m *bookmarks) holdersLocked() []holder {
	var holders []holder
	for _, b := range m.all {
		if b.holder != nil {
			holders = append(holders, b.holder)
		}
	}
	return holders
}

// Consumers returns the consumers of the queue, open or not, sorted by name, each with the offset of the oldest value that
// it has not acknowledged.
func (q *DiskQueue[T]) Consumers() iter.Seq2[string, sluice.Offset] {
	return func(yield func(string, sluice.Offset) bool) {
		for _, s := range q.marks.stats() {
			if !yield(s.Name, s.Position) {
				return
			}
		}
	}
}

// RemoveConsumer ends the consumer of that name, for good: it is closed if it is open, and its position is removed. If there is none
// the error is an fs.ErrNotExist.
func (q *DiskQueue[T]) RemoveConsumer(name string) error { return q.marks.remove(name) }

func (m *bookmarks) remove(name string) error {
	m.mu.Lock()
	b := m.all[name]
	closed := m.closed
	var h holder
	if b != nil {
		h = b.holder
	}
	m.mu.Unlock()
	switch {
	case closed:
		return sluice.ErrClosed
	case b == nil:
		return fmt.Errorf("diskq: remove consumer %q: %w", name, fs.ErrNotExist)
	case h != nil:
		h.Close() // an error says that the position is not saved, which nobody will ask for
	}
	m.mu.Lock()
	if m.all[name] != b || b.holder != nil {
		m.mu.Unlock()
		return fmt.Errorf("diskq: remove consumer %q: it was removed or opened by somebody else meanwhile", name)
	}
	err := m.w.fs.Remove(b.path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		delete(m.all, name)
		err = m.w.fs.SyncDir(m.w.dir)
	}
	m.mu.Unlock()
	if err != nil {
		return fmt.Errorf("diskq: remove consumer %q: %w", name, err)
	}
	m.drop() // it held back what others are done with; an error leaves that to the next drop
	return nil
}

// stats returns what there is to say of each consumer, sorted by name.
func (m *bookmarks) stats() []ConsumerStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []ConsumerStats
	for _, name := range slices.Sorted(maps.Keys(m.all)) {
		b := m.all[name]
		if b.holder != nil {
			all = append(all, b.holder.Stats())
			continue
		}
		b.mu.Lock()
		s := ConsumerStats{Name: name, Position: b.position, MovedBack: b.movedBack, Damaged: b.damaged}
		first, next := m.w.bounds()
		s.Depth = savedDepth(b.position, b.marks, first, next)
		b.mu.Unlock()
		all = append(all, s)
	}
	return all
}

// savedDepth returns how many values of [first, next) are not settled.
func savedDepth(position sluice.Offset, marks []byte, first, next sluice.Offset) int64 {
	depth := int64(next - max(first, position))
	for i, mark := range marks {
		if mark == markSettled && position+sluice.Offset(i) >= first {
			depth--
		}
	}
	return depth
}
