package helpers

import (
	"context"
	"time"

	"github.com/sluice-go/sluice/chanx"
)

// channelSize is the capacity of the channels: a run fills one and empties it, again and again, so nothing ever blocks.
const channelSize = 1024

// Names of rows that goals speak of.
const (
	Bare  = "bare"
	Chanx = "chanx"
)

// A sender puts the values 0 to cap(ch)-1 into an empty channel.
type sender struct {
	Name string
	Fill func(ctx context.Context, ch chan int)
}

func senders() []sender {
	return []sender{
		{Bare, func(_ context.Context, ch chan int) {
			for v := range cap(ch) {
				ch <- v
			}
		}},
		{"select with ctx", func(ctx context.Context, ch chan int) {
			for v := range cap(ch) {
				select {
				case ch <- v:
				case <-ctx.Done():
					return
				}
			}
		}},
		{Chanx, func(ctx context.Context, ch chan int) {
			for v := range cap(ch) {
				if chanx.Send(ctx, ch, v) != nil {
					return
				}
			}
		}},
	}
}

// A receiver takes the values out of a full channel and returns their sum.
type receiver struct {
	Name string
	Sum  func(ctx context.Context, ch chan int) int
}

func receivers() []receiver {
	return []receiver{
		{Bare, func(_ context.Context, ch chan int) (sum int) {
			for v := range ch {
				if sum += v; v == channelSize-1 {
					break
				}
			}
			return sum
		}},
		{"select with ctx", func(ctx context.Context, ch chan int) (sum int) {
			for {
				select {
				case v := <-ch:
					if sum += v; v == channelSize-1 {
						return sum
					}
				case <-ctx.Done():
					return sum
				}
			}
		}},
		{Chanx, func(ctx context.Context, ch chan int) (sum int) {
			for v := range chanx.All(ctx, ch) {
				if sum += v; v == channelSize-1 {
					break
				}
			}
			return sum
		}},
	}
}

// timePairs fills and empties a channel, at least once and with at least n values, and returns the times of both, how many values
// passed, and the sum of what was received.
func timePairs(n int, fill func(context.Context, chan int), drain func(context.Context, chan int) int) (sending, receiving time.Duration, values, sum int) {
	ctx, cancel := context.WithCancel(context.Background()) // one that can be done, as in a program
	defer cancel()
	ch := make(chan int, channelSize)
	for ; values < n; values += channelSize {
		start := time.Now()
		fill(ctx, ch)
		sent := time.Now()
		sum += drain(ctx, ch)
		sending += sent.Sub(start)
		receiving += time.Since(sent)
	}
	return sending, receiving, values, sum
}
