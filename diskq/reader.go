package diskq

import (
	"context"
	"fmt"
	"io/fs"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
)

// maxBatch is how many values a reader hands out at once.
const maxBatch = 1024

// A reader is one cursor's place in a queue. It takes no lock that a writer holds for long: sealed files are read as they
// are, the end is copied out of a block that it has entered.
type reader[T any] struct {
	s      *segments
	codec  Codec[T]
	direct direct[T] // nil: values are made by codec
	lends  bool      // values lie in the window, which must not move while they are in a batch; else in copies

	off  sluice.Offset // of the next value
	w    window        // stands at off, or at frames before it, in w.seg; nil: nowhere yet
	upto sluice.Offset // where files alone are read, the end when w began to hold what it holds, see promised
	why  error         // what was damaged before the frame at which w stands, if anything was

	batch []T
	raw   *[][]byte // is &batch, if the codec is direct and T is []byte
	fresh []byte    // memory for kept values that none has yet
	bad   error     // the position could not be resolved; cleared by Seek

	closed  atomic.Bool
	waiter  notify.Waiter
	parking notify.Parking
}

func newReader[T any](s *segments, codec Codec[T], p sluice.Position) *reader[T] {
	r := &reader[T]{s: s, codec: codec, w: window{s: s}}
	if d, ok := codec.(direct[T]); ok {
		r.direct, r.lends = d, d.lends()
		r.raw, _ = any(&r.batch).(*[][]byte)
	}
	if r.bad = r.Seek(p); r.bad != nil {
		_, r.off = s.bounds()
	}
	return r
}

func (r *reader[T]) Bounds() (first, next sluice.Offset) { return r.s.bounds() }

func (r *reader[T]) Offset() sluice.Offset { return r.off }

func (r *reader[T]) Seek(p sluice.Position) error {
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	off, err := p.Resolve(r.s.bounds())
	if err != nil {
		return err
	}
	r.off, r.w.seg, r.why, r.bad = off, nil, nil, nil
	return nil
}

func (r *reader[T]) Poll() ([]T, error) {
	next, err := r.look()
	if err != nil {
		return nil, r.lag(err)
	}
	if r.off >= next {
		return nil, nil
	}
	read := false
	defer func() {
		if !read { // the codec panicked: off is where it was, so the window must come back
			r.w.seg = nil
		}
	}()
	err = r.read(r.promised(next))
	read = true
	if len(r.batch) > 0 {
		return r.batch, nil // the error, if any, is found again where the batch ends
	}
	if _, gap := err.(*sluice.CorruptError); err != nil && !gap {
		if _, err2 := r.look(); err2 != nil { // the segment was dropped meanwhile
			err = r.lag(err2)
		}
	}
	return nil, err
}

// promised returns how far may be read now, next being the end. In a process that follows the files of another one, what lies
// behind the end is not to be relied on: half of a write, a footer that is written over, or values whose append fails and is taken
// back. So what is handed out was read when it was before the end already, and what was read ahead is read again.
func (r *reader[T]) promised(next sluice.Offset) sluice.Offset {
	if r.s.tail.Load() != nil {
		return next
	}
	if r.off >= r.upto {
		r.upto = next
		r.w.forget()
	}
	return min(next, r.upto)
}

// lag passes err on, moving over the gap if it is one.
func (r *reader[T]) lag(err error) error {
	if lag, ok := err.(*sluice.LagError); ok {
		r.off, r.w.seg, r.why = lag.To, nil, nil
	}
	return err
}

// look returns the end, or the error that Poll returns without reading.
func (r *reader[T]) look() (next sluice.Offset, err error) {
	ended := r.s.ended.Load() // before next: see segments.ended
	switch {
	case r.closed.Load():
		return 0, sluice.ErrClosed
	case r.bad != nil:
		return 0, r.bad
	}
	first, next := r.s.bounds()
	switch {
	case r.off < first:
		return 0, &sluice.LagError{From: r.off, To: first}
	case r.off >= next && ended != nil:
		return 0, ended.err
	}
	return next, nil
}

// read fills the batch with values from off on, up to the end, next. With an empty batch it returns why.
func (r *reader[T]) read(next sluice.Offset) error {
	r.batch = r.batch[:0]
	off := r.off
	for off < next && len(r.batch) < maxBatch {
		if r.w.seg == nil || int64(off) >= r.w.seg.next.Load() {
			if err := r.locate(off); err != nil {
				return r.lend(off, err)
			}
		}
		end := min(next, sluice.Offset(r.w.seg.next.Load()))
		var err error
		if off, err = r.readSegment(off, end); err != nil || r.lends && len(r.batch) > 0 {
			return r.lend(off, err)
		}
	}
	return r.lend(off, nil)
}

// lend ends a read: the batch ends at off, or, if that is empty, err is a gap that begins there or another error.
func (r *reader[T]) lend(off sluice.Offset, err error) error {
	r.off = off
	if gap, ok := err.(*sluice.CorruptError); ok && len(r.batch) == 0 {
		r.off, r.why = gap.To, nil
	}
	return err
}

