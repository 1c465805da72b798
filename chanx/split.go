package chanx

import (
	"context"

	"github.com/sluice-go/sluice/internal/spawn"
)

// Tee returns n channels of that capacity that each get every value of ch, in order. They are closed when ch is, or when
// ctx is done; then a value may have reached some of them only.
//
// A goroutine sends a value to the first channel, then to the second, and so on, and only then receives the next: the slowest
// reader holds the others back, once its channel is full. So receive from each in a goroutine of its own. For
// readers that must not disturb each other use a ring or a replay log. Tee panics if n is less than 1 or size negative.
func Tee[T any](ctx context.Context, ch <-chan T, n, size int) []<-chan T {
	atLeast("Tee", "n", n, 1)
	atLeast("Tee", "size", size, 0)
	outs, received := channels[T](n, size)
	go func() {
		defer closeAll(outs)
		for v := range All(ctx, ch) {
			for _, out := range outs {
				if Send(ctx, out, v) != nil {
					return
				}
			}
		}
	}()
	return received
}

// Shard returns n channels of that capacity and sends each value of ch to one of them, number key(v) % n: values with the
// same key go to the same channel and keep their order. They are closed when ch is, or when ctx is done; then the value
// that waits to be sent is lost.
//
// A goroutine calls key and sends. A channel that is full holds the others back. Shard panics if n is less than 1 or size
// negative.
func Shard[T any](ctx context.Context, ch <-chan T, n, size int, key func(T) uint64) []<-chan T {
	atLeast("Shard", "n", n, 1)
	atLeast("Shard", "size", size, 0)
	outs, received := channels[T](n, size)
	spawn.Go(func() {
		for v := range All(ctx, ch) {
			if Send(ctx, outs[key(v)%uint64(n)], v) != nil {
				return
			}
		}
	}, func() { closeAll(outs) })
	return received
}

// channels returns the same channels twice: to send into and to receive from.
func channels[T any](n, size int) (outs []chan T, received []<-chan T) {
	for range n {
		ch := make(chan T, size)
		outs = append(outs, ch)
		received = append(received, ch)
	}
	return outs, received
}

func closeAll[T any](chs []chan T) {
	for _, ch := range chs {
		close(ch)
	}
}
