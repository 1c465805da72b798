package values

import "sync"

// mutexLog is what most programs write: a slice, a mutex and a condition. Its readers take the lock once for all that
// is there, and range over that span without it: an appended value never changes, even when the slice grows. On a
// finished log that is a loop over one slice, the lower bound of all reading.
type mutexLog[T Value] struct {
	mu     sync.Mutex
	more   sync.Cond // there are more values, or the end
	values []T
	closed bool
}

func newMutexLog[T Value]() Log {
	l := new(mutexLog[T])
	l.more.L = &l.mu
	return l
}

func (l *mutexLog[T]) Append(from, n int) {
	for i := range n {
		l.append(numbered[T](from + i))
	}
}

func (l *mutexLog[T]) append(v T) {
	l.mu.Lock()
	l.values = append(l.values, v)
	l.mu.Unlock()
	l.more.Broadcast()
}

func (l *mutexLog[T]) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.more.Broadcast()
}

func (l *mutexLog[T]) Reader() func() Tally {
	return func() (t Tally) {
		for next := 0; ; {
			span := l.from(next)
			if len(span) == 0 {
				return t
			}
			seeAll(&t, span)
			next += len(span)
		}
	}
}

// from returns the values from next on, waiting for the first; none at the end.
func (l *mutexLog[T]) from(next int) []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	for next == len(l.values) && !l.closed {
		l.more.Wait()
	}
	return l.values[next:]
}
