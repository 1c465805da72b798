package chanx

import (
	"context"
	"iter"
)

// stride is how many values that are there All yields before it looks at ctx again. A look for each makes it a tenth slower.
const stride = 16

// All yields the values of ch until it is closed or ctx is done; ctx.Err() then tells which. It looks at ctx first, where it
// waits, and at least every 16 values: so many may come after ctx was done, if they are there.
func All[T any](ctx context.Context, ch <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for ctx.Err() == nil {
			for range stride { // with one call of yield, so that a body can be inlined
				var v T
				var ok bool
				select {
				case v, ok = <-ch:
				default:
					v, ok, _ = recvWait(ctx, ch)
				}
				if !ok || !yield(v) {
					return
				}
			}
		}
	}
}

// Open makes ch into what iterx.MapParallel, iterx.Prefetch and [Go] open: its values, until it is closed; when ctx is done
// context.Cause(ctx), last.
func Open[T any](ch <-chan T) func(context.Context) iter.Seq2[T, error] {
	return func(ctx context.Context) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for v := range All(ctx, ch) {
				if !yield(v, nil) {
					return
				}
			}
			if ctx.Err() != nil {
				var zero T
				yield(zero, context.Cause(ctx))
			}
		}
	}
}

// Bridge yields the values of the channels that come over chs: all of one, then all of the next, until chs is closed or
// ctx is done.
func Bridge[T any](ctx context.Context, chs <-chan (<-chan T)) iter.Seq[T] {
	return func(yield func(T) bool) {
		for ch := range All(ctx, chs) {
			for v := range All(ctx, ch) {
				if !yield(v) {
					return
				}
			}
		}
	}
}
