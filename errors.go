package sluice

import (
	"errors"
	"fmt"
)

// ErrClosed is the end: the source is closed and everything retained was read, or the cursor itself was closed.
// [Cursor.Next] and [Reader.Poll] return it as it is, never wrapped, so == is enough. It is not io.EOF, so that
// a codec's io.EOF never looks like an end. Append on a closed source returns it too.
var ErrClosed = errors.New("sluice: closed")

// Gap is the error of a gap: values that a cursor never gets. It is not final: the cursor stands at the end of the range, and
// the next read goes on there. A store's gap is a *[LagError] or a *[CorruptError]; a source that is made of others may have
// one of its own that says more, and gives a *[LagError] or *[CorruptError] with the cursor's offsets to errors.As.
type Gap interface {
	error
	Gap() (from, to Offset) // the values [from, to), at least one
}

// LagError is a gap: the values [From, To) were dropped by the store's retention before this cursor read them.
// It is not final: the cursor stands at To, and the next read goes on there.
type LagError struct{ From, To Offset }

// Gap returns From and To.
func (e *LagError) Gap() (from, to Offset) { return e.From, e.To }

// Missed returns how many values the gap holds, at least 1.
func (e *LagError) Missed() int64 { return int64(e.To - e.From) }

func (e *LagError) Error() string {
	return fmt.Sprintf("sluice: missed %d values: offsets %d to %d were dropped before they were read",
		e.Missed(), e.From, e.To-1)
}

// CorruptError is a gap: the values [From, To) are stored but can't be read back. Err says in which file and
// place, and what is wrong there. Like [LagError] it is not final: the cursor stands at To.
type CorruptError struct {
	From, To Offset
	Err      error
}

// Gap returns From and To.
func (e *CorruptError) Gap() (from, to Offset) { return e.From, e.To }

// Missed returns how many values the gap holds, at least 1.
func (e *CorruptError) Missed() int64 { return int64(e.To - e.From) }

func (e *CorruptError) Error() string {
	return fmt.Sprintf("sluice: missed %d values: offsets %d to %d are damaged: %v", e.Missed(), e.From, e.To-1, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// RangeError says that a [Position] names a value that can't exist yet (beyond Next), or a negative number.
// First and Next are the bounds of the source at that moment. A cursor that was opened there returns it from
// every read until a Seek succeeds.
type RangeError struct{ Offset, First, Next Offset }

func (e *RangeError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("sluice: position %d is negative: the first offset is 0, and the source holds [%d, %d)",
			e.Offset, e.First, e.Next)
	}
	return fmt.Sprintf("sluice: offset %d is beyond the end: the source holds [%d, %d)", e.Offset, e.First, e.Next)
}

// gapOf returns the range that err says is missing. Only a Gap itself is one, not an error that wraps one: a store that passes
// on a writer's own error wraps it if it is a Gap, so that a final error never looks like a gap.
func gapOf(err error) (from, to Offset, ok bool) {
	g, ok := err.(Gap)
	if ok {
		from, to = g.Gap()
	}
	return from, to, ok
}

func isGap(err error) bool {
	_, _, ok := gapOf(err)
	return ok
}
