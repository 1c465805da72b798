package diskq

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/internal/notify"
)

const (
	suffix  = ".seg"
	openEnd = math.MaxInt64 // the next of a segment that is being written
)

// A segment is one file of a queue: the records from first on, up to next.
type segment struct {
	name  string // with the directory
	first sluice.Offset

	// next is the first offset of the segment behind, whatever this file holds, and openEnd while there is none.
	next atomic.Int64

	size atomic.Int64 // of the file, in bytes; an orientation, for retention and Stats

	// Guarded by mu.
	mu     sync.Mutex
	head   *header // nil: not read yet
	places []place // while it is not sealed: the index, as far as it is written

	// Guarded by files.mu.
	file    fsx.File
	refs    int
	used    uint64 // of files.clock, when it was last acquired
	dropped bool   // to be removed as soon as refs is 0
}

func segmentName(first sluice.Offset) string { return fmt.Sprintf("%020d%s", int64(first), suffix) }

// segmentFirst returns the offset that a file's name stands for.
func segmentFirst(name string) (sluice.Offset, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	n, err := strconv.ParseInt(digits, 10, 64)
	return sluice.Offset(n), ok && err == nil && len(digits) == 20 && n >= 0
}

// identity returns the header, or what of it can be told from the sync point behind, if it is damaged: then it has no codec
// and no time. It is read once.
func (s *segment) identity(f fsx.File) (header, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head != nil {
		return *s.head, nil
	}
	h, err := readHeader(f)
	if err != nil {
		return h, err
	}
	h.first = s.first // the name is the same thing, and can't be torn
	s.head = &h
	return h, nil
}

// readHeader reads the header of a segment, or guesses it by sync points. It returns errHeader if nothing is left of either.
func readHeader(f fsx.File) (header, error) {
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return header{}, err
	}
	h, err := parseHeader(b)
	if err != errHeader {
		return h, err
	}
	return guessHeader(f)
}

// guessHeader looks for a footer or a sync point that is true to itself: its checksum holds with the segment's id that
// it names.
func guessHeader(f fsx.File) (h header, err error) {
	foot, _, err := readFooter(f, unknownID)
	if err == nil {
		return header{id: foot.id, queue: foot.queue, epoch: foot.epoch}, nil
	}
	if err != errNotSealed {
		return h, err
	}
	const step, most = 64 << 10, frameHeader + syncSize
	b := make([]byte, step+most)
	for at := int64(0); ; at += step {
		n, err := f.ReadAt(b, at)
		if err != nil && err != io.EOF {
			return h, err
		}
		for i := 0; i < step && i+most <= n; i++ {
			if b[i] != byte(frameWord(kindSync, syncSize)) {
				continue
			}
			p, ok := parseSync(b[i+frameHeader : i+most])
			if !ok {
				continue
			}
			if fr, size, ok := parseFrame(b[i:i+most], p.id, at+int64(i)); ok && size == most && fr.kind == kindSync {
				return header{id: p.id, queue: p.queue, epoch: p.epoch}, nil
			}
		}
		if n < len(b) {
			return h, errHeader
		}
	}
}

// segments is what a queue's readers share: the files, the published end, and who waits for more.
type segments struct {
	fs    fsx.FS
	dir   string
	files files

	mu   sync.RWMutex
	list []*segment // sorted by first, never empty once open; guarded by mu

	// first is that of list[0]; it only grows. next is the end: it is stored behind everything that a reader needs to read
	// up to it. ended is nil, or says what readers get there, and is stored behind the last next; a reader loads it before
	// next, so one that sees the end sees all values too.
	first atomic.Int64
	next  atomic.Int64
	ended atomic.Pointer[ending]

	// tail is where the end is in memory; nil in a process that only reads. A segment's extent (next, and that all of it is
	// in the file) is settled before tail leaves it.
	tail atomic.Pointer[block]

	waiters notify.List
}

// An ending says what readers get at the end: sluice.ErrClosed or why the queue failed.
type ending struct{ err error }

// readDir lists the segments of a directory, sorted, each ending where the next begins.
func readDir(fsys fsx.FS, dir string) ([]*segment, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []*segment
	for _, e := range entries {
		first, ok := segmentFirst(e.Name())
		if !ok || e.IsDir() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		list = append(list, newSegment(dir, first, info.Size()))
	}
	slices.SortFunc(list, func(a, b *segment) int { return int(min(1, max(-1, a.first-b.first))) })
	for i := 1; i < len(list); i++ {
		list[i-1].next.Store(int64(list[i].first))
	}
	return list, nil
}

// readDirWhole is readDir while somebody makes segments. One look is no snapshot: of two that are made meanwhile it may have the
// second alone. But what is below the last name that one look has was there before the next.
func readDirWhole(fsys fsx.FS, dir string) ([]*segment, error) {
	before, err := readDir(fsys, dir)
	if err != nil || len(before) == 0 {
		return nil, err
	}
	for {
		list, err := readDir(fsys, dir)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		n := len(list)
		for n > 0 && list[n-1].first > before[len(before)-1].first {
			n--
		}
		if n > 0 {
			list[n-1].next.Store(openEnd)
			return list[:n], nil
		}
		before = list // all that were there are gone
	}
}

func newSegment(dir string, first sluice.Offset, size int64) *segment {
	s := &segment{name: join(dir, segmentName(first)), first: first}
	s.next.Store(openEnd)
	s.size.Store(size)
	return s
}

func (s *segments) bounds() (first, next sluice.Offset) {
	first = sluice.Offset(s.first.Load()) // before next, which only grows: first <= next
	return first, sluice.Offset(s.next.Load())
}

// find returns the segment that off is in: the last that begins at or before it. If off was dropped that is the first.
func (s *segments) find(off sluice.Offset) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := slices.BinarySearchFunc(s.list, off, func(g *segment, off sluice.Offset) int {
		return int(min(1, max(-1, g.first-off)))
	})
	if !ok {
		i = max(0, i-1)
	}
	return s.list[i]
}

// all returns the segments there are.
func (s *segments) all() []*segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.list)
}

// add puts a segment behind the last one, which ends there.
func (s *segments) add(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.list); n > 0 {
		s.list[n-1].next.Store(int64(g.first))
	}
	s.list = append(s.list, g)
}

// wake is the writer's half of the handshake, see package notify.
func (s *segments) wake() {
	if s.waiters.Waiting() {
		s.waiters.Wake()
	}
}

// end makes readers get err once they have read everything. A queue that failed may still be closed, not the other way
// round.
func (s *segments) end(err error) {
	s.ended.Store(&ending{err})
	s.wake()
}
