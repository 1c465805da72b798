package chanx

import (
	"context"
	"iter"
	"time"
)

// Debounce yields the latest value once none has come for quiet: what is typed, when the typing pauses. With limit > 0 it waits
// no longer than that after the first value that it holds, so values that never pause come through too; with limit 0
// it waits as long as they come.
//
// Values that were followed by another in time are left out. When ch is closed or ctx is done the one that it holds
// is yielded, and the loop ends. Debounce panics if quiet is not positive or limit is negative.
func Debounce[T any](ctx context.Context, ch <-chan T, quiet, limit time.Duration) iter.Seq[T] {
	atLeast("Debounce", "quiet", quiet, 1)
	atLeast("Debounce", "limit", limit, 0)
	return func(yield func(T) bool) {
		timer := stoppedTimer()
		defer timer.Stop()
		for v := range All(ctx, ch) {
			first, got, more := time.Now(), true, true
			for got {
				wait := quiet
				if limit > 0 {
					wait = min(quiet, limit-time.Since(first))
				}
				if wait <= 0 {
					break
				}
				timer.Reset(wait)
				got, more = latest(ctx, ch, &v, timer.C)
			}
			if !yield(v) || !more {
				return
			}
		}
	}
}

// Sample yields the latest value at each multiple of every after the loop began, if one came since the last: a price, for
// a display. Values between are left out. When ch is closed or ctx is done the one that it holds is yielded, and the loop
// ends. While nothing comes it does not wake up. Sample panics if every is not positive.
func Sample[T any](ctx context.Context, ch <-chan T, every time.Duration) iter.Seq[T] {
	atLeast("Sample", "every", every, 1)
	return func(yield func(T) bool) {
		start := time.Now()
		timer := stoppedTimer()
		defer timer.Stop()
		for v := range All(ctx, ch) {
			timer.Reset(every - time.Since(start)%every)
			got, more := true, true
			for got && more {
				got, more = latest(ctx, ch, &v, timer.C)
			}
			if !yield(v) || !more {
				return
			}
		}
	}
}

// latest waits for one thing: the next value, which it puts into v (got), the time, or the end (not more).
func latest[T any](ctx context.Context, ch <-chan T, v *T, late <-chan time.Time) (got, more bool) {
	select {
	case next, ok := <-ch:
		if ok {
			*v = next
		}
		return ok, ok
	case <-late:
		return false, true
	case <-ctx.Done():
		return false, false
	}
}

// Waiter is what [Limit] asks for permission, once for each value. *rate.Limiter of golang.org/x/time is one.
type Waiter interface {
	// Wait returns nil when one more value may pass, or why none will: that ends the loop.
	Wait(context.Context) error
}

// Limit yields the values of ch, each after l.Wait has returned nil, until ch is closed, ctx is done or Wait fails. It waits
// with the value in its hand, so that nothing passes too early; if Wait fails then, that value is lost. A
// *rate.Limiter also fails if ctx has a deadline that it can't meet.
func Limit[T any](ctx context.Context, ch <-chan T, l Waiter) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range All(ctx, ch) {
			if l.Wait(ctx) != nil || !yield(v) {
				return
			}
		}
	}
}
