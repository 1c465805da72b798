package values

import (
	"context"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// ourLog is a store of Sluice, read by cursors: value by value with All, or whole batches.
type ourLog[T Value] struct {
	log     *replay.Replay[T]
	batches bool
}

func newReplay[T Value]() Log {
	return ourLog[T]{log: replay.New[T](replay.Options{})}
}

func newReplayBatches[T Value]() Log {
	return ourLog[T]{log: replay.New[T](replay.Options{}), batches: true}
}

func (l ourLog[T]) Append(from, n int) {
	ctx := context.Background()
	for i := range n {
		if _, err := l.log.Append(ctx, numbered[T](from+i)); err != nil {
			panic(err) // the log is open: a broken benchmark
		}
	}
}

func (l ourLog[T]) Close() { l.log.Close() }

func (l ourLog[T]) Reader() func() Tally {
	cur := l.log.Cursor(sluice.Oldest())
	return func() (t Tally) {
		// A context that can be cancelled, as in a program: it is looked at, and costs a reader more to wait with.
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer cur.Close()
		if l.batches {
			for batch, err := range cur.Batches(ctx) {
				if err != nil {
					panic(err)
				}
				seeAll(&t, batch)
			}
			return t
		}
		for v, err := range cur.All(ctx) {
			if err != nil {
				panic(err)
			}
			see(&t, v)
		}
		return t
	}
}
