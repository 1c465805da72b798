package rings

import (
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice/bench/values"
)

// tokioLog works as tokio::sync::broadcast does: a lock for the tail, which writers take, and one for each slot, which its
// readers share. A reader that finds another value than its own takes the tail's lock too, to tell whether it is at the end or
// was lapped. The last reader of a value clears it.
type tokioLog[T values.Value] struct {
	slots []tokioSlot[T]

	// lock order: mu, then a slot's
	mu      sync.Mutex
	next    int64
	readers int32
	waiting []chan struct{}
	closed  bool
}

type tokioSlot[T values.Value] struct {
	mu     sync.RWMutex
	number int64
	unread atomic.Int32
	value  T
}

func newTokio[T values.Value](capacity int) Log {
	l := &tokioLog[T]{slots: make([]tokioSlot[T], capacity)}
	for i := range l.slots {
		l.slots[i].number = int64(i - capacity)
	}
	return l
}

func (l *tokioLog[T]) Append(from, n int) {
	for i := range n {
		l.append(numbered[T](from + i))
	}
}

func (l *tokioLog[T]) append(v T) {
	l.mu.Lock()
	s := &l.slots[l.next%int64(len(l.slots))]
	s.mu.Lock()
	s.number, s.value = l.next, v
	s.unread.Store(l.readers)
	s.mu.Unlock()
	l.next++
	l.wakeLocked()
	l.mu.Unlock()
}

func (l *tokioLog[T]) wakeLocked() {
	for _, ch := range l.waiting {
		ch <- struct{}{} // has room: a reader waits once
	}
	l.waiting = l.waiting[:0]
}

func (l *tokioLog[T]) Close() {
	l.mu.Lock()
	l.closed = true
	l.wakeLocked()
	l.mu.Unlock()
}

func (l *tokioLog[T]) Reader() func() Tally {
	l.readers++
	return func() (t Tally) {
		wake := make(chan struct{}, 1)
		for {
			s := &l.slots[t.next%int64(len(l.slots))]
			s.mu.RLock()
			if s.number != t.next {
				s.mu.RUnlock()
				if !l.await(&t, wake) {
					return t
				}
				continue
			}
			see(&t, s.value)
			if s.unread.Add(-1) == 0 {
				var none T
				s.value = none
			}
			s.mu.RUnlock()
		}
	}
}

// await counts what was missed, or waits for the next value. It reports false at the end.
func (l *tokioLog[T]) await(t *Tally, wake chan struct{}) bool {
	l.mu.Lock()
	switch size := int64(len(l.slots)); {
	case t.next < l.next-size:
		t.miss(l.next - size - t.next)
	case t.next < l.next: // it came meanwhile
	case l.closed:
		l.mu.Unlock()
		return false
	default:
		l.waiting = append(l.waiting, wake)
		l.mu.Unlock()
		<-wake
		return true
	}
	l.mu.Unlock()
	return true
}
