package ring

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
	"github.com/sluice-go/sluice/internal/tail"
)

var _ sluice.Log[int] = (*Ring[int])(nil)

// Policy says what happens when a reader is slower than the writers.
type Policy int

const (
	// Overwrite never waits: a reader that is lapped gets a *[sluice.LagError] and goes on at the oldest retained value.
	Overwrite Policy = iota
	// Gated makes Append wait for the slowest open cursor; nothing is lost.
	Gated
)

// String returns the name.
func (p Policy) String() string {
	switch p {
	case Overwrite:
		return "Overwrite"
	case Gated:
		return "Gated"
	}
	return fmt.Sprintf("Policy(%d)", int(p))
}

// Options of a ring. The zero Options is a ring that overwrites.
type Options struct {
	// Policy is Overwrite by default.
	Policy Policy

	// SingleWriter is the caller's promise that of the calls of Append, AppendAll, AppendFunc, Close and CloseWithError each
	// happens before the next, whatever readers do; else they are a data race. So what ends an append that waits is its context. It makes Append
	// about 1.8 times as fast, less so where readers keep up. A gated ring then takes twice the memory, and does not wait
	// for a cursor that is opened or moved back during an append until the next one: such a cursor may stand below Bounds
	// for a while, and reads what is held for it all the same.
	SingleWriter bool
}

// Ring holds the last values appended, in fixed memory. See the package comment. Make one with [New]; it must not be
// copied.
type Ring[T any] struct {
	// Constant.
	policy Policy
	single bool       // Options.SingleWriter
	start  int64      // the first offset: 0, but for tests
	size   int64      // the number of values that are kept at least
	mask   int64      // offset n is in slots[n&mask]
	chunks *chunks[T] // Overwrite
	gates  *gates     // Gated

	// ended is set under the tail's lock, behind every append; a reader loads it before tail, so one that sees the end
	// sees all values too. It lies with the constants, which fit in one cache line, and not where readers that park write.
	ended atomic.Bool

	_ [64]byte // readers load tail all the time, and nothing else shall lie in its line

	tail tail.Tail

	_ [64]byte

	// What writers need; guarded by the tail's lock, or the single writer's own. The slot of offset n is slots[n&mask], for
	// n < limit; beyond that the policy has to make room. Overwrite: slots is the newest chunk and limit its end. Gated: slots
	// is the whole ring (twice size for a single writer) and limit is size more than the slowest cursor's position was when
	// we last looked. Of a closed ring, and while an append has its turn, limit is the least number there is, so that one comparison
	// tells all.
	slots   []T
	limit   int64
	changed atomic.Bool // Gated with SingleWriter: limit may be too high; see gates
	scratch []T         // of AppendFunc, for slots that do not lie side by side

	_ [64]byte

	readers notify.List

	// floor is behind the values that a panic of AppendFunc's fill destroyed, on a gated ring. Stored under the tail's
	// lock.
	floor atomic.Int64

	// why is what readers get at the end. It is stored before ended, and constant from then on.
	why error
}

const maxCapacity = 1 << 28

// New returns an empty ring that keeps at least the last capacity values; [Ring.Bounds] says how many. It panics if
// capacity is less than 1 or more than 1<<28. Memory, at once or (Overwrite) as it fills: capacity rounded up to a power of two, at least 2
// (Gated; twice that with SingleWriter), or to chunks of at most 128 values, and one chunk (Overwrite).
func New[T any](capacity int, o Options) *Ring[T] { return newAt[T](capacity, o, 0) }

func newAt[T any](capacity int, o Options, start int64) *Ring[T] {
	if capacity < 1 || capacity > maxCapacity {
		panic(fmt.Sprintf("ring: capacity must be at least 1 and at most %d, got %d", maxCapacity, capacity))
	}
	r := &Ring[T]{policy: o.Policy, single: o.SingleWriter, start: start}
	switch o.Policy {
	case Overwrite:
		r.chunks = newChunks[T](capacity)
		r.size = r.chunks.size*int64(len(r.chunks.dir)) - r.chunks.size
		r.mask, r.limit = r.chunks.size-1, start
	case Gated:
		r.size = int64(1) << bits.Len(uint(max(capacity, 2)-1)) // with 1, a reader that holds a batch would hold all
		slots := r.size
		if r.single {
			slots *= 2 // see gates
		}
		r.slots = make([]T, slots)
		r.mask, r.limit = slots-1, math.MaxInt64
		r.gates = new(gates)
	default:
		panic(fmt.Sprintf("ring: policy must be Overwrite or Gated, got %v", o.Policy))
	}
	r.tail.Init(start, o.SingleWriter)
	return r
}

