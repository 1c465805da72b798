package chanx

import (
	"context"
	"iter"
	"time"
)

// Batches yields the values of ch in slices of up to n, which are the body's to keep. A batch is yielded when it has n values,
// or so long after its first value:
//
//   - wait > 0: that long.
//   - wait = 0: at once, with what is there. Under load batches grow by themselves, and an idle channel costs no delay.
//   - wait < 0: never; only full ones.
//
// When ch is closed or ctx is done the values that it holds are yielded, however few, and the loop ends.
// Batches panics if n is less than 1.
func Batches[T any](ctx context.Context, ch <-chan T, n int, wait time.Duration) iter.Seq[[]T] {
	atLeast("Batches", "n", n, 1)
	return func(yield func([]T) bool) {
		f := filler[T]{ch: ch, wait: wait, timer: stoppedTimer()}
		defer f.timer.Stop()
		for v := range All(ctx, ch) {
			batch, more := f.fill(ctx, append(make([]T, 0, min(n, 64)), v), n)
			if !yield(batch) || !more {
				return
			}
		}
	}
}

// A filler makes batches.
type filler[T any] struct {
	ch    <-chan T
	wait  time.Duration
	timer *time.Timer
}

// fill adds to a batch of one value until it is to be yielded; more is false if there will be no other.
func (f *filler[T]) fill(ctx context.Context, batch []T, n int) (full []T, more bool) {
	var late <-chan time.Time // never, unless wait > 0
	if f.wait > 0 && n > 1 {
		f.timer.Reset(f.wait)
		defer f.timer.Stop()
		late = f.timer.C
	}
	for len(batch) < n {
		if len(batch)%stride == 0 { // time passes too while there are always values
			select {
			case <-late:
				return batch, true
			case <-ctx.Done():
				return batch, false
			default:
			}
		}
		select {
		case v, ok := <-f.ch:
			if !ok {
				return batch, false
			}
			batch = append(batch, v)
			continue
		default:
		}
		if f.wait == 0 {
			return batch, true
		}
		select {
		case v, ok := <-f.ch:
			if !ok {
				return batch, false
			}
			batch = append(batch, v)
		case <-late:
			return batch, true
		case <-ctx.Done():
			return batch, false
		}
	}
	return batch, true
}

// stoppedTimer returns a timer to be reset.
func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
