package values

import "sync"

// rwMutexLog takes a read lock for each value: the slice again, behind a method that returns the next value.
type rwMutexLog[T Value] struct {
	mu     sync.RWMutex
	more   *sync.Cond // there are more values, or the end
	values []T
	closed bool
}

func newRWMutexLog[T Value]() Log {
	l := new(rwMutexLog[T])
	l.more = sync.NewCond(l.mu.RLocker())
	return l
}

func (l *rwMutexLog[T]) Append(from, n int) {
	for i := range n {
		l.append(numbered[T](from + i))
	}
}

func (l *rwMutexLog[T]) append(v T) {
	l.mu.Lock()
	l.values = append(l.values, v)
	l.mu.Unlock()
	l.more.Broadcast()
}

func (l *rwMutexLog[T]) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.more.Broadcast()
}

func (l *rwMutexLog[T]) Reader() func() Tally {
	return func() (t Tally) {
		for next := 0; ; next++ {
			v, ok := l.at(next)
			if !ok {
				return t
			}
			see(&t, v)
		}
	}
}

// at returns the value numbered next, waiting for it; ok is false at the end.
func (l *rwMutexLog[T]) at(next int) (v T, ok bool) {
	l.mu.RLock()
	for next == len(l.values) && !l.closed {
		l.more.Wait()
	}
	if next < len(l.values) {
		v, ok = l.values[next], true
	}
	l.mu.RUnlock()
	return v, ok
}
