package rings

import "github.com/sluice-go/sluice/bench/values"

// boundLog is what one goroutine can do without handing anything over: it writes a batch and then reads it once for each
// reader. No order, no lock, no wait; a bound for one processor.
type boundLog[T values.Value] struct {
	batch  []T
	seen   []*Tally
	closed chan struct{}
}

func newBound[T values.Value](int) Log {
	return &boundLog[T]{batch: make([]T, 256), closed: make(chan struct{})}
}

func (l *boundLog[T]) Append(from, n int) {
	for end := from + n; from < end; from += len(l.batch) {
		batch := l.batch[:min(len(l.batch), end-from)]
		for i := range batch {
			batch[i] = numbered[T](from + i)
		}
		for _, t := range l.seen {
			seeAll(t, batch)
		}
	}
}

func (l *boundLog[T]) Close() { close(l.closed) }

func (l *boundLog[T]) Reader() func() Tally {
	t := new(Tally)
	l.seen = append(l.seen, t)
	return func() Tally {
		<-l.closed
		return *t
	}
}
