package iterx

import (
	"fmt"
	"iter"
)

// Concat yields the values of the sequences, one after the other.
func Concat[T any](seqs ...iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, seq := range seqs {
			for v := range seq {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// Take yields the first n values, and never asks seq for one more: on a live source that would be a wait.
// It panics if n is negative.
func Take[T any](seq iter.Seq[T], n int) iter.Seq[T] {
	atLeast("Take", "n", n, 0)
	return func(yield func(T) bool) {
		if n == 0 {
			return
		}
		left := n
		seq(func(v T) bool {
			left--
			return yield(v) && left > 0
		})
	}
}

// Take2 is [Take] for pairs.
func Take2[K, V any](seq iter.Seq2[K, V], n int) iter.Seq2[K, V] {
	atLeast("Take2", "n", n, 0)
	return func(yield func(K, V) bool) {
		if n == 0 {
			return
		}
		left := n
		seq(func(k K, v V) bool {
			left--
			return yield(k, v) && left > 0
		})
	}
}

// Drop yields the values behind the first n. It panics if n is negative.
func Drop[T any](seq iter.Seq[T], n int) iter.Seq[T] {
	atLeast("Drop", "n", n, 0)
	return func(yield func(T) bool) {
		left := n
		seq(func(v T) bool {
			if left > 0 {
				left--
				return true
			}
			return yield(v)
		})
	}
}

// TakeWhile yields the values before the first that ok reports false for. That one was taken from seq, and is lost.
func TakeWhile[T any](seq iter.Seq[T], ok func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		seq(func(v T) bool { return ok(v) && yield(v) })
	}
}

// DropWhile yields the values from the first on that drop reports false for.
func DropWhile[T any](seq iter.Seq[T], drop func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		dropping := true
		seq(func(v T) bool {
			if dropping && drop(v) {
				return true
			}
			dropping = false
			return yield(v)
		})
	}
}

// atLeast panics if the argument of that name is less than least.
func atLeast(function, name string, got, least int) {
	if got < least {
		panic(fmt.Sprintf("iterx: %s: %s must be at least %d, got %d", function, name, least, got))
	}
}
