package diskq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A window is a piece of a segment in memory that moves over it, frame by frame and over damage.
type window struct {
	s   *segments
	seg *segment
	id  uint64 // of the segment

	pos   int64 // of buf[i] in the file
	buf   []byte
	i, n  int  // buf[i:n] was read and not consumed yet
	trust int  // buf[trust:n] comes from memory, where it can't have been damaged
	run   int  // frames before buf[run] are verified, see run
	usual int  // how long the last run was: the next one is too, where records are of one size
	small int  // how often room was made since some was needed for a large frame
	due   bool // buf[i] is behind a sync point: a run may begin there
}

// A state is what a window finds where a frame should begin.
type state int

const (
	whole   state = iota // a frame
	damaged              // something else
	atEnd                // nothing
)

// enter moves to a place in a segment. If not even the segment's id is left there is nothing to find in it.
func (w *window) enter(g *segment, pos int64) error {
	f, err := w.s.files.acquire(g)
	if err != nil {
		return err
	}
	defer w.s.files.release(g)
	h, err := g.identity(f)
	if err == errHeader {
		pos, err = openEnd, nil
	}
	if err != nil {
		return fmt.Errorf("segment %s: %w", g.name, err)
	}
	w.seg, w.id, w.pos = g, h.id, pos
	w.i, w.n, w.trust, w.run, w.due = 0, 0, 0, 0, false
	return nil
}

// frame returns the frame at the window's place, with its size in the file. The payload is lent until the next call.
func (w *window) frame() (f frame, size int, st state, err error) {
	if size, st, err = w.fetch(); st != whole || err != nil {
		return f, 0, st, err
	}
	b := w.buf[w.i : w.i+size]
	if w.i >= w.trust || w.i < w.run {
		return frame{kind(b[0] & 3), binary.LittleEndian.Uint32(b[4:]), b[frameHeader:size:size]}, size, whole, nil
	}
	if f, _, ok := parseFrame(b, w.id, w.pos); ok {
		return f, size, whole, nil
	}
	return f, 0, damaged, nil
}

// fetch has all of what may be a frame in memory, and returns its size.
func (w *window) fetch() (size int, st state, err error) {
	if ok, err := w.peek(frameHeader); err != nil || !ok {
		if st = damaged; w.n == w.i {
			st = atEnd
		}
		return 0, st, err
	}
	n, ok := frameSize(binary.LittleEndian.Uint32(w.buf[w.i:]))
	if !ok {
		return 0, damaged, nil
	}
	if size = frameHeader + n; size > w.n-w.i {
		if ok, err := w.reach(size); err != nil || !ok {
			return 0, damaged, err
		}
	}
	return size, whole, nil
}

// holds reports whether what may be the next frame is in memory as a whole.
func (w *window) holds() bool {
	if w.n-w.i < frameHeader {
		return false
	}
	n, ok := frameSize(binary.LittleEndian.Uint32(w.buf[w.i:]))
	return ok && n <= w.n-w.i-frameHeader
}

// forget lets go of what was read and not consumed.
func (w *window) forget() { w.n, w.trust, w.run = w.i, w.i, w.i }

// skip consumes bytes that were peeked at.
func (w *window) skip(n int) {
	w.i += n
	w.pos += int64(n)
}

// reach is peek for a number that may be nonsense: nothing is allocated for more bytes than there are.
func (w *window) reach(need int) (bool, error) {
	if need > blockSize {
		extent, err := w.extent()
		if err != nil || w.pos+int64(need) > extent {
			return false, err
		}
	}
	return w.peek(need)
}

// extent returns how far the segment goes now.
func (w *window) extent() (int64, error) {
	for {
		b := w.s.tail.Load()
		if b == nil {
			break
		}
		if !b.enter() {
			continue
		}
		tail, end := b.seg == w.seg, b.base+b.ready.Load()
		b.leave()
		if tail {
			return end, nil
		}
		break
	}
	f, err := w.s.files.acquire(w.seg)
	if err != nil {
		return 0, err
	}
	defer w.s.files.release(w.seg)
	return f.Size()
}

// peek makes buf[i:n] hold need bytes, and reports whether there are that many.
func (w *window) peek(need int) (bool, error) {
	for w.n-w.i < need {
		w.makeRoom(need)
		free := w.buf[w.n:]
		n, err := w.read(free[:min(len(free), max(need, blockSize))])
		if n == 0 || err != nil {
			return false, err
		}
		w.n += n
	}
	return true, nil
}

// makeRoom makes need bytes fit behind buf[i], and some behind buf[n].
func (w *window) makeRoom(need int) {
	if w.small++; need > blockSize {
		w.small = 0
	}
	large := len(w.buf) > blockSize && w.small > 4 && need <= blockSize // it was made for a value, and no other such came
	if !large && w.i+need <= len(w.buf) && w.n < len(w.buf) {
		return
	}
	to := w.buf
	if large || need > len(to) {
		to = make([]byte, max(need, blockSize))
	}
	w.n = copy(to, w.buf[w.i:w.n])
	w.trust, w.run = max(0, w.trust-w.i), max(0, w.run-w.i)
	w.buf, w.i = to, 0
}

// read reads to dst, which is buf[n:], what comes behind buf[n].
func (w *window) read(dst []byte) (n int, err error) {
	pos := w.pos + int64(w.n-w.i)
	n, inFile := w.s.copyTail(dst, w.seg, pos)
	if n > 0 || pos >= inFile {
		return n, nil
	}
	f, err := w.s.files.acquire(w.seg)
	if err != nil {
		return 0, err
	}
	defer w.s.files.release(w.seg)
	n, err = f.ReadAt(dst[:min(int64(len(dst)), inFile-pos)], pos)
	w.trust = w.n + n
	if err == io.EOF {
		err = nil
	}
	return n, err
}

var errDamaged = errors.New("no whole frame with the right checksum")

// resync moves from damage, behind which a record with at least that index comes, to the next whole frame, and reports
// whether there is one. Whatever looks like a frame must have the right checksum for its segment and place, also in memory, which
// may begin in the middle of a frame, and a possible index, which hardly anything else has: so all but one in millions of places
// are passed at a glance.
func (w *window) resync(least uint32) (bool, error) {
	from := w.pos
	for {
		w.skip(1)
		if ok, err := w.peek(frameHeader); err != nil || !ok {
			w.skip(w.n - w.i)
			return false, err
		}
		for w.n-w.i > frameHeader && !possible(w.buf[w.i:], least, w.pos-from) {
			w.skip(1)
		}
		if !possible(w.buf[w.i:w.n], least, w.pos-from) {
			continue
		}
		size, st, err := w.fetch()
		if err != nil {
			return false, err
		}
		if st != whole {
			continue
		}
		if _, _, ok := parseFrame(w.buf[w.i:w.i+size], w.id, w.pos); ok {
			return true, nil
		}
	}
}

// possible reports whether b may begin with a frame, passed being the number of bytes since the record of index least
// should have begun.
func possible(b []byte, least uint32, passed int64) bool {
	word := binary.LittleEndian.Uint32(b)
	n, ok := frameSize(word)
	if !ok {
		return false
	}
	switch kind(word & 3) {
	case kindSync:
		ok = n == syncSize
	case kindFooter:
		ok = n >= syncSize+4
	}
	more := binary.LittleEndian.Uint32(b[4:]) - least // wraps if it is less
	return ok && int64(more) <= passed/frameHeader+1
}
