package iterx

import "iter"

// Enumerate yields the values with their numbers, the first being 0. These are not offsets: a source's own come from
// Cursor.Entries.
func Enumerate[T any](seq iter.Seq[T]) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		n := -1
		seq(func(v T) bool {
			n++
			return yield(n, v)
		})
	}
}

// Zip yields the first values of a and b, then the second ones, and so on, and ends with the shorter. It takes a value
// of a before it asks b for one: if b has ended then, that value is lost. b is read with iter.Pull, about 80 ns a value.
func Zip[A, B any](a iter.Seq[A], b iter.Seq[B]) iter.Seq2[A, B] {
	return func(yield func(A, B) bool) {
		next, stop := iter.Pull(b)
		defer stop()
		for va := range a {
			vb, ok := next()
			if !ok || !yield(va, vb) {
				return
			}
		}
	}
}

// Keys yields the first of each pair.
func Keys[K, V any](seq iter.Seq2[K, V]) iter.Seq[K] {
	return func(yield func(K) bool) {
		seq(func(k K, _ V) bool { return yield(k) })
	}
}

// Values yields the second of each pair. A sequence with errors has them there: use [UntilErr] for its values.
func Values[K, V any](seq iter.Seq2[K, V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		seq(func(_ K, v V) bool { return yield(v) })
	}
}

// ToSeq yields f(k, v) for each pair.
func ToSeq[K, V, T any](seq iter.Seq2[K, V], f func(K, V) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		seq(func(k K, v V) bool { return yield(f(k, v)) })
	}
}

// ToSeq2 yields the pair f(v) for each value.
func ToSeq2[T, K, V any](seq iter.Seq[T], f func(T) (K, V)) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		seq(func(v T) bool { return yield(f(v)) })
	}
}
