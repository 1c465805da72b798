package rings

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice/bench/values"
)

// slotLog is a ring of pointers to immutable entries, one allocated for each value, that overwrites. The writer stores the
// entry and then the end; a reader that finds another entry than its own was lapped. A reader that has everything yields
// until there is more.
type slotLog[T values.Value] struct {
	slots  []atomic.Pointer[entry[T]]
	shared bool // writers take a lock
	mu     sync.Mutex
	next   int64 // the writer's own copy of end; guarded by mu if shared

	_      [64]byte
	end    atomic.Int64
	closed atomic.Bool
}

type entry[T values.Value] struct {
	number int64
	value  T
}

func newSlots[T values.Value](shared bool) func(capacity int) Log {
	return func(capacity int) Log {
		return &slotLog[T]{slots: make([]atomic.Pointer[entry[T]], capacity), shared: shared}
	}
}

func (l *slotLog[T]) Append(from, n int) {
	for i := range n {
		if l.shared {
			l.mu.Lock()
		}
		l.append(numbered[T](from + i))
		if l.shared {
			l.mu.Unlock()
		}
	}
}

func (l *slotLog[T]) append(v T) {
	l.slots[l.next%int64(len(l.slots))].Store(&entry[T]{l.next, v})
	l.next++
	l.end.Store(l.next)
}

func (l *slotLog[T]) Close() { l.closed.Store(true) }

func (l *slotLog[T]) Reader() func() Tally {
	return func() (t Tally) {
		for {
			closed := l.closed.Load()
			end := l.end.Load()
			if t.next == end {
				if closed {
					return t
				}
				runtime.Gosched()
				continue
			}
			l.read(&t, end)
		}
	}
}

// read reads up to end, or until it finds that it was lapped, and then misses what is gone.
func (l *slotLog[T]) read(t *Tally, end int64) {
	size := int64(len(l.slots))
	for t.next < end {
		e := l.slots[t.next%size].Load()
		if e.number != t.next {
			t.miss(max(l.end.Load(), e.number+1) - size - t.next)
			return
		}
		see(t, e.value)
	}
}
