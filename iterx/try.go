package iterx

import (
	"context"
	"errors"
	"iter"
)

// Ok yields the values of seq, each with a nil error.
func Ok[T any](seq iter.Seq[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seq(func(v T) bool { return yield(v, nil) })
	}
}

// FromNext yields what next returns until it returns end, which is compared with == and not yielded: io.EOF of a decoder,
// sluice.ErrClosed of Cursor.Next. Any other error is yielded once, last: most readers return the same one for ever after.
// With a nil end every error is yielded.
func FromNext[T any](next func() (T, error), end error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := next()
			if err != nil {
				if err != end {
					var zero T
					yield(zero, err)
				}
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// TryMap yields f(v) for each value; an error of seq or of f in its place, with the zero U.
func TryMap[T, U any](seq iter.Seq2[T, error], f func(T) (U, error)) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		seq(func(v T, err error) bool {
			var u, zero U
			if err == nil {
				u, err = f(v)
			}
			if err != nil {
				return yield(zero, err)
			}
			return yield(u, nil)
		})
	}
}

// TryFilter yields the values that keep returns true for; an error of seq or of keep in its place, with the zero T.
func TryFilter[T any](seq iter.Seq2[T, error], keep func(T) (bool, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seq(func(v T, err error) bool {
			ok := false
			if err == nil {
				ok, err = keep(v)
			}
			if err != nil {
				var zero T
				return yield(zero, err)
			}
			return !ok || yield(v, nil)
		})
	}
}

// TryChunk is [Chunk] with errors: before one it yields the values that it has. It panics if n is less than 1.
func TryChunk[T any](seq iter.Seq2[T, error], n int) iter.Seq2[[]T, error] {
	atLeast("TryChunk", "n", n, 1)
	return func(yield func([]T, error) bool) {
		var chunk []T
		for v, err := range seq {
			if err == nil {
				chunk = append(chunk, v)
			}
			if len(chunk) == n || err != nil && len(chunk) > 0 {
				if !yield(chunk, nil) {
					return
				}
				chunk = make([]T, 0, len(chunk))
			}
			if err != nil && !yield(nil, err) {
				return
			}
		}
		if len(chunk) > 0 {
			yield(chunk, nil)
		}
	}
}

// TryForEach calls f with each value. It stops at the first error, of seq or of f, and returns it.
func TryForEach[T any](seq iter.Seq2[T, error], f func(T) error) error {
	for v, err := range seq {
		if err == nil {
			err = f(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TryReduce returns acc after acc = f(acc, v) for each value. It stops at the first error, of seq or of f, and returns that
// and acc as it was before.
func TryReduce[T, A any](seq iter.Seq2[T, error], acc A, f func(A, T) (A, error)) (A, error) {
	for v, err := range seq {
		if err != nil {
			return acc, err
		}
		next, err := f(acc, v)
		if err != nil {
			return acc, err
		}
		acc = next
	}
	return acc, nil
}

// TryCollect returns the values before the first error, and that error.
func TryCollect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var values []T
	for v, err := range seq {
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

// Catch yields f(err) in the place of each error; if that is nil the error is left out. It decides which errors a loop may
// go on after, such as a *sluice.LagError, so that the body need not.
func Catch[T any](seq iter.Seq2[T, error], f func(error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seq(func(v T, err error) bool {
			if err != nil {
				var zero T
				if err = f(err); err == nil {
					return true
				}
				return yield(zero, err)
			}
			return yield(v, nil)
		})
	}
}

// UntilErr returns the values of seq before its first error, for functions that take an iter.Seq, and a function that
// returns that error once the values were ranged over: nil if seq ended or the loop was left. Ranging again forgets it.
// The two are for one goroutine.
func UntilErr[T any](seq iter.Seq2[T, error]) (iter.Seq[T], func() error) {
	var first error
	values := func(yield func(T) bool) {
		first = nil
		seq(func(v T, err error) bool {
			if err != nil {
				first = err
				return false
			}
			return yield(v)
		})
	}
	return values, func() error { return first }
}

// WithContext yields what seq does until ctx is done, and then context.Cause(ctx), last. It looks at ctx before the first
// value and after each, so that no value is lost; it can't interrupt a seq that waits: one that may should have been opened with
// ctx. If seq yielded the same cause already it is not repeated.
func WithContext[T any](ctx context.Context, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if ctx.Err() != nil {
			yield(zero, context.Cause(ctx))
			return
		}
		for v, err := range seq {
			if !yield(v, err) {
				return
			}
			if ctx.Err() != nil {
				if cause := context.Cause(ctx); err == nil || !errors.Is(err, cause) {
					yield(zero, cause)
				}
				return
			}
		}
	}
}
