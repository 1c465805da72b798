package sluice

import (
	"errors"
	"fmt"
)

// ErrClosed is the end: the source is closed and everything retained was read, or the cursor itself was closed.
// [Cursor.Next] and [Reader.Poll] return it as it is, never wrapped, so == is enough. It is not io.EOF, so that
// a codec's io.EOF never looks like an end. Append on a closed source returns it too.
var ErrClosed = errors.New("sluice: closed")

// LagError is a gap: the values [From, To) were dropped by the store's retention before this cursor read them.
// It is not final: the cursor stands at To, and the next read goes on there.
type LagError struct{ From, To Offset }

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

// gapOf returns the range that err says is missing. Only the bare types are gaps: a store that passes on a
// writer's own error wraps it if it is one of these, so that a final error never looks like a gap.
func gapOf(err error) (from, to Offset, ok bool) {
	switch e := err.(type) {
	case *LagError:
		return e.From, e.To, true
	case *CorruptError:
		return e.From, e.To, true
	}
	return 0, 0, false
}

func isGap(err error) bool {
	_, _, ok := gapOf(err)
	return ok
}
