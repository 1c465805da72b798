package values

import "fmt"

// Value is what the rivals carry: one word, or a record of 64 bytes. They are arrays because a generic function looks
// into an array without a call; a [1]int64 is laid out like an int64, is passed in a register like one, and measures the
// same. The value numbered n has n in its first word.
type Value interface{ [1]int64 | [8]int64 }

// Word is the small [Value].
type Word = [1]int64

// Record is the large [Value].
type Record = [8]int64

func numbered[T Value](n int) (v T) {
	v[0] = int64(n)
	return v
}

// Tally is what a reader has seen. Keeping it costs about as much as summing up.
type Tally struct {
	count int64
	wrong int64 // not 0 if a value was not the one numbered by its place: lost, doubled or out of order
}

// Check returns an error unless t saw the values numbered 0 to n-1, each once, in order.
func (t Tally) Check(n int) error {
	if t.count != int64(n) || t.wrong != 0 {
		return fmt.Errorf("read %d values, in order: %t, want %d in order", t.count, t.wrong == 0, n)
	}
	return nil
}

// see is small enough to be inlined. A loop keeps its Tally in registers if it can.
func see[T Value](t *Tally, v T) {
	t.wrong |= v[0] ^ t.count
	t.count++
}

// seeAll is the loop over a span: the least that reading costs.
func seeAll[T Value](t *Tally, span []T) {
	count, wrong := t.count, t.wrong
	for i := range span {
		wrong |= span[i][0] ^ count
		count++
	}
	t.count, t.wrong = count, wrong
}
