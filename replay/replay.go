package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
	"github.com/sluice-go/sluice/internal/tail"
)

var _ sluice.Log[int] = (*Replay[int])(nil)

// Replay is an in-memory log: readers that come late replay what is retained, then follow. See the package comment.
// Make one with [New]; it must not be copied.
type Replay[T any] struct {
	maxSize int // of a chunk; constant

	_ [64]byte // readers load tail all the time, and nothing else shall lie in its line

	// tail is the end of the log and the lock of those who write: append, trim, or end it. Readers never take it.
	tail tail.Tail

	_ [64]byte

	// Guarded by tail. The slot of offset n is open[n-base], for n < limit: where the last chunk ends, or, on a log that
	// has ended, the least number there is, so that one comparison tells both.
	open  []T          // the slots of last
	base  int64        // the offset of open[0]
	limit int64        // see above
	keep  retention[T] // what to drop when

	// The values. Its lock is tail's. first lies in the head chunk, or behind it if it is the only one.
	chunks chain[T]

	// first is the oldest retained offset. It only grows. It is stored before head moves, and head before links are
	// cut: a reader that finds its chunk cut finds a newer head, and one that finds head behind its own offset finds
	// first there too.
	first atomic.Int64

	// ended is nil until the log is closed or aborted. It is stored under tail's lock, behind every append; a reader loads
	// it before tail, so one that sees the end sees all values too.
	ended atomic.Pointer[ending]

	_ [64]byte // written by readers that park

	waiters notify.List
}

// An ending says how a log or a buffer ended. Abort may replace one that only closed.
type ending struct {
	err     error // what readers get at the end
	aborted bool  // they get it at once
	failed  bool  // it was the buffer's file that failed
}

// New returns an empty log. It panics if the options make no sense: a negative limit, or MaxBytes without a way to
// measure a T.
func New[T any](o Options) *Replay[T] {
	r := &Replay[T]{keep: newRetention[T](o), maxSize: maxChunkSize[T](o.MaxValues)}
	c := newChunk[T](size0)
	r.chunks.start(c)
	r.openLocked(c)
	return r
}

// Append adds v and returns its offset. It never waits for readers, so it does not look at ctx. On a closed log it
// returns [sluice.ErrClosed], on an aborted one the error of [Replay.Abort].
//
// Cost: two atomic read-modify-writes and a load, two more if there is a limit, a mutex more for MaxBytes; one allocation
// per chunk of up to 4000 values; see BenchmarkAppend.
func (r *Replay[T]) Append(_ context.Context, v T) (sluice.Offset, error) {
	if r.keep.limited {
		return r.appendLimited(v)
	}
	n := r.tail.Lock()
	if n >= r.limit {
		if r.ended.Load() != nil {
			r.tail.Unlock(n)
			return 0, r.appendErr()
		}
		r.growLocked(n)
	}
	r.open[n-r.base] = v
	r.tail.Unlock(n + 1)
	r.wake()
	return sluice.Offset(n), nil
}

// appendLimited is Append where old values may have to go.
func (r *Replay[T]) appendLimited(v T) (off sluice.Offset, err error) {
	if r.keep.size == nil {
		n := r.tail.Lock()
		off, err = r.putLocked(n, v, 0)
		r.tail.Unlock(r.tail.Next())
		r.wake()
		return off, err
	}
	return r.appendSized(v)
}

// appendSized is appendLimited with MaxBytes. It unlocks even if SizeOf panics, with v appended if it does so on an old
// value.
func (r *Replay[T]) appendSized(v T) (sluice.Offset, error) {
	size := r.keep.sizeOf(v)
	n := r.tail.LockLong()
	defer func() {
		r.tail.UnlockLong(r.tail.Next())
		r.wake()
	}()
	return r.putLocked(n, v, size)
}