// Append adds v and returns its offset. Overwrite: it never waits for a reader and does not look at ctx. Gated: if the
// slowest cursor has no room, or another append has its turn (see [Ring.AppendAll]), it waits, or returns context.Cause(ctx); a nil
// ctx panics then.
//
// Cost: two atomic read-modify-writes (SingleWriter: one) and two loads, no allocation (Overwrite: none in steady state); see
// BenchmarkAppend.
func (r *Ring[T]) Append(ctx context.Context, v T) (sluice.Offset, error) {
	n, ok := r.tail.TryLock()
	if !ok || n >= r.limit || r.changed.Load() { // limit is looked at with the lock alone
		return r.appendSlow(ctx, v, n, ok)
	}
	r.slots[n&r.mask] = v
	r.tail.Unlock(n + 1)
	r.wake()
	return sluice.Offset(n), nil
}

// appendSlow is Append where others have the tail, or there may be no room. It is apart so that the usual way makes no call
// and keeps everything in registers.
func (r *Ring[T]) appendSlow(ctx context.Context, v T, n int64, locked bool) (_ sluice.Offset, err error) {
	if !locked {
		n = r.tail.Lock()
	}
	if n >= r.limit || r.changed.Load() {
		if n, err = r.makeRoom(ctx, n, 1); err != nil {
			return 0, err
		}
	}
	r.slots[n&r.mask] = v
	r.tail.Unlock(n + 1)
	r.wake()
	return sluice.Offset(n), nil
}

// AppendAll adds all values of vs at consecutive offsets and returns the first of them. On a gated ring vs must fit, and all
// of it waits until there is room for all; more values than the ring holds are an error, with nothing appended. Smaller appends may
// find room before it, until it has waited for a millisecond and for the longest of all: then it has its turn, and all others wait
// until it has its room or gives up, however small they are.
func (r *Ring[T]) AppendAll(ctx context.Context, vs []T) (sluice.Offset, error) {
	n := r.tail.Lock()
	if dst := r.slotsAt(n, len(vs)); dst != nil {
		copy(dst, vs)
		r.tail.Unlock(n + int64(len(vs)))
	} else {
		var err error
		if n, err = r.makeRoomFor(ctx, n, len(vs)); err != nil {
			return 0, err
		}
		r.tail.Unlock(r.copyIn(n, vs))
	}
	r.wake()
	return sluice.Offset(n), nil
}

// AppendFunc adds n values at consecutive offsets that fill writes in place: for large T, where passing them would copy. Read
// such values with Batches, as other loops copy each. It
// returns the first offset. fill is called once, with n slots that hold old values: it must set each of them, and must not
// keep dst, use the ring, or wait for anything: meanwhile other appends, whatever their contexts say, and Close wait, and on a
// gated ring Cursor, Seek and Stats. If fill panics, nothing was appended, but a gated ring (unless it has
// a single writer) has lost up to n of the oldest values, which every cursor had read: one that goes back for them gets a
// *[sluice.LagError]. A negative n
// panics; else the rules are those of [Ring.AppendAll].
//
// A fill that uses memory again to which old values of a gated ring refer may do so: every cursor is done with them, but for
// the body of a loop whose cursor was closed meanwhile, which may still hold one.
//
// The slots are in place where they lie side by side; where the ring turns (Overwrite: at the end of a chunk) they are
// copied there.
func (r *Ring[T]) AppendFunc(ctx context.Context, n int, fill func(dst []T)) (first sluice.Offset, err error) {
	if n < 0 {
		panic(fmt.Sprintf("ring: AppendFunc needs at least 0 values, got %d", n))
	}
	off, err := r.lockLong(ctx, n)
	if err != nil {
		return 0, err
	}
	end := off // where a panic leaves it
	defer func() {
		r.tail.UnlockLong(end)
		r.wake()
	}()
	if dst := r.sideBySide(off, n); dst != nil {
		defer func() {
			if end == off && r.policy == Gated {
				r.floor.Store(max(r.floor.Load(), off+int64(n)-int64(len(r.slots))))
			}
		}()
		fill(dst)
		end = off + int64(n)
		return sluice.Offset(off), nil
	}
	if cap(r.scratch) < n {
		r.scratch = make([]T, n)
	}
	dst := r.scratch[:n:n]
	defer clear(dst)
	fill(dst)
	end = r.copyIn(off, dst)
	return sluice.Offset(off), nil
}

