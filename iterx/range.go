package iterx

import (
	"iter"

	"golang.org/x/exp/constraints"
)

// Range yields from, from+step, and so on, up to but not including to; down to it, if step is negative. It ends where the
// next number would not fit in N. It panics if step is 0. For 0, 1, … n-1 range over n itself.
func Range[N constraints.Integer](from, to, step N) iter.Seq[N] {
	if step == 0 {
		panic("iterx: Range: step must not be 0")
	}
	return func(yield func(N) bool) {
		for n := from; step > 0 && n < to || step < 0 && n > to; {
			if !yield(n) {
				return
			}
			next := n + step // wraps around where it does not fit
			if (next > n) != (step > 0) {
				return
			}
			n = next
		}
	}
}
