package topics

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/cskr/pubsub/v2"
	"github.com/dustin/go-broadcast"
)

// pubSub is github.com/cskr/pubsub: a goroutine that sends what it receives to the channels of a topic.
type pubSub struct{ ps *pubsub.PubSub[string, int64] }

func newPubSub() Log { return pubSub{pubsub.New[string, int64](capacity)} }

func (l pubSub) Publish(n int) {
	for i := range n {
		l.ps.Pub(int64(i), names[i%Count])
	}
}

func (l pubSub) Close() { l.ps.Shutdown() }

func (l pubSub) Reader() func() Tally {
	ch := l.ps.Sub(names[:]...)
	return func() (t Tally) {
		for v := range ch {
			see(&t, v)
		}
		return t
	}
}

// broadcasts is github.com/dustin/go-broadcast, which knows no topics: one broadcaster for each, found by its name. A reader
// registers one channel with all of them.
type broadcasts struct {
	mu   sync.RWMutex
	of   map[string]broadcast.Broadcaster
	open atomic.Int32 // readers
}

func newBroadcast() Log {
	l := &broadcasts{of: map[string]broadcast.Broadcaster{}}
	for _, topic := range names {
		l.of[topic] = broadcast.NewBroadcaster(capacity)
	}
	return l
}

func (l *broadcasts) Publish(n int) {
	for i := range n {
		l.mu.RLock()
		b := l.of[names[i%Count]]
		l.mu.RUnlock()
		b.Submit(int64(i))
	}
}

// Close sends a last value to each topic, because the module does not tell readers of the end.
func (l *broadcasts) Close() {
	for _, b := range l.of {
		b.Submit(nil)
	}
}

func (l *broadcasts) Reader() func() Tally {
	ch := make(chan any, capacity)
	for _, b := range l.of {
		b.Register(ch)
	}
	l.open.Add(1)
	return func() (t Tally) {
		ends := 0
		for v := range ch {
			if v != nil {
				see(&t, v.(int64))
			} else if ends++; ends == Count {
				break
			}
		}
		if l.open.Add(-1) == 0 { // its own end may overtake values
			for _, b := range l.of {
				b.Close()
			}
		}
		return t
	}
}

// waterMill is the in-process broker of github.com/ThreeDotsLabs/watermill. Publish waits for the readers' acknowledgements:
// otherwise it starts a goroutine for each message, and they overtake each other.
type waterMill struct{ ps *gochannel.GoChannel }

func newWatermill() Log {
	return waterMill{gochannel.NewGoChannel(gochannel.Config{
		OutputChannelBuffer:            capacity,
		BlockPublishUntilSubscriberAck: true,
	}, watermill.NopLogger{})}
}

func (l waterMill) Publish(n int) {
	for i := range n {
		payload := binary.LittleEndian.AppendUint64(nil, uint64(i))
		if err := l.ps.Publish(names[i%Count], message.NewMessage("", payload)); err != nil {
			panic(err) // it is open: a broken benchmark
		}
	}
}

func (l waterMill) Close() {
	if err := l.ps.Close(); err != nil {
		panic(err)
	}
}

func (l waterMill) Reader() func() Tally {
	var topics [Count]<-chan *message.Message
	for i, topic := range names {
		ch, err := l.ps.Subscribe(context.Background(), topic)
		if err != nil {
			panic(err)
		}
		topics[i] = ch
	}
	return func() (t Tally) {
		for open := Count; open > 0; {
			var m *message.Message
			var i int
			select {
			case m = <-topics[0]:
				i = 0
			case m = <-topics[1]:
				i = 1
			case m = <-topics[2]:
				i = 2
			case m = <-topics[3]:
				i = 3
			}
			if m == nil {
				topics[i] = nil
				open--
				continue
			}
			see(&t, int64(binary.LittleEndian.Uint64(m.Payload)))
			m.Ack()
		}
		return t
	}
}
