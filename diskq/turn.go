package diskq

import (
	"context"
	"fmt"

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
		return ErrFull
	case DropOldest:
		return w.dropForRoom(size)
	}
	return w.waitForRoom(ctx, size)
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
		case w.written < w.used: // also if the last try failed
			w.mu.Unlock()
			if err := w.commit(); err != nil {
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

// renewLocked begins a block behind the one that is full, all of which is written. The caller holds writing.
func (w *writer) renewLocked(size int) {
	w.enterLocked(w.b.seg, w.endLocked(), size)
}

// enterLocked makes the block at that place of g the tail, with room for frames of that size. The caller holds writing.
func (w *writer) enterLocked(g *segment, base int64, size int) {
	b, old := w.spareMapped(g, base, size), w.b
	if b == nil {
		b = w.spare(size)
	}
	b.seg, b.base = g, base
	b.ready.Store(0)
	w.b, w.used, w.written = b, 0, 0
	w.atOnce, w.stuck = w.o.Durability == Buffered || b.file != nil, nil
	b.pins.Store(0) // behind seg, base and ready: whoever enters sees them
	w.tail.Store(b)
	if old != nil && old.file == nil && len(old.data) == blockSize {
		w.retired = old
	}
}

// spareMapped returns a block of the tailFile that no reader is in, for that place of g, or nil. What is put into it is
// acknowledged before it is written, so there must be room on the device for all of it: it is no larger than the segment may
// become.
func (w *writer) spareMapped(g *segment, base int64, size int) *block {
	size = max(size+2*pointSize, int(min(blockSize, max(0, w.o.SegmentBytes-base))))
	if w.tailFile == nil || size > blockSize || !w.takeRoom(w.file, base, base+int64(size)) {
		return nil
	}
	b := w.tailFile.spare(w.b)
	if b == nil {
		return nil
	}
	b.data = b.data[:size]
	h := half{id: g.head.id, queue: w.queue, first: g.first, base: base, index: uint32(w.n - g.first), boot: w.boot}
	if err := fsx.Guard(func() { h.put(b.head) }); err != nil {
		return nil // it stays taken: nobody uses it any more
	}
	return b
}

// spare returns a block that no reader is in: the one retired before, if it is free.
func (w *writer) spare(size int) *block {
	if b := w.retired; b != nil && size+2*pointSize <= blockSize && b.pins.CompareAndSwap(0, taken) {
		w.retired = nil
		return b
	}
	return newBlock(size + 2*pointSize)
}
