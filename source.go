package sluice

import "context"

// Source is an ordered, append-only sequence of values that any number of cursors follow independently.
// All methods are safe for concurrent use.
type Source[T any] interface {
	// Bounds returns the offset of the oldest retained value, and the one that the next value will get.
	// first <= next; neither ever decreases.
	Bounds() (first, next Offset)

	// Cursor returns a new cursor at p. It is never nil: an error in opening is the error of the first read.
	// A position is resolved before Cursor returns: at [Newest], every value appended after that is read.
	// Close the cursor when done with it; see [Cursor.Close].
	Cursor(p Position) *Cursor[T]
}

// Sink takes values at the end of a sequence. All methods are safe for concurrent use.
type Sink[T any] interface {
	// Append adds v and returns its offset. Appends of one goroutine keep their order.
	// A store with bounded room may block until there is some; ctx ends that wait, with context.Cause(ctx), and
	// then nothing was appended. ctx is looked at only where Append would wait. After Close it returns [ErrClosed], and
	// so does one that waits when Close is called.
	//
	// A call of Append(v) synchronizes before the return of the Poll that hands out v.
	Append(ctx context.Context, v T) (Offset, error)

	// AppendAll adds all values of vs at consecutive offsets, or none, and returns the offset of the first; it does
	// not keep vs. With an empty vs it returns the offset that the next value will get. A store that waits for room
	// refuses more values than it can ever hold.
	AppendAll(ctx context.Context, vs []T) (first Offset, err error)

	// Close says that no more values will come: later appends fail, readers get what is retained and then the end.
	// It is idempotent.
	Close() error
}

// Log is a Source that can be appended to: what every store of this module is.
type Log[T any] interface {
	Source[T]
	Sink[T]
}

// Reader is what a store implements, so that [NewCursor] can turn it into a cursor; programs read with [Cursor].
// It hands out batches: a loop costs one indirect call for each batch, not for each value.
//
// A Reader is for one goroutine at a time, but Close may be called from any goroutine while Wait or Bounds runs, and Bounds
// after it.
//
// A position that can't be resolved when the reader is opened (see [Position.Resolve]) makes Poll return that error
// until a Seek succeeds.
type Reader[T any] interface {
	// Bounds returns the bounds of the source, see [Source].
	Bounds() (first, next Offset)

	// Poll returns values that are there now, and moves behind them; it never waits. The legal results are
	//
	//	(batch, nil)            len(batch) > 0: values at consecutive offsets, ending before Offset()
	//	(nil, nil)              nothing now
	//	(nil, *LagError)        a gap, From being the Offset() so far; the reader moves to To
	//	(nil, *CorruptError)    likewise; or another [Gap]
	//	(nil, ErrClosed)        the source is closed and everything retained was handed out
	//	(nil, err)              final: the writer's own error, or a *RangeError; every later Poll returns it too
	//
	// A batch is lent: it is read-only, and valid until the next Poll, Seek or Close. Calling Poll again says that
	// the previous batch was consumed; that is when a gated ring may use its slots again. What its values refer to must
	// outlive Close: the body of a loop may still use a value that it got before.
	Poll() (batch []T, err error)

	// Wait returns nil once Poll would return something other than (nil, nil), context.Cause(ctx) when ctx is done
	// and ErrClosed when the reader is closed. It may return nil too early now and then, for no reason, but not each
	// time: its cursor would spin.
	//
	// A value may be appended after the Poll that found nothing and before Wait is called: so look again once you would
	// be woken, and only then sleep.
	Wait(ctx context.Context) error

	// Offset returns the offset of the value that the next Poll starts with.
	Offset() Offset

	// Seek moves to p. On an error the reader stays where it was.
	Seek(p Position) error

	// Close releases what the reader holds in its store and wakes a Wait. It is idempotent. Afterwards Poll, Wait
	// and Seek return ErrClosed. [Cursor] calls it only while no batch is being read: it copies values out of one before a
	// body gets them, but for Batches.
	Close() error
}

// Entry is a value with its offset, see [Cursor.Entries].
type Entry[T any] struct {
	Offset Offset
	Value  T
}
