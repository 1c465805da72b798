package replay

import (
	"fmt"
	"reflect"
	"time"

	"github.com/sluice-go/sluice"
)

// Options says what a log keeps. The zero Options keeps everything. Limits can be combined: a value goes when it is
// beyond any of them. The newest value is always kept, save from MaxAge and [Replay.Trim].
type Options struct {
	// MaxValues is how many values are kept. 0: no limit. Negative: New panics.
	MaxValues int64

	// MaxBytes is how many bytes of values are kept, as SizeOf measures them. 0: no limit. Negative: New panics.
	MaxBytes int64

	// MaxAge is how long a value is kept after it was appended. It is dropped then, by a timer, whether or not anything
	// else happens, never earlier, and later by at most MaxAge/64. 0: no limit. Negative: New panics.
	MaxAge time.Duration

	// SizeOf is a func(T) int64 that returns the size of a value in bytes, for MaxBytes. Strings and []byte may leave
	// it nil: then their length counts. It is called when a value is appended and again when it is dropped, then
	// with a lock held: it must return the same both times, and not use the log. Without MaxBytes it has no use. New
	// panics if it is another type.
	SizeOf any
}

// retention is what a log drops and when, and the books it keeps for that. Everything but the constants is guarded by
// Replay.tail.
type retention[T any] struct {
	limited   bool // there is any limit; constant, as are the next four
	maxValues int64
	maxBytes  int64
	maxAge    time.Duration
	size      func(T) int64 // nil without maxBytes

	bytes int64 // of all retained values

	ages ages // for maxAge

	// openBytes is the size of the last chunk's values, since it was opened or cut. Dropped values are freed with their
	// chunk, so one that holds much gets no more. It is never too small.
	openBytes int64
}

// keptChunks is into how many chunks, at least, a limit by bytes or age divides a log: memory comes back by whole ones.
const keptChunks = 8

func newRetention[T any](o Options) retention[T] {
	switch {
	case o.MaxValues < 0:
		panic(fmt.Sprintf("replay: MaxValues must be at least 0, got %d", o.MaxValues))
	case o.MaxBytes < 0:
		panic(fmt.Sprintf("replay: MaxBytes must be at least 0, got %d", o.MaxBytes))
	case o.MaxAge < 0:
		panic(fmt.Sprintf("replay: MaxAge must be at least 0, got %v", o.MaxAge))
	}
	k := retention[T]{
		limited:   o.MaxValues > 0 || o.MaxBytes > 0 || o.MaxAge > 0,
		maxValues: o.MaxValues,
		maxBytes:  o.MaxBytes,
		maxAge:    o.MaxAge,
		ages:      ages{start: time.Now()},
	}
	if size := sizeFunc[T](o); o.MaxBytes > 0 {
		k.size = size
	}
	return k
}

// sizeFunc returns what measures a T, and panics if that is missing or of the wrong type.
func sizeFunc[T any](o Options) func(T) int64 {
	if size, ok := o.SizeOf.(func(T) int64); ok && size != nil {
		return size
	}
	if o.SizeOf != nil {
		panic(fmt.Sprintf("replay: SizeOf must be a %v, got %T", reflect.TypeFor[func(T) int64](), o.SizeOf))
	}
	var length any
	switch any(*new(T)).(type) {
	case string:
		length = func(s string) int64 { return int64(len(s)) }
	case []byte:
		length = func(b []byte) int64 { return int64(len(b)) }
	default:
		if o.MaxBytes > 0 {
			panic(fmt.Sprintf("replay: MaxBytes needs SizeOf, a %v", reflect.TypeFor[func(T) int64]()))
		}
		return nil
	}
	return length.(func(T) int64)
}

// sizeOf measures a value, with maxBytes. Writers call it before they take the lock; for values to be dropped it is called
// with the lock held.
func (k *retention[T]) sizeOf(v T) int64 {
	size := k.size(v)
	if size < 0 {
		panic(fmt.Sprintf("replay: SizeOf must return at least 0, got %d for %v", size, v))
	}
	return min(size, k.maxBytes+1) // already too much; the sum of a few can't overflow
}

// sizeOfAll measures values to be appended at once, and says behind which of them a chunk has to end, so that none holds
// too much.
func (k *retention[T]) sizeOfAll(vs []T) (size int64, cuts []int) {
	if k.size == nil {
		return 0, nil
	}
	piece := int64(0)
	for i := range vs {
		one := k.sizeOf(vs[i])
		size += one
		if piece += one; piece > k.maxBytes/keptChunks {
			cuts, piece = append(cuts, i+1), 0
		}
	}
	return size, cuts
}

// retainLocked books the values up to end, which were just appended and have that size, and drops what is too old or
// too much.
func (r *Replay[T]) retainLocked(end sluice.Offset, size int64) {
	k := &r.keep
	first := sluice.Offset(r.first.Load())
	keep := first
	if k.maxValues > 0 {
		keep = max(keep, end-sluice.Offset(k.maxValues))
	}
	if k.maxAge > 0 {
		keep = max(keep, r.ageLocked(end))
	}
	k.bytes += size
	if k.openBytes += size; k.openBytes > k.maxBytes/keptChunks {
		r.limit = min(r.limit, int64(end))
	}
	if k.bytes > k.maxBytes || keep > first { // without maxBytes both are 0
		r.dropLocked(end, keep, end-1)
	}
}

// Trim drops all values below before, now. A negative before, or one that is not retained any more, does nothing; one
// beyond the end drops everything, and says nothing of values that are still to come.
func (r *Replay[T]) Trim(before sluice.Offset) {
	if r.trim(before) {
		r.wake()
	}
}

// trim reports whether readers that wait must be woken. It unlocks even if SizeOf panics.
func (r *Replay[T]) trim(before sluice.Offset) (emptied bool) {
	n := r.tail.LockLong()
	defer r.tail.UnlockLong(n)
	return r.dropLocked(sluice.Offset(n), before, 0)
}

// dropLocked drops the values below keep and, while those that remain are more than maxBytes, the oldest below last. end
// is the end of the log. It reports whether readers that wait must be woken; see cutLocked.
func (r *Replay[T]) dropLocked(end, keep, last sluice.Offset) (emptied bool) {
	k := &r.keep
	was := sluice.Offset(r.first.Load())
	keep = max(was, min(keep, end))
	if k.maxBytes > 0 {
		keep = r.unbookLocked(was, keep, last)
	}
	if keep == was {
		return false
	}
	r.first.Store(int64(keep))
	return r.cutLocked(keep, end)
}

// unbookLocked takes the bytes of the values from first to keep off the books, and of more, below last, while there are too
// many. It returns where it stopped. It stores first as it goes: if SizeOf panics the books are right.
func (r *Replay[T]) unbookLocked(first, keep, last sluice.Offset) sluice.Offset {
	k := &r.keep
	c := r.chunks.head.Load()
	for first < keep || k.bytes > k.maxBytes && first < last {
		for next := c.next.Load(); next != nil && next.base <= first; next = c.next.Load() {
			c = next
		}
		k.bytes -= k.sizeOf(c.slots[first-c.base])
		first++
		r.first.Store(int64(first))
	}
	return first
}

// cutLocked lets go of the chunks that hold nothing from first on. If that is all of the log, an empty one takes the last
// one's place, so that the values are freed, and it returns true: readers that wait in the old one have to be woken to let
// go of it too.
func (r *Replay[T]) cutLocked(first, end sluice.Offset) (emptied bool) {
	if emptied = first == end && r.chunks.last.Load().base < end; emptied {
		r.linkLocked(end, size0)
	}
	r.chunks.trimLocked(first)
	return emptied
}
