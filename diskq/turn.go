package diskq

import (
	"context"
	"fmt"
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
		case w.written < w.used:
			w.mu.Unlock()
			if err := w.commit(); err != nil {
				return false, err
			}
			continue
		case !w.fitsQueueLocked(size) && w.n == w.b.seg.first && len(w.all()) == 1:
			// Nothing can be dropped: sessions that appended nothing left their sync points.
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
	b, old := w.spare(size), w.b
	b.seg, b.base = g, base
	b.ready.Store(0)
	w.b, w.used, w.written = b, 0, 0
	b.pins.Store(0) // behind seg, base and ready: whoever enters sees them
	w.tail.Store(b)
	if old != nil && len(old.data) == blockSize {
		w.retired = old
	}
}

// spare returns a block that no reader is in: the one retired before, if it is free.
func (w *writer) spare(size int) *block {
	if b := w.retired; b != nil && size+2*pointSize <= blockSize && b.pins.CompareAndSwap(0, taken) {
		w.retired = nil
		return b
	}
	return newBlock(size + 2*pointSize)
}
