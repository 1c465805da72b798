package rings

import "github.com/sluice-go/sluice/bench/values"

// channelLog has a channel of the ring's capacity for each reader, and each value is sent to all of them. It has no lock,
// so with several writers readers may differ in the order of values.
type channelLog[T values.Value] struct {
	capacity int
	readers  []chan T
}

func newChannels[T values.Value](capacity int) Log { return &channelLog[T]{capacity: capacity} }

func (l *channelLog[T]) Append(from, n int) {
	for i := range n {
		v := numbered[T](from + i)
		for _, ch := range l.readers {
			ch <- v
		}
	}
}

func (l *channelLog[T]) Close() {
	for _, ch := range l.readers {
		close(ch)
	}
}

func (l *channelLog[T]) Reader() func() Tally {
	ch := make(chan T, l.capacity)
	l.readers = append(l.readers, ch)
	return func() (t Tally) {
		for v := range ch {
			see(&t, v)
		}
		return t
	}
}
