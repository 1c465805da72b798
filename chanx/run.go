package chanx

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/sluice-go/sluice/internal/spawn"
)

// errGoexit is what a goroutine is said to have ended with if it did not return.
var errGoexit = errors.New("chanx: runtime.Goexit was called in a goroutine")

// Go runs open(ctx) in a goroutine and returns its values as a channel of that capacity, for select. The channel is closed at
// the end of the sequence, at its first error, and when ctx is done.
//
// Call stop in every case. It cancels the context of the sequence, waits for the goroutine, and returns why the channel
// was closed: the error of the sequence, context.Cause(ctx), or nil if the sequence ended or stop was what ended
// it. Calling it again returns the same. Values that nobody received are lost; a cursor's own Chan keeps them.
//
// Go panics if size is negative.
func Go[T any](ctx context.Context, size int, open func(context.Context) iter.Seq2[T, error]) (values <-chan T, stop func() error) {
	atLeast("Go", "size", size, 0)
	stopped := errors.New("chanx: stopped") // this call's: a cause is passed down to sequences that call Go too
	ctx, cancel := context.WithCancelCause(ctx)
	ch := make(chan T, size)
	done := make(chan struct{})
	end := errGoexit // if the goroutine does not return; written before done is closed
	spawn.Go(func() {
		err := SendAll(ctx, ch, open(ctx))
		if context.Cause(ctx) == stopped && (errors.Is(err, stopped) || errors.Is(err, context.Canceled)) {
			err = nil
		}
		end = err
	}, func() {
		close(ch)
		cancel(stopped)
		close(done)
	})
	return ch, sync.OnceValue(func() error {
		cancel(stopped)
		<-done
		return end
	})
}
