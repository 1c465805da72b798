package iterx

import (
	"context"
	"iter"

	"github.com/sluice-go/sluice/internal/spawn"
)

// Prefetch yields what open(ctx) does, in order, while a goroutine reads up to n values ahead of the one that the body
// has: the sequence and the body run at the same time.
//
// Errors come in their place, and the loop goes on if the body does. When ctx is done it yields context.Cause(ctx), last.
// Then, as after a break or a panic of the body, the sequence's context is cancelled, and the loop is left when its
// goroutine has ended; what was read ahead is lost. If the sequence panics the program ends, as with any
// goroutine; if it calls runtime.Goexit the loop ends with an error.
//
// The values must stay valid while others are read: not those of Cursor.Batches, which are lent. A T of more
// than 64 KiB can't be the element of a channel: use pointers. A value costs a channel operation, about 40 ns if n is
// 64. Prefetch panics if n is less than 1.
func Prefetch[T any](ctx context.Context, open func(context.Context) iter.Seq2[T, error], n int) iter.Seq2[T, error] {
	atLeast("Prefetch", "n", n, 1)
	return func(yield func(T, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		ch := make(chan item[T], n-1) // fetch has one more in its hand
		fetched := fetch(inner, open, ch)
		defer func() {
			cancel()
			<-fetched // not from ch: that would make room for more
		}()
		for {
			it, ok, err := receive(ctx, ch)
			if !ok {
				yieldLast(yield, err)
				return
			}
			if !yield(it.v, it.err) {
				return
			}
		}
	}
}

// An item is what a sequence with errors yields.
type item[T any] struct {
	v   T
	err error
}

// fetch starts the goroutine, which sends what the sequence yields until ctx is done, and then closes ch and ended.
func fetch[T any](ctx context.Context, open func(context.Context) iter.Seq2[T, error], ch chan<- item[T]) (ended <-chan struct{}) {
	returned, done := false, make(chan struct{})
	spawn.Go(func() {
		for v, err := range open(ctx) {
			if !send(ctx, ch, item[T]{v, err}) {
				break
			}
		}
		returned = true
	}, func() {
		if !returned {
			send(ctx, ch, item[T]{err: errGoexit})
		}
		close(ch)
		close(done)
	})
	return done
}

// send reports whether it sent e before ctx was done.
func send[E any](ctx context.Context, ch chan<- E, e E) bool {
	select {
	case ch <- e:
		return true
	default:
	}
	select {
	case ch <- e:
		return true
	case <-ctx.Done():
		return false
	}
}
