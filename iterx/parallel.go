package iterx

import (
	"context"
	"iter"
	"runtime"
)

// Parallel says how [MapParallel] works. The zero value is a good start; a negative number panics.
type Parallel struct {
	// Workers is how many goroutines call f. 0: GOMAXPROCS, for work that computes. Work that waits wants more.
	Workers int
	// Depth is how many values may be read ahead of the one that the body has, those in work included. It bounds what
	// waits behind one slow value, and what is lost when the loop is left. 0: twice the workers, at least 64.
	Depth int
}

// orDefault returns p with its zeros replaced.
func (p Parallel) orDefault(function string) Parallel {
	atLeast(function, "Workers", p.Workers, 0)
	atLeast(function, "Depth", p.Depth, 0)
	if p.Workers == 0 {
		p.Workers = runtime.GOMAXPROCS(0)
	}
	if p.Depth == 0 {
		p.Depth = max(64, 2*p.Workers)
	}
	return p
}

// Static makes seq, which never waits for long, into what [MapParallel] and [Prefetch] open: it ends when their loop does,
// or ctx, at the next value. Each opening ranges over seq anew.
func Static[T any](seq iter.Seq[T]) func(context.Context) iter.Seq2[T, error] {
	return func(ctx context.Context) iter.Seq2[T, error] {
		return WithContext(ctx, Ok(seq))
	}
}

// MapParallel yields f(ctx, v) for each value of open(ctx), in order, while p.Workers goroutines run f and one runs the
// sequence. A result is yielded as soon as it and all before it are there.
//
// An error, of the sequence or of f, comes in its place with the zero U, and the loop goes on if the body does. When ctx
// is done the loop yields context.Cause(ctx), last, whatever else is ready. Then, as after a break or a panic of the body, the
// context that open and f were given is cancelled, and the loop is left when all its goroutines have ended: an f that does
// not heed its context is waited for. What was read ahead is lost.
//
// If f or the sequence panics the program ends, as with any goroutine. If one calls runtime.Goexit (which t.FailNow
// does) the loop ends with an error in its place.
//
// The values must stay valid while others are read: not those of Cursor.Batches, which are lent.
//
// A value costs three channel operations, about 0.3 µs of processor time, and often a wake-up: work of less than that gains
// nothing by itself. Map small work in batches, over which that is spread:
//
//	open := func(ctx context.Context) iter.Seq2[[]T, error] { return iterx.TryChunk(cur.All(ctx), 64) }
func MapParallel[T, U any](ctx context.Context, open func(context.Context) iter.Seq2[T, error], p Parallel,
	f func(context.Context, T) (U, error)) iter.Seq2[U, error] {
	p = p.orDefault("MapParallel")
	return func(yield func(U, error) bool) {
		w, leave := newWorks[T, U](ctx, open, p, f)
		defer leave()
		early := make([]*task[T, U], p.Depth) // those done before an earlier one; task n is at n%Depth
		for next := 0; ; {
			t, err := w.result(ctx)
			if t == nil {
				yieldLast(yield, err)
				return
			}
			early[t.n%p.Depth] = t
			for t = early[next%p.Depth]; t != nil; t = early[next%p.Depth] {
				early[next%p.Depth] = nil
				next++
				if !w.yield(yield, t) {
					return
				}
				if ctx.Err() != nil {
					break // result says so
				}
			}
		}
	}
}

// MapParallelUnordered is [MapParallel] that yields a result, or an error, as soon as it is there: one slow value holds
// nothing back until p.Depth others are done.
func MapParallelUnordered[T, U any](ctx context.Context, open func(context.Context) iter.Seq2[T, error], p Parallel,
	f func(context.Context, T) (U, error)) iter.Seq2[U, error] {
	p = p.orDefault("MapParallelUnordered")
	return func(yield func(U, error) bool) {
		w, leave := newWorks[T, U](ctx, open, p, f)
		defer leave()
		for {
			t, err := w.result(ctx)
			if t == nil {
				yieldLast(yield, err)
				return
			}
			if !w.yield(yield, t) {
				return
			}
		}
	}
}

// yieldLast yields an error, if there is one.
func yieldLast[T any](yield func(T, error) bool, err error) {
	if err != nil {
		var zero T
		yield(zero, err)
	}
}
