package values

import (
	"sync"
	"sync/atomic"
)

// linkedLog is a list whose items each have a channel that is closed when the next item is there: the way of Consul's
// event buffer. Readers take no lock, and one close wakes all that wait.
type linkedLog[T Value] struct {
	mu    sync.Mutex
	tail  *item[T] // guarded by mu
	first *item[T] // a sentinel: the first value is in the next; constant
}

// An item is the place of a value, and the link to the next.
type item[T Value] struct {
	value T
	next  atomic.Pointer[item[T]]
	ready chan struct{} // closed when next is set, or at the end with next nil
}

func newLinkedLog[T Value]() Log {
	first := &item[T]{ready: make(chan struct{})}
	return &linkedLog[T]{tail: first, first: first}
}

func (l *linkedLog[T]) Append(from, n int) {
	for i := range n {
		l.append(numbered[T](from + i))
	}
}

func (l *linkedLog[T]) append(v T) {
	it := &item[T]{value: v, ready: make(chan struct{})}
	l.mu.Lock()
	last := l.tail
	last.next.Store(it)
	l.tail = it
	l.mu.Unlock()
	close(last.ready)
}

func (l *linkedLog[T]) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.tail.ready)
}

func (l *linkedLog[T]) Reader() func() Tally {
	return func() (t Tally) {
		for it := l.first; ; {
			next := it.next.Load() // most often there, which spares the channel
			if next == nil {
				<-it.ready
				if next = it.next.Load(); next == nil {
					return t
				}
			}
			see(&t, next.value)
			it = next
		}
	}
}
