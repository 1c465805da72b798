package chanx_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/sluice-go/sluice/chanx"
)

// text reads a sequence as strings, without blanks.
func text[T any](seq iter.Seq[T]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range seq {
			if !yield(dense(v)) {
				return
			}
		}
	}
}

func dense(v any) string { return strings.ReplaceAll(fmt.Sprint(v), " ", ",") }

// scoped makes a function that returns a channel into a sequence: ctx is cancelled when the loop is left.
func scoped(ctx context.Context, make func(ctx context.Context) <-chan int) iter.Seq[string] {
	return func(yield func(string) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for v := range make(ctx) {
			if !yield(dense(v)) {
				return
			}
		}
	}
}

// free is a Waiter that never waits.
type free struct{}

func (free) Wait(context.Context) error { return nil }

// joined is the outputs of a function as one, in turns as values come.
func joined(ctx context.Context, chs []<-chan int) <-chan int {
	out := make(chan int)
	left := make(chan struct{})
	for _, ch := range chs {
		go func() {
			defer func() { left <- struct{}{} }()
			for v := range ch {
				select {
				case out <- v:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	go func() {
		for range chs {
			<-left
		}
		close(out)
	}()
	return out
}

// functions has at least one row for each exported function.
var functions = []function{
	{name: "Send", want: "0 0 1 0 2 2 0", seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		out := make(chan int, 1)
		return func(yield func(string) bool) {
			for v := range chanx.All(ctx, in) {
				if chanx.Send(ctx, out, v) != nil || !yield(dense(<-out)) {
					return
				}
			}
		}
	}},
	{name: "Recv", want: "0 0 1 0 2 2 0", ahead: 7, seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return func(yield func(string) bool) {
			for { // it looks at ctx only where it waits: the values that are there come first
				v, err := chanx.Recv(ctx, in)
				if err != nil || !yield(dense(v)) {
					return
				}
			}
		}
	}},
	{name: "SendAll", want: "0 0 1 0 2 2 0", async: true, ahead: 1, seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return scoped(ctx, func(ctx context.Context) <-chan int {
			out := make(chan int)
			go func() {
				defer close(out)
				chanx.SendAll(ctx, out, chanx.Open(in)(ctx))
			}()
			return out
		})
	}},
	{name: "All", want: "0 0 1 0 2 2 0", seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return text(chanx.All(ctx, in))
	}},
	{name: "Open", want: "0 0 1 0 2 2 0", seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return func(yield func(string) bool) {
			for v, err := range chanx.Open(in)(ctx) {
				if err != nil && err == context.Cause(ctx) {
					continue // the last
				}
				if !yield(dense(v)) {
					return
				}
			}
		}
	}},
	{name: "Go", want: "0 0 1 0 2 2 0", ahead: 3, seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return func(yield func(string) bool) {
			values, stop := chanx.Go(ctx, 2, chanx.Open(in))
			defer stop()
			for v := range values {
				if !yield(dense(v)) {
					return
				}
			}
		}
	}},
	{name: "Merge", want: "8 9 0 0 1 0 2 2 0", own: 2, unordered: true, ahead: 3, live: []int{2, 3, 4, 5, 6, 7, 8, 9}, timed: true,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return text(chanx.Merge(ctx, 2, in, closed(8), closed(), closed(9)))
		}},
	{name: "Merge/two", want: "0 0 1 0 2 2 0", ahead: 3, seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return text(chanx.Merge(ctx, 2, in, closed()))
	}},
	{name: "Merge/one", want: "0 0 1 0 2 2 0", seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return text(chanx.Merge(ctx, 2, in))
	}},
	{name: "Bridge", want: "8 0 0 1 0 2 2 0 9", own: 2, live: []int{1, 2, 3, 4, 5, 6, 7, 8}, timed: true,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			if in == nil {
				return text(chanx.Bridge(ctx, (<-chan (<-chan int))(nil)))
			}
			return func(yield func(string) bool) {
				chs := make(chan (<-chan int), 4)
				chs <- closed(8)
				chs <- closed()
				chs <- in
				chs <- closed(9)
				close(chs)
				text(chanx.Bridge(ctx, chs))(yield)
			}
		}},
	{name: "Batches", want: "[0,0] [1,0] [2,2] [0]", live: []int{0, 1, 2, 3, 4, 5, 6, 7}, timed: true,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return text(chanx.Batches(ctx, in, 2, time.Second))
		}},
	{name: "Batches/what is there", want: "[0,0] [1,0] [2,2] [0]", live: []int{0, 1, 2, 3, 4, 5, 6, 7}, timed: true,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return text(chanx.Batches(ctx, in, 2, 0))
		}},
	{name: "Batches/full", want: "[0,0] [1,0] [2,2] [0]", live: []int{0, 0, 1, 1, 2, 2, 3, 3},
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return text(chanx.Batches(ctx, in, 2, -1))
		}},
	{name: "Debounce", want: "0", live: []int{0, 1, 2, 3, 4, 5, 6, 7}, timed: true,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return text(chanx.Debounce(ctx, in, time.Second, time.Minute))
		}},
	{name: "Sample", want: "0", live: []int{0, 1, 2, 3, 4, 5, 6, 7}, timed: true,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return text(chanx.Sample(ctx, in, 10*time.Second))
		}},
	{name: "Limit", want: "0 0 1 0 2 2 0", seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
		return text(chanx.Limit(ctx, in, free{}))
	}},
	{name: "ForEach", want: "0 0 1 0 2 2 0", unordered: true, async: true, ahead: 3,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return scoped(ctx, func(ctx context.Context) <-chan int {
				out := make(chan int)
				go func() {
					defer close(out)
					chanx.ForEach(ctx, in, 3, func(ctx context.Context, v int) error { return chanx.Send(ctx, out, v) })
				}()
				return out
			})
		}},
	{name: "Tee", want: "0 0 0 0 0 0 0 0 1 1 2 2 2 2", unordered: true, async: true, ahead: 5,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return scoped(ctx, func(ctx context.Context) <-chan int { return joined(ctx, chanx.Tee(ctx, in, 2, 1)) })
		}},
	{name: "Shard", want: "0 0 1 0 2 2 0", unordered: true, async: true, ahead: 6,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			key := func(v int) uint64 { return uint64(v) }
			return scoped(ctx, func(ctx context.Context) <-chan int { return joined(ctx, chanx.Shard(ctx, in, 2, 1, key)) })
		}},
	{name: "Buffer", want: "0 0 1 0 2 2 0", async: true, ahead: 4,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return scoped(ctx, func(ctx context.Context) <-chan int { return chanx.Buffer(ctx, in, 3, chanx.Block, nil) })
		}},
	{name: "Buffer/dropping", want: "0 0 1 0 2 2 0", async: true, ahead: 7,
		seq: func(ctx context.Context, in <-chan int) iter.Seq[string] {
			return scoped(ctx, func(ctx context.Context) <-chan int { return chanx.Buffer(ctx, in, 7, chanx.DropOldest, nil) })
		}},
}
