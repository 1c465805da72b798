package rings

import (
	"sync/atomic"

	"github.com/cskr/pubsub/v2"
	"github.com/dustin/go-broadcast"

	"github.com/sluice-go/sluice/bench/values"
)

// goBroadcast is github.com/dustin/go-broadcast: a goroutine that sends what it receives to a channel for each reader, as
// an interface value.
type goBroadcast[T values.Value] struct {
	b        broadcast.Broadcaster
	capacity int
	open     atomic.Int32 // readers
}

func newGoBroadcast[T values.Value](capacity int) Log {
	return &goBroadcast[T]{b: broadcast.NewBroadcaster(capacity), capacity: capacity}
}

func (l *goBroadcast[T]) Append(from, n int) {
	for i := range n {
		l.b.Submit(numbered[T](from + i))
	}
}

// Close sends a last value, because the module does not tell readers of the end.
func (l *goBroadcast[T]) Close() { l.b.Submit(nil) }

func (l *goBroadcast[T]) Reader() func() Tally {
	ch := make(chan any, l.capacity)
	l.b.Register(ch)
	l.open.Add(1)
	return func() (t Tally) {
		defer l.end()
		for v := range ch {
			if v == nil {
				break
			}
			see(&t, v.(T))
		}
		return t
	}
}

// end stops the module's goroutine when the last reader has everything: its own end may overtake values.
func (l *goBroadcast[T]) end() {
	if l.open.Add(-1) == 0 {
		l.b.Close()
	}
}

// pubSub is github.com/cskr/pubsub: the same with topics, of which there is one here, and types.
type pubSub[T values.Value] struct{ ps *pubsub.PubSub[string, T] }

const topic = "values"

func newPubSub[T values.Value](capacity int) Log { return pubSub[T]{pubsub.New[string, T](capacity)} }

func (l pubSub[T]) Append(from, n int) {
	for i := range n {
		l.ps.Pub(numbered[T](from+i), topic)
	}
}

func (l pubSub[T]) Close() { l.ps.Shutdown() }

func (l pubSub[T]) Reader() func() Tally {
	ch := l.ps.Sub(topic)
	return func() (t Tally) {
		for v := range ch {
			see(&t, v)
		}
		return t
	}
}
