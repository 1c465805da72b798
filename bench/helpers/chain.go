package helpers

import (
	"iter"

	"github.com/samber/lo/it"

	"github.com/sluice-go/sluice/iterx"
)

// numbers yields 0 to n-1. Not inlined, it is as opaque as a sequence from another package through an interface.
//
//go:noinline
func numbers(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func odd(v int) bool { return v&1 == 1 }

func triple(v int) int { return 3 * v }

// A chain returns the sum of the first take of the odd values of seq, tripled.
type chain struct {
	Name string
	Sum  func(seq iter.Seq[int], take int) int
}

// Names of rows that goals speak of.
const (
	Hand  = "by hand"
	Lo    = "lo/it"
	Iterx = "iterx"
)

func chains() []chain {
	return []chain{
		{Hand, func(seq iter.Seq[int], take int) (sum int) {
			n := 0
			for v := range seq {
				if !odd(v) {
					continue
				}
				sum += triple(v)
				if n++; n == take {
					break
				}
			}
			return sum
		}},
		{Lo, func(seq iter.Seq[int], take int) (sum int) {
			for v := range it.Take(it.Map(it.Filter(seq, odd), triple), take) {
				sum += v
			}
			return sum
		}},
		{Iterx, func(seq iter.Seq[int], take int) (sum int) {
			for v := range iterx.Take(iterx.Map(iterx.Filter(seq, odd), triple), take) {
				sum += v
			}
			return sum
		}},
	}
}

// chainSum is what a chain over n values has to return, which it takes n/2 of.
func chainSum(n int) int {
	half := n / 2
	return 3 * half * half
}
