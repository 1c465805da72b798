package sluice

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Cursor reads a [Source]: it has a position, replays what is retained from there, then waits for more. All stores
// give out this one type, so a loop reads the same whatever it runs over. Every way of reading moves the same
// position; they can be mixed at will, one after the other or inside a loop's body.
//
// A gap (*[LagError], *[CorruptError]) is never final: the cursor moves to its end, and reading goes on there. Any
// other error is; only a Seek can help. Received and missed values together are exactly those that the cursor passed:
// received + [Cursor.Missed] = [Cursor.Offset] - start, at every moment.
//
// A cursor is for one goroutine at a time; only Close may be called from any, at any time. Cursors never disturb each
// other.
type Cursor[T any] struct {
	r Reader[T]

	// hand[i:] is read next; base is the offset of hand[0]. The cursor's position is base+i, always. i moves before a value
	// is handed out, so that a panic in a loop's body leaves the cursor behind the value that the body saw. hand is the
	// cursor's own memory: a loop takes values from it without being counted in, so it has nothing to undo however it ends.
	// Slots behind len(hand) are zero.
	hand []T
	i    int
	base Offset
	size int // how large hand may grow

	// What follows hand: lent is r's memory, touched only by who is counted in. kept is read before r is asked again: what
	// Chan's stop found in the channel, and what stood behind it.
	lent []T
	kept []segment[T]

	missed   int64
	skipGaps bool

	// state joins Close, which may come from anywhere, with the goroutine that reads. The rule of Reader is that no
	// batch is touched after Close, so whoever touches one is counted in (enter, leave), and r is closed by Close itself if
	// nobody is inside or the one inside sleeps in r.Wait, where it holds no batch; else by the last one to leave.
	// The two sides change the same word with read-modify-writes, so one of them always sees the other.
	state     atomic.Uint32 // isClosed | isWaiting | n*inside
	closeOnce sync.Once     // r.Close
	closeErr  error         // guarded by closeOnce
	cleanup   runtime.Cleanup
	interrupt atomic.Pointer[context.CancelCauseFunc] // wakes the goroutine of Chan, which waits elsewhere
}

const (
	isClosed uint32 = 1 << iota
	isWaiting
	inside
)

// An outcome is what a read came to. It is told from where an error comes from, not from the error: the cause of ctx may
// be anything, the gap that ended somebody else's loop or ErrClosed included.
type outcome int

const (
	value     outcome = iota // there is one
	gap                      // of the source; reading goes on behind it
	ended                    // the source, with nothing left to read, or the cursor
	failed                   // with an error of the source's own
	cancelled                // ctx is done
)

// A segment is a piece of a source: values from offset on, or a gap.
type segment[T any] struct {
	offset Offset
	values []T
	gap    error
}

// NewCursor returns a cursor over r, which it owns from then on. Implementations of [Source.Cursor] call it.
// It costs two allocations, and reading value by value memory for up to 64 values in 4 KiB (one value if that is larger), which
// grows as there is more to read at once. If the cursor becomes unreachable r is closed, so r must not refer to it.
func NewCursor[T any](r Reader[T]) *Cursor[T] {
	c := &Cursor[T]{r: r, base: r.Offset(), size: handSize[T]()}
	c.cleanup = runtime.AddCleanup(c, func(r Reader[T]) { r.Close() }, r)
	return c
}

// Next returns the value at the cursor and moves past it, waiting if there is none yet.
// If ctx is done it returns context.Cause(ctx) and the cursor does not move.
// At the end it returns [ErrClosed] itself, not an error that wraps it.
// After a gap the cursor stays usable and goes on behind it.
func (c *Cursor[T]) Next(ctx context.Context) (v T, err error) {
	if got, err := c.await(ctx); got != value {
		return v, err
	}
	v = c.hand[c.i]
	c.i++
	return v, nil
}

// TryNext is [Cursor.Next] that never waits: ok reports whether there was a value.
// With neither a value nor an error there is nothing now.
func (c *Cursor[T]) TryNext() (v T, ok bool, err error) {
	if ok, err := c.fetch(handful); !ok {
		return v, false, err
	}
	v = c.hand[c.i]
	c.i++
	return v, true, nil
}

// SkipGaps makes the cursor step over gaps: they are no longer errors, only counted in [Cursor.Missed].
// It returns c, and can't be undone.
func (c *Cursor[T]) SkipGaps() *Cursor[T] {
	c.skipGaps = true
	return c
}

