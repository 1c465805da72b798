package rings

import (
	"fmt"

	"github.com/sluice-go/sluice/bench/values"
)

// Tally is what a reader has seen.
type Tally struct {
	next   int64 // the number of the value that should come: all that were received or missed
	missed int64
	wrong  int64 // not 0 if a value was not the one numbered by its place
}

// Check returns an error unless t accounts for the values numbered 0 to n-1: each received once, in order, or, if
// lossy, reported as missed.
func (t Tally) Check(n int, lossy bool) error {
	if t.next != int64(n) || t.wrong != 0 || t.missed != 0 && !lossy {
		return fmt.Errorf("received %d and missed %d values, in order: %t, want %d in order",
			t.next-t.missed, t.missed, t.wrong == 0, n)
	}
	return nil
}

func numbered[T values.Value](n int) (v T) {
	v[0] = int64(n)
	return v
}

// see is small enough to be inlined.
func see[T values.Value](t *Tally, v T) {
	t.wrong |= v[0] ^ t.next
	t.next++
}

func seeAll[T values.Value](t *Tally, span []T) {
	next, wrong := t.next, t.wrong
	for i := range span {
		wrong |= span[i][0] ^ next
		next++
	}
	t.next, t.wrong = next, wrong
}

// seeUpTo looks at the values below number end, each in its place in slots, as a Disruptor's handler does.
func seeUpTo[T values.Value](t *Tally, slots []T, mask, end int64) {
	next, wrong := t.next, t.wrong
	for ; next < end; next++ {
		wrong |= slots[next&mask][0] ^ next
	}
	t.next, t.wrong = next, wrong
}

func (t *Tally) miss(n int64) {
	t.next += n
	t.missed += n
}

// Received returns how many values were received.
func (t Tally) Received() int64 { return t.next - t.missed }
