package chanx

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// Merge yields the values of several channels as they come, until all are closed or ctx is done. Those of one channel
// keep their order. A goroutine for each channel sends into one of capacity size; they have ended when the loop is left.
//
// A loop that is left early, or ends with ctx, loses what was received and not yielded: at most one value for each
// channel, and size more. With a single channel nothing is lost. For two or three channels a select in a loop does the
// same, and loses nothing. Merge panics if size is negative.
func Merge[T any](ctx context.Context, size int, chs ...<-chan T) iter.Seq[T] {
	atLeast("Merge", "size", size, 0)
	return func(yield func(T) bool) {
		switch len(chs) {
		case 0:
			return
		case 1:
			All(ctx, chs[0])(yield)
			return
		}
		merged, leave := gather(ctx, size, chs)
		defer leave()
		All(ctx, merged)(yield)
	}
}

// gather starts the goroutines. The last one to end closes the channel. leave ends them, and waits for them without receiving:
// that would make room for more.
func gather[T any](ctx context.Context, size int, chs []<-chan T) (merged <-chan T, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan T, size)
	var running atomic.Int64
	running.Store(int64(len(chs)))
	var wg sync.WaitGroup
	for _, ch := range chs {
		wg.Go(func() {
			for v := range All(ctx, ch) {
				if Send(ctx, out, v) != nil {
					break
				}
			}
			if running.Add(-1) == 0 {
				close(out)
			}
		})
	}
	return out, func() {
		cancel()
		wg.Wait()
	}
}
