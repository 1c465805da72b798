package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
)

var _ sluice.Log[int] = (*Replay[int])(nil)

// Replay is an in-memory log: readers that come late replay what is retained, then follow. See the package comment.
// Make one with [New]; it must not be copied.
type Replay[T any] struct {
	// mu is held by writers: whoever appends, trims or ends the log. Readers never take it.
	mu       sync.Mutex
	keep     retention[T] // what to drop when; guarded by mu
	maxSize  int          // of a chunk; constant
	lastSkip *chunk[T]    // the newest chunk that skips start from, nil if it was trimmed; guarded by mu
	cut      *chunk[T]    // a sentinel: what the links of a trimmed chunk lead to; constant

	_ [64]byte // readers load what follows, and must not wait for the line of mu

	// The chunks from head to tail are linked by next. Both are stored under mu and loaded by readers without.
	// first lies in the head chunk, or behind it if it is the only one.
	head atomic.Pointer[chunk[T]]
	tail atomic.Pointer[chunk[T]]

	// first is the oldest retained offset. It only grows. It is stored before head moves, and head before links are
	// cut: a reader that finds its chunk cut finds a newer head, and one that finds head behind its own offset finds
	// first there too.
	first atomic.Int64

	// ended is nil until the log is closed or aborted. It is stored under mu, behind every append; a reader loads it
	// before published, so one that sees the end sees all values too.
	ended atomic.Pointer[ending]

	_ [64]byte // written by readers that park

	waiters notify.List
}

// An ending says how a log ended. Abort may replace one that only closed.
type ending struct {
	err     error // what readers get at the end
	aborted bool  // they get it at once
}

// New returns an empty log. It panics if the options make no sense: a negative limit, or MaxBytes without a way to
// measure a T.
func New[T any](o Options) *Replay[T] {
	r := &Replay[T]{keep: newRetention[T](o), maxSize: maxChunkSize[T](o.MaxValues), cut: new(chunk[T])}
	c := newChunk[T](size0)
	r.head.Store(c)
	r.tail.Store(c)
	r.lastSkip = c
	return r
}

// Append adds v and returns its offset. It never waits for readers, so it does not look at ctx. On a closed log it
// returns [sluice.ErrClosed], on an aborted one the error of [Replay.Abort].
//
// Cost: a mutex, one atomic store and a load; one allocation per chunk of up to 4000 values; see BenchmarkAppend.
func (r *Replay[T]) Append(_ context.Context, v T) (sluice.Offset, error) {
	size := r.keep.sizeOf(v)
	r.mu.Lock()
	if err := r.appendErr(); err != nil {
		r.mu.Unlock()
		return 0, err
	}
	c := r.tail.Load()
	n := c.published.Load()
	if int(n) == len(c.slots) {
		c, n = r.growLocked(c), 0
	}
	c.slots[n] = v
	c.published.Store(n + 1)
	off := c.base + sluice.Offset(n)
	if r.keep.limited {
		r.retainLocked(off+1, size)
	}
	r.mu.Unlock()
	r.wake()
	return off, nil
}

// AppendAll adds all values of vs at consecutive offsets and returns the first of them. A reader may see the first
// values before the last is there. The other rules are those of [Replay.Append].
func (r *Replay[T]) AppendAll(_ context.Context, vs []T) (sluice.Offset, error) {
	var size int64
	for i := range vs {
		size += r.keep.sizeOf(vs[i])
	}
	r.mu.Lock()
	if err := r.appendErr(); err != nil {
		r.mu.Unlock()
		return 0, err
	}
	c := r.tail.Load()
	first := c.end()
	for len(vs) > 0 {
		n := c.published.Load()
		if int(n) == len(c.slots) {
			c, n = r.growLocked(c), 0
		}
		k := copy(c.slots[n:], vs)
		c.published.Store(n + int64(k))
		vs = vs[k:]
	}
	if end := c.end(); r.keep.limited && end > first {
		r.retainLocked(end, size)
	}
	r.mu.Unlock()
	r.wake()
	return first, nil
}

// wake is the writer's half of the handshake; see package notify. What it tells must have been stored before.
func (r *Replay[T]) wake() {
	if r.waiters.Waiting() {
		r.waiters.Wake()
	}
}

func (r *Replay[T]) appendErr() error {
	switch e := r.ended.Load(); {
	case e == nil:
		return nil
	case e.aborted:
		return e.err
	default:
		return sluice.ErrClosed
	}
}

// growLocked puts a larger chunk behind the full chunk c, and returns it.
func (r *Replay[T]) growLocked(c *chunk[T]) *chunk[T] {
	return r.linkLocked(c, min(len(c.slots)*9/2, r.maxSize))
}

// linkLocked puts a new chunk of about that size behind c, which gets no more values.
func (r *Replay[T]) linkLocked(c *chunk[T], size int) *chunk[T] {
	d := newChunk[T](size)
	d.base, d.number = c.end(), c.number+1
	if d.number%skipOver == 0 {
		if r.lastSkip != nil {
			r.lastSkip.skip.Store(d)
		}
		r.lastSkip = d
	}
	c.next.Store(d)
	r.tail.Store(d)
	return d
}

// Bounds returns the oldest retained offset and the one that the next value will get. Two atomic loads.
func (r *Replay[T]) Bounds() (first, next sluice.Offset) {
	first = sluice.Offset(r.first.Load()) // before next, which only grows: first <= next
	return first, r.tail.Load().end()
}

// Cursor returns a new cursor at p. It costs a few small allocations, and finding At(n) in a log of a million values
// some 40 steps.
func (r *Replay[T]) Cursor(p sluice.Position) *sluice.Cursor[T] {
	return sluice.NewCursor[T](newReader(r, p))
}

// Close ends the log: appends fail, readers get what is retained and then the end. It always returns nil.
func (r *Replay[T]) Close() error { return r.CloseWithError(nil) }

// CloseWithError ends the log with an error, as [io.PipeWriter.CloseWithError] does: readers, late ones too, get what is
// retained and then err, so that a failed stream never looks complete. A nil err, or [sluice.ErrClosed], is Close. On a
// log that has ended already it does nothing. It always returns nil.
//
// If err is itself a gap (*[sluice.LagError], *[sluice.CorruptError]) readers get an error that wraps it: to them it is
// no gap of this log, but final.
func (r *Replay[T]) CloseWithError(err error) error {
	if err == nil {
		err = sluice.ErrClosed
	}
	r.end(ending{err: final(err)})
	return nil
}

var errAborted = errors.New("replay: aborted")

// Abort ends the log and makes readers fail with err at once, whatever is still to be read, and writers too. It works on
// a closed log as well; after a first Abort it does nothing. A nil err stands for one that says "replay: aborted".
func (r *Replay[T]) Abort(err error) {
	if err == nil || err == sluice.ErrClosed { // an abort must not look like a complete stream
		err = errAborted
	}
	r.end(ending{err: final(err), aborted: true})
}

func (r *Replay[T]) end(e ending) {
	r.mu.Lock()
	if was := r.ended.Load(); was == nil || e.aborted && !was.aborted {
		r.ended.Store(&e)
	}
	r.mu.Unlock()
	r.wake()
}

// final makes err one that no cursor takes for a gap.
func final(err error) error {
	switch err.(type) {
	case *sluice.LagError, *sluice.CorruptError:
		return fmt.Errorf("replay: the writer failed: %w", err)
	}
	return err
}
