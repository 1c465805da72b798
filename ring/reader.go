package ring

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
)

// waiting is what the readers of both policies share: an offset, and how to wait for more.
type waiting[T any] struct {
	ring *Ring[T]
	off  int64 // of the value that the next Poll starts with
	bad  error // the position could not be resolved; cleared by Seek

	parks  int // how often it parks before it yields again
	vain   int // parks behind the next yield that brings nothing
	closed atomic.Bool
	seat   notify.Seat
}

func (w *waiting[T]) Bounds() (first, next sluice.Offset) { return w.ring.Bounds() }

func (w *waiting[T]) Offset() sluice.Offset { return sluice.Offset(w.off) }

// open keeps the error of the first Seek for the first Poll.
func (w *waiting[T]) open(err error) {
	if w.bad = err; err != nil {
		w.off = w.ring.tail.Next()
	}
}

func (w *waiting[T]) failed() error {
	if w.closed.Load() {
		return sluice.ErrClosed
	}
	return w.bad
}

func (w *waiting[T]) Wait(ctx context.Context) error {
	if !w.yield() {
		if err := w.seat.Wait(ctx, &w.ring.readers, w.ready); err != nil {
			return err
		}
	}
	if w.closed.Load() {
		return sluice.ErrClosed
	}
	return nil
}

// yield lets others run, once, and reports whether there is something to read then: that costs less than to park and be
// woken. It pays where readers share processors with the writers, who then fill half a ring. A reader with a processor to
// itself would come back for a few values and take the tail's cache line from the writers: so one whose yield brought
// few parks the next times. A yield that brought none took nothing, as no writer ran: its reader parks this once, and more
// often where that happens again and again, as with a value now and then.
func (w *waiting[T]) yield() bool {
	if w.parks > 0 {
		w.parks--
		return false
	}
	runtime.Gosched()
	switch got := w.ring.tail.Next() - w.off; {
	case got == 0:
		w.parks, w.vain = w.vain, min(2*w.vain+1, parksInARow)
	case got < min(enough, w.ring.size/2):
		w.parks = parksInARow
	default:
		w.vain = 0
	}
	return w.ready()
}

const (
	enough      = 64 // values that a yield has to bring
	parksInARow = 31
)

func (w *waiting[T]) ready() bool {
	return w.ring.tail.Next() > w.off || w.ring.ended.Load() || w.failed() != nil
}

// close reports whether this was the first Close.
func (w *waiting[T]) close() bool {
	if !w.closed.CompareAndSwap(false, true) {
		return false
	}
	w.seat.Close(&w.ring.readers)
	return true
}

// endIf returns how the ring ended, if it has.
func (r *Ring[T]) endIf(ended bool) error {
	if ended {
		return r.why
	}
	return nil
}
