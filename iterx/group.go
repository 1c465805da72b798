package iterx

import "iter"

// Chunk yields the values in slices of n; the last one may be shorter. Each is the body's to keep and to change.
//
// It holds back up to n-1 values until n are there, however long seq waits; a loop that is left loses none, because the
// body saw all that were taken. With chanx.Batches a batch has a time limit too. Chunk panics if n is less than 1.
func Chunk[T any](seq iter.Seq[T], n int) iter.Seq[[]T] {
	atLeast("Chunk", "n", n, 1)
	return func(yield func([]T) bool) {
		var chunk []T
		for v := range seq {
			if chunk = append(chunk, v); len(chunk) < n {
				continue
			}
			if !yield(chunk) {
				return
			}
			chunk = make([]T, 0, n)
		}
		if len(chunk) > 0 {
			yield(chunk)
		}
	}
}

// ChunkFunc yields runs of neighbours as slices: a value goes into the slice of the one before it if same(prev, cur), else
// it starts the next. Each slice is the body's to keep and to change. A run is held back until the first value of the
// next; a break loses that one.
func ChunkFunc[T any](seq iter.Seq[T], same func(prev, cur T) bool) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		var run []T
		for v := range seq {
			if len(run) > 0 && !same(run[len(run)-1], v) {
				if !yield(run) {
					return
				}
				run = nil
			}
			run = append(run, v)
		}
		if len(run) > 0 {
			yield(run)
		}
	}
}

// Window yields each n neighbours: values 0 to n-1, then 1 to n, and so on; nothing if there are fewer. Windows may be kept, but not
// changed: they share memory. The first is held back until n values are there. A value is copied about once,
// and an allocation is made for each n windows. Window panics if n is less than 1.
func Window[T any](seq iter.Seq[T], n int) iter.Seq[[]T] {
	atLeast("Window", "n", n, 1)
	return func(yield func([]T) bool) {
		var values []T // the last ones, of which the last n are the window; never overwritten
		seq(func(v T) bool {
			if len(values) == cap(values) && len(values) >= n {
				values = append(make([]T, 0, 2*n), values[len(values)-n+1:]...)
			}
			values = append(values, v)
			end := len(values)
			return end < n || yield(values[end-n:end:end])
		})
	}
}

// Compact yields a value unless it equals the one before it, as slices.Compact does.
func Compact[T comparable](seq iter.Seq[T]) iter.Seq[T] {
	return CompactFunc(seq, func(a, b T) bool { return a == b })
}

// CompactFunc is [Compact] with a function that reports whether two neighbours are equal. Of a run of equal values it
// yields the first, and compares with that.
func CompactFunc[T any](seq iter.Seq[T], eq func(T, T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		var first T
		started := false
		seq(func(v T) bool {
			if started && eq(first, v) {
				return true
			}
			first, started = v, true
			return yield(v)
		})
	}
}

// Distinct yields a value if no earlier one had its key. It keeps all keys that it saw: memory grows with them.
func Distinct[T any, K comparable](seq iter.Seq[T], key func(T) K) iter.Seq[T] {
	return func(yield func(T) bool) {
		seen := make(map[K]struct{})
		seq(func(v T) bool {
			k := key(v)
			if _, ok := seen[k]; ok {
				return true
			}
			seen[k] = struct{}{}
			return yield(v)
		})
	}
}
