package chanx

import (
	"context"
	"runtime"
	"sync"

	"github.com/sluice-go/sluice/internal/spawn"
)

// ForEach calls f with each value of ch, in that many goroutines (0: GOMAXPROCS), and returns when they have ended: with nil
// if ch was closed, with context.Cause(ctx) if ctx was done, else with the first error of f. That error also cancels the
// context that the other calls have. Each value that is received is given to f, even as ctx is done.
//
// If f panics the program ends, as with any goroutine. If it calls runtime.Goexit that is an error.
// ForEach panics if workers is negative.
func ForEach[T any](ctx context.Context, ch <-chan T, workers int, f func(context.Context, T) error) error {
	atLeast("ForEach", "workers", workers, 0)
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var first error
	var once sync.Once
	var wg sync.WaitGroup
	wg.Add(workers)
	for range workers {
		err := errGoexit // if f does not return
		spawn.Go(func() { err = work(ctx, ch, f) }, func() {
			if err != nil {
				once.Do(func() { first = err })
				cancel(err)
			}
			wg.Done()
		})
	}
	wg.Wait()
	return first
}

// work calls f until there are no more values, and returns why.
func work[T any](ctx context.Context, ch <-chan T, f func(context.Context, T) error) error {
	for ctx.Err() == nil {
		v, ok, err := recv(ctx, ch)
		if !ok {
			return err
		}
		if err := f(ctx, v); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
