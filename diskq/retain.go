package diskq

import (
	"context"
	"fmt"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
)

// trim drops the segments that hold only values before that offset. On a closed queue it does nothing: the files may be
// somebody else's by then.
func (w *writer) trim(before sluice.Offset) error {
	if err := w.rollBelow(before); err != nil && err != sluice.ErrClosed {
		return err
	}
	w.syncing.Lock()
	defer w.syncing.Unlock()
	if w.failure() == sluice.ErrClosed {
		return nil
	}
	return w.dropHeld(func(g *segment) bool { return sluice.Offset(g.next.Load()) <= before })
}

// failure returns why nothing more is appended, or nil.
func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// rollBelow begins a new segment if the last one holds values, and only ones before that offset.
func (w *writer) rollBelow(before sluice.Offset) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	needed := w.n > w.b.seg.first && w.n <= before
	w.mu.Unlock()
	if !needed {
		return nil
	}
	return w.rollNow()
}

// rollNow begins a new segment. The caller holds writing.
func (w *writer) rollNow() error {
	for {
		if err := w.commit(); err != nil {
			return err
		}
		w.mu.Lock()
		last := w.b.seg
		err := w.err
		switch {
		case err != nil:
		case !w.started:
			err = w.startLocked()
		case w.written == w.used:
			err = w.rollLocked()
		}
		rolled := w.b.seg != last
		w.mu.Unlock()
		if err != nil || rolled {
			return err
		}
	}
}

// dropHeld drops segments from the oldest on while they are to be dropped; never the last one. The caller holds syncing.
func (w *writer) dropHeld(drop func(*segment) bool) error {
	w.mu.Lock()
	err := w.makeLocked() // there must be one to go on in before all others go
	w.mu.Unlock()
	if err != nil {
		return fmt.Errorf("diskq: drop segment: %w", err)
	}
	for {
		list := w.all()
		if w.dropping == nil && (len(list) < 2 || !drop(list[0])) {
			return nil
		}
		// What lies behind is synced before: else a power cut could leave nothing at all, and offsets would begin at 0 again.
		err := w.syncHeld()
		if err == nil && w.dropping == nil {
			w.unlistFirst(list[0], list[1])
		}
		if err == nil {
			err = w.finishDrop()
		}
		if err != nil {
			return fmt.Errorf("diskq: drop segment: %w", err)
		}
	}
}

// unlistFirst begins to drop g, the first segment, before second. Whoever finds its file gone finds first beyond it.
func (w *writer) unlistFirst(g, second *segment) {
	w.first.Store(int64(second.first))
	w.segments.mu.Lock()
	w.list = w.list[1:]
	w.segments.mu.Unlock()
	w.dropping = g
	w.mu.Lock()
	var unsealed *oldSegment
	if len(w.old) > 0 && w.old[0].g == g {
		unsealed = w.old[0]
		w.old = w.old[1:]
	}
	w.mu.Unlock()
	if unsealed != nil && unsealed.file != nil {
		unsealed.file.Close() // it is removed in any case
	}
}

// finishDrop removes the file of the segment that is being dropped, for certain. If it can't, the next look at what is to
// be dropped tries again, before any other: a crash would leave this one, and not those behind it, which looks like damage.
func (w *writer) finishDrop() error {
	if err := w.files.drop(w.dropping); err != nil {
		return err
	}
	w.mu.Lock()
	w.others -= w.dropping.size.Swap(0)
	w.mu.Unlock()
	w.room.Wake()
	if err := w.syncNames(); err != nil {
		return err
	}
	w.dropping = nil
	return nil
}

// dropForRoom drops the oldest segments until frames of that size fit.
func (w *writer) dropForRoom(size int) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	alone := !w.fitsQueueLocked(size) && len(w.all()) == 1 && w.n > w.b.seg.first
	w.mu.Unlock()
	if alone { // the last segment takes all the room
		if err := w.rollNow(); err != nil {
			return err
		}
	}
	w.syncing.Lock()
	defer w.syncing.Unlock()
	return w.dropHeld(func(*segment) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.fitsQueueLocked(size)
	})
}

// waitForRoom waits until somebody drops a segment, unless there is room for frames of that size by now.
func (w *writer) waitForRoom(ctx context.Context, size int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var waiter notify.Waiter
	var parking notify.Parking
	w.blocked.Add(1)
	defer w.blocked.Add(-1)
	return w.room.Wait(ctx, &waiter, &parking, func() bool { return w.hasRoom(size) })
}

func (w *writer) hasRoom(size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err != nil || w.fitsQueueLocked(size)
}