// lockLong returns the end with the tail locked for long and, Gated, room for count values.
func (r *Ring[T]) lockLong(ctx context.Context, count int) (int64, error) {
	if r.single {
		return r.makeRoomFor(ctx, r.tail.LockLong(), count)
	}
	for {
		n := r.tail.LockLong()
		needsNone := r.policy == Overwrite || count == 0 // nor a turn
		if !r.ended.Load() && (needsNone || int64(count) <= r.size && r.hasRoom(n, count, nil)) {
			return n, nil
		}
		r.tail.Shorten() // nobody sleeps with it
		n, err := r.makeRoomFor(ctx, n, count)
		if err != nil {
			return 0, err
		}
		if n, ok := r.lengthen(n, count); ok {
			return n, nil
		}
	}
}

// sideBySide returns the count slots from off on if they lie side by side, else nil. The caller holds the tail's lock.
func (r *Ring[T]) sideBySide(off int64, count int) []T {
	if r.policy == Overwrite && off >= r.limit {
		r.turn(off)
	}
	i := off & r.mask
	end := i + int64(count)
	if end > int64(len(r.slots)) {
		return nil
	}
	return r.slots[i:end:end]
}

// slotsAt returns the count slots from n on if they are free and lie side by side; nil if that takes a closer look.
func (r *Ring[T]) slotsAt(n int64, count int) []T {
	i := n & r.mask
	end := i + int64(count)
	if n+int64(count) <= r.limit && int64(count) <= r.size && end <= int64(len(r.slots)) && !r.changed.Load() {
		return r.slots[i:end:end]
	}
	return nil
}

// copyIn writes vs to the slots from n on and returns the end. Overwrite: the chunks that get full are published on the
// way, before the next one takes the place of an old one; see chunks.turn.
func (r *Ring[T]) copyIn(n int64, vs []T) int64 {
	for len(vs) > 0 {
		if n >= r.limit { // Overwrite: Gated has made room for all
			r.tail.Advance(n)
			r.turn(n)
		}
		i := n & r.mask
		k := copy(r.slots[i:min(int64(len(r.slots)), i+r.limit-n)], vs)
		vs, n = vs[k:], n+int64(k)
	}
	return n
}

// wake is the writer's half of the handshake; see package notify. The tail was stored before.
func (r *Ring[T]) wake() {
	if r.readers.Waiting() {
		r.readers.Wake()
	}
}

// Bounds returns the oldest retained offset and the one that the next value will get. An atomic load or two.
func (r *Ring[T]) Bounds() (first, next sluice.Offset) {
	floor := r.floor.Load() // before the end, which it is never above, and which only grows
	n := r.tail.Next()
	return sluice.Offset(max(r.firstAt(n), floor)), sluice.Offset(n)
}

// firstLocked is firstAt with the floor. The caller holds the tail's lock.
func (r *Ring[T]) firstLocked(next int64) int64 { return max(r.firstAt(next), r.floor.Load()) }

// firstAt returns the oldest retained offset while the end is next, save for a floor. It depends on nothing else, so the two
// always fit.
func (r *Ring[T]) firstAt(next int64) int64 {
	if r.policy == Gated {
		return max(r.start, next-r.size)
	}
	// The chunk that next falls into counts, though it is not there before its first value is: its place is taken from
	// the oldest one without further notice.
	return max(r.start, next&^r.mask-r.size)
}

// Cursor returns a new cursor at p. On a gated ring it counts from now on: Append waits for it, but for one by a single writer
// that is under way; that one's values are still to come at [sluice.Newest].
func (r *Ring[T]) Cursor(p sluice.Position) *sluice.Cursor[T] {
	if r.policy == Gated {
		return sluice.NewCursor[T](newGatedReader(r, p))
	}
	return sluice.NewCursor[T](newLappedReader(r, p))
}

// Close ends the ring: appends fail, one that waits included (but see Options.SingleWriter); readers get what is retained and then the end. It always
// returns nil.
func (r *Ring[T]) Close() error { return r.CloseWithError(nil) }

// CloseWithError ends the ring with an error, as [io.PipeWriter.CloseWithError] does: readers, late ones too, get what is
// retained and then err, so that a writer that failed never looks as if it were done. A nil err, or [sluice.ErrClosed], is
// Close. On a ring that has ended already it does nothing. Appends get [sluice.ErrClosed]. It always returns nil.
//
// If err is itself a [sluice.Gap] readers get an error that wraps it: to them it is no gap of this ring, but final.
func (r *Ring[T]) CloseWithError(err error) error {
	switch _, gap := err.(sluice.Gap); {
	case err == nil:
		err = sluice.ErrClosed
	case gap:
		err = fmt.Errorf("ring: the writer failed: %w", err)
	}
	n := r.tail.Lock()
	if !r.ended.Load() {
		r.why = err
		r.ended.Store(true)
		r.limit = math.MinInt64
	}
	r.tail.Unlock(n)
	r.wake()
	if r.policy == Gated {
		r.gates.room.Wake()
	}
	return nil
}
