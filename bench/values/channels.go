package values

import "sync"

// channelSize is the capacity of each reader's channel. More brings little: 1024 in place of 64 is 10 to 20 % faster.
const channelSize = 64

// channelLog has a buffered channel for each reader, and the writer sends to all of them: the usual broadcaster. It
// keeps nothing, so it can't replay, and the slowest reader stops everybody.
type channelLog[T Value] struct {
	mu      sync.Mutex
	readers []chan T
}

func newChannelLog[T Value]() Log { return new(channelLog[T]) }

func (l *channelLog[T]) Append(from, n int) {
	for i := range n {
		l.append(numbered[T](from + i))
	}
}

// append sends with the lock held: writers that overtake each other would give every reader another order.
func (l *channelLog[T]) append(v T) {
	l.mu.Lock()
	for _, ch := range l.readers {
		ch <- v
	}
	l.mu.Unlock()
}

func (l *channelLog[T]) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ch := range l.readers {
		close(ch)
	}
}

func (l *channelLog[T]) Reader() func() Tally {
	ch := make(chan T, channelSize)
	l.mu.Lock()
	l.readers = append(l.readers, ch)
	l.mu.Unlock()
	return func() (t Tally) {
		for v := range ch {
			see(&t, v)
		}
		return t
	}
}