// Offset returns the offset of the next value. Store it, and resume later with [At].
func (c *Cursor[T]) Offset() Offset { return c.base + Offset(c.i) }

// Seek moves the cursor to p. On an error it stays where it was. Missed is not changed: what lies between was not
// missed but skipped, or will be read again.
func (c *Cursor[T]) Seek(p Position) error {
	c.enter()
	defer c.leave()
	if c.closed() {
		return ErrClosed
	}
	if err := c.r.Seek(p); err != nil {
		return err
	}
	c.empty()
	c.base, c.lent, c.kept = c.r.Offset(), nil, nil
	return nil
}

// Lag returns how many values were appended that this cursor has not read yet, gaps that it has not come to included. Like
// Offset and Missed it is for the goroutine that reads, and not while Chan feeds a channel: to show it elsewhere, have that
// goroutine store it in an atomic.
func (c *Cursor[T]) Lag() int64 {
	_, next := c.r.Bounds()
	return int64(max(0, next-c.Offset()))
}

// Missed returns how many values this cursor never got because they were gone or damaged when it came to them.
func (c *Cursor[T]) Missed() int64 { return c.missed }

// Close ends the cursor: a read that waits is woken, a loop stops within 16 values (Batches: when its body returns), and
// later reads return [ErrClosed]. It may be called from any goroutine, does not wait for one that reads, and is idempotent.
// What the cursor holds in its store is released at once, also while the body of a loop runs or hangs; only a body of Batches
// keeps its batch until it returns. So a writer that uses memory again to which values refer must not take a Close for the
// end of the bodies.
//
// A cursor that becomes unreachable is closed by the garbage collector in its own time, and if the context that it waited with
// refers to it, not before that ends; until then it may hold back a writer. So defer Close all the same, and always in a bubble of testing/synctest: the collector is outside of it, and so is
// the end of a context that was made there.
func (c *Cursor[T]) Close() error {
	before := c.state.Or(isClosed)
	if before&isClosed != 0 {
		return nil
	}
	if cancel := c.interrupt.Load(); cancel != nil {
		(*cancel)(errStopped)
	}
	if before < inside || before&isWaiting != 0 {
		return c.closeReader()
	}
	return nil
}

func (c *Cursor[T]) closed() bool { return c.state.Load()&isClosed != 0 }

func (c *Cursor[T]) enter() { c.state.Add(inside) }

func (c *Cursor[T]) leave() {
	if c.state.Add(^(inside - 1)) == isClosed {
		c.lent, c.kept = nil, nil // here, where nobody else can be reading them
		c.closeReader()
	}
}

func (c *Cursor[T]) closeReader() error {
	c.closeOnce.Do(func() {
		c.cleanup.Stop()
		c.closeErr = c.r.Close()
	})
	return c.closeErr
}

// await returns value once hand holds one, hand[i], or what else it came to, with the error that the caller is told.
func (c *Cursor[T]) await(ctx context.Context) (outcome, error) {
	return c.awaitUntil(ctx, handful, math.MaxInt64)
}

// awaitUntil is await for as much as p says. It waits only while the cursor is before that offset; there, and with nothing to
// read, it has ended.
func (c *Cursor[T]) awaitUntil(ctx context.Context, p portion, until Offset) (outcome, error) {
	for {
		if ctx.Err() != nil {
			return cancelled, context.Cause(ctx)
		}
		if ok, err := c.fetch(p); ok {
			return value, nil
		} else if err != nil {
			return outcomeOf(err), err
		}
		if c.Offset() >= until {
			return ended, nil
		}
		if err := c.wait(ctx); err != nil && ctx.Err() == nil {
			return outcomeOf(err), err
		}
	}
}

// outcomeOf tells the errors of a source apart.
func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return value
	case err == ErrClosed:
		return ended
	case isGap(err):
		return gap
	}
	return failed
}

// wait sleeps in the reader. While it does Close may close the reader: nothing is lent.
func (c *Cursor[T]) wait(ctx context.Context) (err error) {
	defer func() {
		if c.state.And(^isWaiting)&isClosed != 0 {
			err = ErrClosed
		}
	}()
	if c.state.Or(isWaiting)&isClosed != 0 {
		return ErrClosed // Close did not see us waiting: it has closed the reader, or the last leave will
	}
	return c.r.Wait(ctx)
}
