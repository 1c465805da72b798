package topics

import (
	"context"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

// hubLog is Sluice's hub, read by a subscription for each reader.
type hubLog struct {
	hub *topic.Hub[string, int64]
	how how
}

type how int

const (
	batches how = 1 << iota // read by Batches, else by All
	handles                 // topics are looked up once, not for each publish
)

func gated() sluice.Log[int64] {
	return ring.New[int64](capacity, ring.Options{Policy: ring.Gated})
}

// alone is gated for one writer at a time: here the goroutine that publishes, which then closes the hub, too.
func alone() sluice.Log[int64] {
	return ring.New[int64](capacity, ring.Options{Policy: ring.Gated, SingleWriter: true})
}

func everything() sluice.Log[int64] { return replay.New[int64](replay.Options{}) }

func newHub(open func() sluice.Log[int64], how how) Log {
	return hubLog{topic.New(func(string) sluice.Log[int64] { return open() }), how}
}

func (l hubLog) Publish(n int) {
	ctx := context.Background()
	if l.how&handles == 0 {
		for i := range n {
			_, err := l.hub.Publish(ctx, names[i%Count], int64(i))
			check(err)
		}
		return
	}
	var topics [Count]*topic.Topic[string, int64]
	for i, name := range names {
		t, err := l.hub.Topic(name)
		check(err)
		topics[i] = t
	}
	for i := range n {
		_, err := topics[i%Count].Append(ctx, int64(i))
		check(err)
	}
}

func (l hubLog) Close() { check(l.hub.Close()) }

func (l hubLog) Reader() func() Tally {
	cur := l.hub.Subscribe(sluice.Newest(), names[:]...)
	return func() (t Tally) {
		// A context that can be cancelled, as in a program: it is looked at, and costs a reader more to wait with.
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer cur.Close()
		if l.how&batches != 0 {
			for batch, err := range cur.Batches(ctx) {
				check(err)
				for i := range batch {
					seeNamed(&t, batch[i].Key, batch[i].Value)
				}
			}
			return t
		}
		for m, err := range cur.All(ctx) {
			check(err)
			seeNamed(&t, m.Key, m.Value)
		}
		return t
	}
}
