package rings

import (
	"math"
	"runtime"
	"sync/atomic"

	"github.com/sluice-go/sluice/bench/values"
)

// disruptorLog works as the LMAX Disruptor does with one writer: the writer claims slots that all readers are done with,
// writes them and publishes them with one store; it remembers the slowest reader that it saw. A reader reads all that is
// published and then publishes how far it is. Whoever has to wait calls runtime.Gosched in a loop.
type disruptorLog[T values.Value] struct {
	slots []T // value n is in slots[n&mask]
	mask  int64
	batch int

	_ [64]byte // readers look at slots and mask for each batch

	// The writer's.
	next    int64
	limit   int64 // it may write below
	readers []*sequence

	_         [64]byte
	published sequence
	closed    atomic.Bool
}

// A sequence fills its cache line.
type sequence struct {
	atomic.Int64
	_ [56]byte
}

func newDisruptor[T values.Value](batch int) func(capacity int) Log {
	return func(capacity int) Log {
		if capacity&(capacity-1) != 0 {
			panic("rings: the capacity must be a power of two")
		}
		return &disruptorLog[T]{slots: make([]T, capacity), mask: int64(capacity - 1), batch: min(batch, capacity)}
	}
}

func (l *disruptorLog[T]) Append(from, n int) {
	for end := from + n; from < end; {
		k := min(l.batch, end-from)
		if l.next+int64(k) > l.limit {
			l.claim(int64(k))
		}
		for i := range k {
			l.slots[(l.next+int64(i))&l.mask] = numbered[T](from + i)
		}
		l.next += int64(k)
		l.published.Store(l.next)
		from += k
	}
}

// claim returns when k slots are free.
func (l *disruptorLog[T]) claim(k int64) {
	for {
		slowest := int64(math.MaxInt64) - l.mask - 1
		for _, r := range l.readers {
			slowest = min(slowest, r.Load())
		}
		if l.limit = slowest + l.mask + 1; l.next+k <= l.limit {
			return
		}
		runtime.Gosched()
	}
}

func (l *disruptorLog[T]) Close() { l.closed.Store(true) }

func (l *disruptorLog[T]) Reader() func() Tally {
	position := new(sequence)
	l.readers = append(l.readers, position)
	return func() (t Tally) {
		for {
			closed := l.closed.Load()
			published := l.published.Load()
			if t.next == published {
				if closed {
					return t
				}
				runtime.Gosched()
				continue
			}
			seeUpTo(&t, l.slots, l.mask, published)
			position.Store(published)
		}
	}
}