// putLocked appends v, which has that size, at the end, n, and publishes it before it drops others for it.
func (r *Replay[T]) putLocked(n int64, v T, size int64) (sluice.Offset, error) {
	r.noteTimeLocked(n)
	if n >= r.limit {
		if r.ended.Load() != nil {
			return 0, r.appendErr()
		}
		r.growLocked(n)
	}
	r.open[n-r.base] = v
	r.tail.Advance(n + 1)
	r.retainLocked(sluice.Offset(n+1), size)
	return sluice.Offset(n), nil
}

// AppendAll adds all values of vs at consecutive offsets and returns the first of them. No reader sees some of them and
// not the others. The other rules are those of [Replay.Append].
func (r *Replay[T]) AppendAll(_ context.Context, vs []T) (sluice.Offset, error) {
	size, cuts := r.keep.sizeOfAll(vs)
	first := r.tail.LockLong()
	defer func() {
		r.tail.UnlockLong(r.tail.Next())
		r.wake()
	}()
	if r.ended.Load() != nil {
		return 0, r.appendErr()
	}
	r.noteTimeLocked(first)
	n := first
	for _, cut := range cuts {
		n = r.copyLocked(n, vs[n-first:cut])
		r.limit = n
	}
	n = r.copyLocked(n, vs[n-first:])
	r.tail.Advance(n)
	if r.keep.limited && n > first {
		r.retainLocked(sluice.Offset(n), size)
	}
	return sluice.Offset(first), nil
}

// copyLocked writes vs to the slots from n on, in new chunks where it takes them, and returns the end.
func (r *Replay[T]) copyLocked(n int64, vs []T) int64 {
	for len(vs) > 0 {
		if n >= r.limit {
			r.growLocked(n)
		}
		k := copy(r.open[n-r.base:], vs)
		vs, n = vs[k:], n+int64(k)
	}
	return n
}

// growLocked puts a larger chunk behind the last one, which gets no more values, at the end, n.
func (r *Replay[T]) growLocked(n int64) {
	r.linkLocked(sluice.Offset(n), min(int(n-r.base)*9/2, r.maxSize))
}

// linkLocked puts a new chunk of about that size behind the last one, which gets no more values. It begins at the end.
func (r *Replay[T]) linkLocked(end sluice.Offset, size int) {
	c := newChunk[T](size)
	c.base = end
	r.chunks.addLocked(c)
	r.openLocked(c)
}

// openLocked makes c the chunk that writers fill.
func (r *Replay[T]) openLocked(c *chunk[T]) {
	r.open, r.base = c.slots, int64(c.base)
	r.keep.openBytes, r.keep.ages.openSince = 0, r.keep.ages.now
	if r.limit = r.base + int64(len(r.open)); r.ended.Load() != nil {
		r.limit = math.MinInt64
	}
}

// wake is the writer's half of the handshake; see package notify. What it tells of was stored before.
func (r *Replay[T]) wake() {
	if r.waiters.Waiting() {
		r.waiters.Wake()
	}
}

// appendErr returns what appends get on a log that has ended.
func (r *Replay[T]) appendErr() error {
	if e := r.ended.Load(); e.aborted {
		return e.err
	}
	return sluice.ErrClosed
}

// Bounds returns the oldest retained offset and the one that the next value will get. Two atomic loads.
func (r *Replay[T]) Bounds() (first, next sluice.Offset) {
	first = sluice.Offset(r.first.Load()) // before next, which only grows: first <= next
	return first, sluice.Offset(r.tail.Next())
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
// log that has ended already it does nothing. Appends get [sluice.ErrClosed]. It always returns nil.
//
// If err is itself a [sluice.Gap] readers get an error that wraps it: to them it is no gap of this log, but final.
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
	n := r.tail.LockLong()
	if was := r.ended.Load(); was == nil || e.aborted && !was.aborted {
		r.ended.Store(&e)
		r.limit = math.MinInt64
	}
	r.tail.UnlockLong(n)
	r.wake()
}

// final makes err one that no cursor takes for a gap.
func final(err error) error {
	if _, gap := err.(sluice.Gap); gap {
		return fmt.Errorf("replay: the writer failed: %w", err)
	}
	return err
}
