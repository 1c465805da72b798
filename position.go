package sluice

import "fmt"

// Offset is the number of a value in its source: the value appended n-th has offset n, and the first is 0.
// An offset is never reused, within an epoch for stores that can lose their end.
type Offset int64

// Position says where a cursor starts. The zero Position is [Oldest].
type Position struct {
	kind positionKind
	n    int64
}

type positionKind uint8

const (
	oldest positionKind = iota
	newest
	at
	last
)

// Oldest is the oldest retained value: replay, then follow.
func Oldest() Position { return Position{} }

// Newest is the end of the source: only values appended from now on.
func Newest() Position { return Position{kind: newest} }

// At is the value with offset off: give it what [Cursor.Offset] said to resume there. If that value is no longer
// retained, the first read is a [LagError]; if off is negative or beyond the end, it is a [RangeError].
func At(off Offset) Position { return Position{kind: at, n: int64(off)} }

// Last is the n newest retained values, or all if there are fewer; then follow. A negative n is a [RangeError].
func Last(n int64) Position { return Position{kind: last, n: n} }

// Resolve returns the offset that p stands for in a source with these bounds; implementations of [Reader.Seek]
// call it. The result may lie below first, for At: the values between are a gap, which the next Poll reports.
// It is never above next: that, and a negative number, is a *[RangeError].
func (p Position) Resolve(first, next Offset) (Offset, error) {
	switch p.kind {
	case newest:
		return next, nil
	case at:
		if off := Offset(p.n); off < 0 || off > next {
			return 0, &RangeError{Offset: off, First: first, Next: next}
		}
		return Offset(p.n), nil
	case last:
		if p.n < 0 {
			return 0, &RangeError{Offset: Offset(p.n), First: first, Next: next}
		}
		return max(first, next-Offset(p.n)), nil
	default:
		return first, nil
	}
}

// String returns p as Go code calls it: Oldest(), At(7).
func (p Position) String() string {
	switch p.kind {
	case newest:
		return "Newest()"
	case at:
		return fmt.Sprintf("At(%d)", p.n)
	case last:
		return fmt.Sprintf("Last(%d)", p.n)
	default:
		return "Oldest()"
	}
}
