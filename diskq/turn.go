package diskq

import (
	"context"
	"fmt"
	"math"

	"github.com/sluice-go/sluice/internal/fsx"
)

// makeRoom does what keeps an append of that size out: it writes the block and begins another, or another segment, starts
// the session, drops old segments, or waits until somebody does. It may do one of them: begin looks again.
func (w *writer) makeRoom(ctx context.Context, size, records int) error {
	if w.o.MaxBytes > 0 && int64(size)+footerRoom(int64(size))+2*headerSize+8*pointSize > w.o.MaxBytes {
		return fmt.Errorf("%w: %d bytes do not fit in a queue of MaxBytes %d", ErrTooLarge, size, w.o.MaxBytes)
	}
	full, err := w.turn(size, records)
	if err != nil || !full {
		return err
	}
	if w.o.DeleteConsumed {
		w.starved.Add(1) // before the look: whoever is done with more from here on sees it
		defer w.starved.Add(-1)
		if err := w.consumed(); err != nil || w.hasRoom(size) {
			return err
		}
	}
	switch w.o.WhenFull {
	case Fail:
		return w.fullFor(size)
	case DropOldest:
		return w.dropForRoom(size)
	}
	return w.waitForRoom(ctx, size)
}

// fullFor says how full the queue would be.
func (w *writer) fullFor(size int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Errorf("%w: it has %d bytes, and with this append and what must be written behind it %d, but MaxBytes is %d",
		ErrFull, w.others+w.endLocked(), w.bytesWithLocked(size), w.o.MaxBytes)
}

// turn is makeRoom but for the bound of the queue: it reports whether that is reached.
func (w *writer) turn(size, records int) (full bool, err error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	for {
		w.mu.Lock()
		switch {
		case w.err != nil:
			err = w.err
		case !w.started:
			err = w.startLocked()
		case w.fitsLocked(size, records):
			// Somebody was quicker.
		case w.written < w.pieceLocked(size, records): // also if the last try failed
			err := w.commitLocked(w.pieceLocked(size, records))
			w.mu.Unlock()
			w.wake()
			if err != nil {
				return false, err
			}
			continue
		case !w.fitsQueueLocked(size) && w.n == w.b.seg.first && w.others == 0:
			// Nothing can be dropped, nor is just now: sessions that appended nothing left their sync points.
			err = fmt.Errorf("%w: %d bytes do not fit in a queue of MaxBytes %d, though it is empty", ErrTooLarge, size, w.o.MaxBytes)
		case !w.fitsQueueLocked(size):
			full = true
		case !w.fitsSegmentLocked(size, records):
			err = w.rollLocked()
		default:
			w.renewLocked(size)
		}
		w.mu.Unlock()
		return full, err
	}
}

// pieceLocked returns how much of the block must be written before another append of that size can go on: all, or, if only the
// block is full, what lies before that place, and what lies behind is taken into the next block. So the pieces of the file that are
// written at once begin and end at multiples of their size, which the system's cache then holds as one: they are read a third
// faster, and written faster too. A rest of a piece or more is written as well: else the next block could be turned again before
// anything was appended to it, and then no half of the TAIL would have the beginning of what lies across.
func (w *writer) pieceLocked(size, records int) int {
	if w.used > w.full && w.used-w.full < blockSize && w.stuck == nil && w.fitsSegmentLocked(size, records) {
		return w.full
	}
	return w.used
}

// renewLocked begins a block behind the one that is full, whose piece is written. The rest of that one stays in the TAIL, in the half
// where it is, until all of the new block is written: so it is of no matter whether that has got a half. The caller holds writing.
func (w *writer) renewLocked(size int) {
	piece := w.used
	if w.written < w.used {
		piece = w.full
	}
	rest, base := w.b.data[piece:w.used], w.b.base+int64(piece)
	b := w.spareMapped(w.b.seg, base, size, rest)
	if b == nil {
		b = w.spare(size + len(rest))
		copy(b.data, rest)
	}
	w.carryRunLocked(piece)
	w.swapLocked(b, w.b.seg, base, len(rest))
}

// enterLocked makes a block at that place of g the tail. The caller holds writing.
func (w *writer) enterLocked(g *segment, base int64) {
	b := w.spareMapped(g, base, 0, nil)
	if b == nil {
		b = w.spare(0)
	}
	w.swapLocked(b, g, base, 0)
}

// swapLocked makes b the tail, which lies at base of g, and holds so much already that is published.
func (w *writer) swapLocked(b *block, g *segment, base int64, used int) {
	old := w.b
	b.seg, b.base = g, base
	b.ready.Store(int64(used))
	w.b, w.used, w.written, w.full = b, used, 0, math.MaxInt
	w.atOnce, w.stuck = w.o.Durability == Buffered || b.mirror != nil, nil
	if w.atOnce && len(b.data) <= blockRoom {
		w.full = int(blockSize - base%blockSize)
	}
	b.pins.Store(0) // behind seg, base and ready: whoever enters sees them
	w.tail.Store(b)
	if old != nil && old.mirror == nil && len(old.data) == blockRoom {
		w.retired = old
	}
}

// spareMapped returns a block of the tailFile that no reader is in, for that place of g, with that rest in it, or nil. What is
// put into it is acknowledged before it is written, so there must be room on the device for all of it: it is no larger than the
// segment may become.
func (w *writer) spareMapped(g *segment, base int64, size int, rest []byte) *block {
	size = max(size+len(rest)+2*pointSize, int(min(blockRoom, max(0, w.o.SegmentBytes-base))))
	if w.tailFile == nil || size > blockRoom || !w.takeRoom(w.file, base, base+int64(size)) {
		return nil
	}
	b := w.tailFile.spare(w.b)
	if b == nil {
		return nil
	}
	b.data = b.data[:size]
	h := half{id: g.head.id, queue: w.queue, first: g.first, base: base, index: uint32(w.n - g.first), boot: w.boot}
	err := fsx.Guard(func() { h.put(b.head) })
	copy(b.data, rest)
	if err != nil || b.store(0, len(rest)) != nil {
		return nil // it stays taken: nobody uses it any more
	}
	return b
}

// spare returns a block that no reader is in: the one retired before, if it is free.
func (w *writer) spare(size int) *block {
	if b := w.retired; b != nil && size+2*pointSize <= blockRoom && b.pins.CompareAndSwap(0, taken) {
		w.retired = nil
		return b
	}
	return newBlock(size + 2*pointSize)
}