// locate moves the window to the segment of off, at off or before it.
func (r *reader[T]) locate(off sluice.Offset) error {
	g := r.s.find(off)
	if off < g.first { // dropped since we looked: Poll looks again, and tells it as that and not as damage
		return &fs.PathError{Op: "read", Path: segmentName(off), Err: fs.ErrNotExist}
	}
	pos := int64(headerSize)
	if off != g.first {
		var err error
		if pos, err = r.s.seek(g, off); err != nil {
			return err
		}
	}
	r.why = nil
	return r.w.enter(g, pos)
}

// readSegment appends values to the batch, from off on up to end, all of them in the window's segment, and returns the
// offset behind them.
func (r *reader[T]) readSegment(off, end sluice.Offset) (sluice.Offset, error) {
	for off < end && len(r.batch) < maxBatch {
		if r.w.due {
			if ok, err := r.w.verifyRun(!r.lends || len(r.batch) == 0); err != nil || !ok {
				return off, err
			}
		}
		if r.raw != nil {
			if off = r.readPlain(off, end); off == end || len(r.batch) == maxBatch {
				return off, nil
			}
		}
		if r.lends && len(r.batch) > 0 && !r.w.holds() {
			return off, nil
		}
		f, size, st, err := r.w.frame()
		at := r.w.seg.first + sluice.Offset(f.index)
		switch {
		case err != nil:
			return off, err
		case r.lends && len(r.batch) > 0 && (st != whole || f.kind == kindFooter):
			return off, nil // the window may have to move
		case st == damaged:
			err = r.overDamage(off)
		case st == atEnd, f.kind == kindFooter:
			return off, r.gapBehind(off, end, f)
		case f.kind == kindSync, at < off:
			if at > off {
				return off, r.gap(off, min(at, end))
			}
			r.w.skip(size)
			r.w.due = f.kind == kindSync
		case at > off:
			return off, r.gap(off, min(at, end))
		default:
			err = r.take(off, f.payload)
			if _, gap := err.(*sluice.CorruptError); err == nil || gap && len(r.batch) == 0 {
				r.w.skip(size)
			}
			if err == nil {
				off++
				r.why = nil
			}
		}
		if err != nil {
			return off, err
		}
	}
	return off, nil
}

// take appends a value to the batch.
func (r *reader[T]) take(off sluice.Offset, payload []byte) error {
	if r.lends {
		r.batch = append(r.batch, r.direct.value(payload))
		return nil
	}
	v, err := r.codec.Decode(payload)
	if err != nil {
		return &sluice.CorruptError{From: off, To: off + 1, Err: r.placed(fmt.Errorf("%w: %w", ErrDecode, err))}
	}
	r.batch = append(r.batch, v)
	return nil
}

// overDamage moves the window to the next frame that is whole. What it finds there says whether a value was lost.
func (r *reader[T]) overDamage(off sluice.Offset) error {
	r.why = r.placed(errDamaged)
	_, err := r.w.resync(uint32(off - r.w.seg.first))
	return err
}

func (r *reader[T]) gap(off, to sluice.Offset) error {
	why := r.why
	if why == nil {
		why = r.placed(errMissing)
	}
	return &sluice.CorruptError{From: off, To: to, Err: why}
}

// gapBehind is gap where the segment ends, with that footer if it has one.
func (r *reader[T]) gapBehind(off, to sluice.Offset, f frame) error {
	foot, ok := parseFooter(f.payload)
	if behind := r.w.seg.next.Load(); f.kind == kindFooter && ok && foot.next == off && behind < openEnd && r.why == nil {
		r.why = missingSegment(r.s.dir, off, sluice.Offset(behind))
	}
	return r.gap(off, to)
}

// missingSegment is what is wrong where a segment ends as it should, and the next one begins later than that.
func missingSegment(dir string, from, to sluice.Offset) error {
	return fmt.Errorf("segment %s is missing, and the next one is %s: %w", join(dir, segmentName(from)), segmentName(to), errMissing)
}

// placed says where in which file err is.
func (r *reader[T]) placed(err error) error { return placed(r.w.seg, r.w.pos, err) }

func placed(g *segment, pos int64, err error) error {
	if pos == openEnd {
		return fmt.Errorf("segment %s: %w", g.name, errHeader)
	}
	return fmt.Errorf("segment %s, byte %d: %w", g.name, pos, err)
}

func (r *reader[T]) Wait(ctx context.Context) error {
	if err := r.s.waiters.Wait(ctx, &r.waiter, &r.parking, r.ready); err != nil {
		return err
	}
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	return nil
}

func (r *reader[T]) ready() bool {
	next, err := r.look()
	return err != nil || r.off < next
}

func (r *reader[T]) Close() error {
	r.closed.Store(true)
	r.s.waiters.Kick(&r.parking)
	return nil
}
