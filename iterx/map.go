package iterx

import "iter"

// Map yields f(v) for each value of seq.
func Map[T, U any](seq iter.Seq[T], f func(T) U) iter.Seq[U] {
	return func(yield func(U) bool) {
		seq(func(v T) bool { return yield(f(v)) })
	}
}

// Filter yields the values that keep reports true for.
func Filter[T any](seq iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		seq(func(v T) bool { return !keep(v) || yield(v) })
	}
}

// FilterMap yields the results of f that come with true. It is Filter and Map in one, for where the test and the
// conversion are the same work: parsing, looking up.
func FilterMap[T, U any](seq iter.Seq[T], f func(T) (U, bool)) iter.Seq[U] {
	return func(yield func(U) bool) {
		seq(func(v T) bool {
			u, ok := f(v)
			return !ok || yield(u)
		})
	}
}

// FlatMap yields the values of f(v), for each value of seq, one sequence after the other.
func FlatMap[T, U any](seq iter.Seq[T], f func(T) iter.Seq[U]) iter.Seq[U] {
	return func(yield func(U) bool) {
		for v := range seq {
			for u := range f(v) {
				if !yield(u) {
					return
				}
			}
		}
	}
}

// Scan yields the state after each value: acc = f(acc, v). It starts from acc, which itself is not yielded; each loop
// starts from it again.
func Scan[T, A any](seq iter.Seq[T], acc A, f func(A, T) A) iter.Seq[A] {
	return func(yield func(A) bool) {
		acc := acc
		seq(func(v T) bool {
			acc = f(acc, v)
			return yield(acc)
		})
	}
}

// Tap yields the values of seq, and calls f with each before: to count or to log in the middle of a chain.
func Tap[T any](seq iter.Seq[T], f func(T)) iter.Seq[T] {
	return func(yield func(T) bool) {
		seq(func(v T) bool {
			f(v)
			return yield(v)
		})
	}
}
