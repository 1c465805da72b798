package ring

import (
	"math/bits"
	"reflect"
	"runtime"
	"sync/atomic"

	"github.com/sluice-go/sluice"
)

// chunks is the store of a ring that overwrites. The value with offset n lies in the chunk dir[n/size%len(dir)], if that
// chunk's base is n/size*size.
//
// A writer never writes to a slot below the published end, and a reader never reads one at or above it, so within a chunk
// they don't meet. They could only meet where a chunk is used again for newer values, and pins prevents that:
//
//   - pins counts the readers inside, or is evicted. A reader enters by a compare-and-swap from n >= 0 to n+1, and the
//     writer takes the chunk by one from 0 to evicted: so it is never taken with a reader inside, nor entered when
//     taken. A chunk that can't be taken is replaced by a new one and belongs to its readers, then to the collector.
//   - base changes only while pins is evicted, and is read only by readers inside. So a reader that finds the base it
//     wants once it is inside has the right values, until it leaves.
//   - The writer takes the chunk of offset n-len(dir)*size only after it has published next = n, and from then on
//     firstAt is beyond that chunk. So a reader that finds a chunk evicted, or another base, also finds that it lags.
type chunks[T any] struct {
	size     int64                      // of a chunk, a power of two
	dir      []atomic.Pointer[chunk[T]] // stored by writers, under the tail's lock
	pointers bool                       // a T may hold pointers, so old values are cleared when a chunk is used again
}

type chunk[T any] struct {
	pins  atomic.Int32
	base  int64
	slots []T
}

const (
	maxChunk = 128
	evicted  = -1
)

func newChunks[T any](capacity int) *chunks[T] {
	size := min(maxChunk, int64(1)<<bits.Len(uint(capacity-1)))
	full := (int64(capacity) + size - 1) / size // chunks that hold capacity values, beside the one being filled
	return &chunks[T]{size: size, dir: make([]atomic.Pointer[chunk[T]], full+1), pointers: hasPointers(reflect.TypeFor[T]())}
}

// hasPointers reports whether values of type t may refer to others.
func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}

// place returns where the chunk of offset n is found.
func (c *chunks[T]) place(n int64) *atomic.Pointer[chunk[T]] {
	return &c.dir[n/c.size%int64(len(c.dir))]
}

// turn begins the chunk at offset n, which must be published as the end already. The caller holds the tail's lock.
func (r *Ring[T]) turn(n int64) {
	place := r.chunks.place(n)
	c := place.Load()
	if c == nil || !c.pins.CompareAndSwap(0, evicted) {
		c = &chunk[T]{slots: make([]T, r.chunks.size)}
		c.base = n
		place.Store(c)
	} else {
		if r.chunks.pointers {
			clear(c.slots)
		}
		c.base = n
		c.pins.Store(0)
	}
	r.slots, r.limit = c.slots, n+r.chunks.size
}

// enter reports whether the reader that calls is now inside c.
func (c *chunk[T]) enter() bool {
	for {
		n := c.pins.Load()
		if n == evicted {
			return false
		}
		if c.pins.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *chunk[T]) leave() { c.pins.Add(-1) }

// A lappedReader is a cursor's place in a ring that overwrites. It is inside the chunk that its last batch is from.
type lappedReader[T any] struct {
	waiting[T]
	in *chunk[T]

	// few says that the last batch was small, and all there was: its reader keeps up. So before the next one it lets others run,
	// outside of its chunk. Else it would come for each value or two, and take the tail's cache line from the writers each
	// time; and where readers share a processor, others would be lapped meanwhile.
	few bool
}

func newLappedReader[T any](r *Ring[T], p sluice.Position) *lappedReader[T] {
	l := &lappedReader[T]{waiting: waiting[T]{ring: r}}
	l.open(l.Seek(p))
	return l
}

func (l *lappedReader[T]) Seek(p sluice.Position) error {
	if l.closed.Load() {
		return sluice.ErrClosed
	}
	off, err := p.Resolve(l.Bounds())
	if err == nil {
		l.off, l.bad = int64(off), nil
	}
	return err
}

func (l *lappedReader[T]) Poll() ([]T, error) {
	if err := l.failed(); err != nil {
		return nil, err
	}
	if l.few {
		l.few = false
		l.leave()
		runtime.Gosched()
	}
	r, ended := l.ring, l.ring.ended.Load()
	for {
		next := r.tail.Next()
		if l.off >= next {
			l.leave() // a reader that waits holds nothing; not in Wait, where Close may come
			return nil, r.endIf(ended)
		}
		if first := r.firstAt(next); l.off < first {
			lag := &sluice.LagError{From: sluice.Offset(l.off), To: sluice.Offset(first)}
			l.off = first
			return nil, lag
		}
		if !l.enter() {
			continue // it was taken from us, so now we lag
		}
		i, end := l.off-l.in.base, min(next-l.in.base, r.chunks.size)
		l.off = l.in.base + end
		l.few = end-i < enough && l.off == next
		return l.in.slots[i:end:end], nil
	}
}

// enter reports whether the reader is now inside the chunk that holds its offset.
func (l *lappedReader[T]) enter() bool {
	base := l.off &^ l.ring.mask
	if l.in != nil && l.in.base == base {
		return true
	}
	l.leave()
	c := l.ring.chunks.place(l.off).Load()
	if !c.enter() {
		return false
	}
	if c.base != base {
		c.leave()
		return false
	}
	l.in = c
	return true
}

func (l *lappedReader[T]) leave() {
	if l.in != nil {
		l.in.leave()
		l.in = nil
	}
}

func (l *lappedReader[T]) Close() error {
	if l.close() {
		l.leave()
	}
	return nil
}
