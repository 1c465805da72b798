package rings

import (
	"math"
	"sync"

	"github.com/sluice-go/sluice/bench/values"
)

// condLog is a ring under a mutex, with a condition for readers and one for writers. A reader takes the lock once for all
// that is there and reads it without: no writer comes by until the reader says, with the next lock, that it is done.
type condLog[T values.Value] struct {
	slots []T // value n is in slots[n%len(slots)]
	batch int

	mu      sync.Mutex
	more    sync.Cond
	room    sync.Cond
	next    int64    // of the value to append
	least   int64    // of all readers' positions when it was looked at last
	readers []*int64 // everything below was read
	blocked int
	closed  bool
}

func newCond[T values.Value](batch int) func(capacity int) Log {
	return func(capacity int) Log {
		l := &condLog[T]{slots: make([]T, capacity), batch: batch}
		l.more.L, l.room.L = &l.mu, &l.mu
		return l
	}
}

func (l *condLog[T]) Append(from, n int) {
	for end := from + n; from < end; {
		k := min(l.batch, end-from)
		l.append(from, k)
		from += k
	}
}

func (l *condLog[T]) append(from, n int) {
	size := int64(len(l.slots))
	l.mu.Lock()
	for l.next+int64(n) > l.least+size {
		if l.look(); l.next+int64(n) > l.least+size {
			l.blocked++
			l.room.Wait()
			l.blocked--
		}
	}
	for i := range n {
		l.slots[(l.next+int64(i))%size] = numbered[T](from + i)
	}
	l.next += int64(n)
	l.mu.Unlock()
	l.more.Broadcast()
}

// look brings least up to date. The caller holds mu.
func (l *condLog[T]) look() {
	l.least = math.MaxInt64 - int64(len(l.slots))
	for _, position := range l.readers {
		l.least = min(l.least, *position)
	}
}

func (l *condLog[T]) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.more.Broadcast()
}

func (l *condLog[T]) Reader() func() Tally {
	position := new(int64)
	l.readers = append(l.readers, position)
	return func() (t Tally) {
		size := int64(len(l.slots))
		for {
			from := t.next
			next := l.from(position, from)
			if next == from {
				return t
			}
			i, end := from%size, min(size, from%size+next-from)
			seeAll(&t, l.slots[i:end])
			seeAll(&t, l.slots[:next-t.next])
		}
	}
}

// from says that the values below position n were read, and returns the end of those that are there now; n at the end.
func (l *condLog[T]) from(position *int64, n int64) (next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*position = n
	if l.blocked > 0 {
		l.room.Broadcast()
	}
	for n == l.next && !l.closed {
		l.more.Wait()
	}
	return l.next
}
