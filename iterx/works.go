package iterx

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/sluice-go/sluice/internal/spawn"
)

// errGoexit ends a loop when a goroutine of it ended without saying why.
var errGoexit = errors.New("iterx: runtime.Goexit was called in a goroutine of the loop")

// works is the goroutines of one loop. Depth tasks go round: free, to the feeder; todo, to a worker; done, to the loop; and
// free again. Whoever receives a task owns it until it sends it on. Each channel has room for all tasks, so that
// sending never waits, and goroutines wait in three places only:
//
//   - the feeder in the sequence, which heeds its context, and for a free task, where it heeds it too;
//   - a worker for todo, which the feeder closes when it ends, and in f;
//   - the loop for done, which the last goroutine closes when it ends.
type works[T, U any] struct {
	free, todo, done chan *task[T, U]
	running          atomic.Int64 // the feeder and the workers
}

// A task is a value on its way.
type task[T, U any] struct {
	n    int // the number of the value
	in   T
	out  U
	err  error
	last bool // the goroutine that had it is gone, so the loop ends here
}

// newWorks starts the goroutines. leave ends them, and returns when they have ended.
func newWorks[T, U any](ctx context.Context, open func(context.Context) iter.Seq2[T, error], p Parallel,
	f func(context.Context, T) (U, error)) (w *works[T, U], leave func()) {
	w = &works[T, U]{
		free: make(chan *task[T, U], p.Depth),
		todo: make(chan *task[T, U], p.Depth),
		done: make(chan *task[T, U], p.Depth),
	}
	for range p.Depth {
		w.free <- new(task[T, U])
	}
	w.running.Store(1 + int64(p.Workers))
	ctx, cancel := context.WithCancel(ctx)
	w.feed(ctx, open)
	for range p.Workers {
		w.work(ctx, f)
	}
	return w, func() {
		cancel()
		for range w.done { // until it is closed
		}
	}
}

// ended is called by each goroutine, last.
func (w *works[T, U]) ended() {
	if w.running.Add(-1) == 0 {
		close(w.done)
	}
}

// feed starts the feeder, which makes the values of the sequence into tasks. It has one before it asks for a value, so
// that Depth is what is read ahead, not one less.
func (w *works[T, U]) feed(ctx context.Context, open func(context.Context) iter.Seq2[T, error]) {
	var t *task[T, U] // the next one; left at the end if the sequence did not return
	n := 0
	spawn.Go(func() {
		if t, _, _ = receive(ctx, w.free); t == nil {
			return
		}
		for v, err := range open(ctx) {
			t.n, t.in, t.err = n, v, err
			n++
			if err == nil {
				w.todo <- t
			} else {
				w.done <- t
			}
			if t, _, _ = receive(ctx, w.free); t == nil {
				return
			}
		}
		t = nil
	}, func() {
		w.exited(t, n)
		close(w.todo)
		w.ended()
	})
}

// work starts a worker, which calls f with tasks until there are no more. With ctx done nobody wants the results of those
// that are left.
func (w *works[T, U]) work(ctx context.Context, f func(context.Context, T) (U, error)) {
	var t *task[T, U] // the one that f has
	spawn.Go(func() {
		for t = range w.todo {
			if ctx.Err() != nil {
				break
			}
			t.out, t.err = f(ctx, t.in)
			w.done <- t
		}
		t = nil
	}, func() {
		if t != nil {
			w.exited(t, t.n)
		}
		w.ended()
	})
}

// exited ends the loop at value n: that is where a goroutine, which had t, called runtime.Goexit. A nil t: it did not.
func (w *works[T, U]) exited(t *task[T, U], n int) {
	if t != nil {
		t.n, t.err, t.last = n, errGoexit, true
		w.done <- t
	}
}

// result returns the next task that is done, waiting for it; nil with the cause when ctx is done, and nil alone at the end.
func (w *works[T, U]) result(ctx context.Context) (*task[T, U], error) {
	t, ok, err := receive(ctx, w.done)
	if !ok {
		return nil, err
	}
	return t, nil
}

// yield hands out what a task came to, after setting it free, and reports whether the loop goes on.
func (w *works[T, U]) yield(yield func(U, error) bool, t *task[T, U]) bool {
	out, err, last := t.out, t.err, t.last
	*t = task[T, U]{}
	w.free <- t
	if err != nil {
		var zero U
		out = zero
	}
	return yield(out, err) && !last
}

// receive returns the next element of ch, waiting for it. ok is false if there is none: err is context.Cause(ctx) if ctx
// is done, which is looked at first, and nil if ch is closed. A goroutine that ends because of ctx may close ch, so
// that is no end unless ctx is still good.
func receive[E any](ctx context.Context, ch <-chan E) (e E, ok bool, err error) {
	if ctx.Err() != nil {
		return e, false, context.Cause(ctx)
	}
	select {
	case e, ok = <-ch:
	default:
		select {
		case e, ok = <-ch:
		case <-ctx.Done():
		}
	}
	if !ok && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e, ok, err
}
