package chanx_test

import (
	"context"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/chanx"
)

// dead returns a context that is done, with errEnough as its cause.
func dead(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(errEnough)
	return ctx
}

func TestSendAndRecvReturnTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errEnough)
		defer cancel()
		if err := chanx.Send(ctx, make(chan int), 1); err != errEnough {
			t.Errorf("Send() without a receiver = %v, want %v", err, errEnough)
		}
		if v, err := chanx.Recv(ctx, make(chan int)); v != 0 || err != errEnough {
			t.Errorf("Recv() without a sender = %v, %v, want 0, %v", v, err, errEnough)
		}
	})
}

// What can be done at once is, whatever ctx says.
func TestSendAndRecvTryFirst(t *testing.T) {
	ctx := dead(t.Context())
	ch := make(chan int, 1)
	for range 100 {
		if err := chanx.Send(ctx, ch, 7); err != nil {
			t.Fatalf("Send() with room and a done context = %v, want nil", err)
		}
		if v, err := chanx.Recv(ctx, ch); v != 7 || err != nil {
			t.Fatalf("Recv() with a value and a done context = %v, %v, want 7, nil", v, err)
		}
	}
}

func TestRecvOfAClosedChannel(t *testing.T) {
	ch := closed(0)
	if v, err := chanx.Recv(t.Context(), ch); v != 0 || err != nil {
		t.Errorf("Recv() of a closed channel with a value = %v, %v, want 0, nil", v, err)
	}
	if v, err := chanx.Recv(t.Context(), ch); v != 0 || err != chanx.ErrClosed {
		t.Errorf("Recv() of a closed channel = %v, %v, want 0, %v", v, err, chanx.ErrClosed)
	}
	waiting := make(chan int)
	time.AfterFunc(time.Millisecond, func() { close(waiting) })
	if v, err := chanx.Recv(t.Context(), waiting); v != 0 || err != chanx.ErrClosed {
		t.Errorf("Recv() of a channel that is closed meanwhile = %v, %v, want 0, %v", v, err, chanx.ErrClosed)
	}
}

func TestSendOnAClosedChannelPanics(t *testing.T) {
	if v := thrown(func() { chanx.Send(t.Context(), closed(), 1) }); v == nil {
		t.Error("Send on a closed channel does not panic")
	}
}

// failing yields 0 to n-1, then err.
func failing(n int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func TestSendAll(t *testing.T) {
	ch := make(chan int, 10)
	if err := chanx.SendAll(t.Context(), ch, failing(3, nil)); err != nil || len(ch) != 3 {
		t.Errorf("SendAll() = %v, %d values sent, want nil, 3", err, len(ch))
	}
	if err := chanx.SendAll(t.Context(), ch, failing(2, io.ErrNoProgress)); err != io.ErrNoProgress || len(ch) != 5 {
		t.Errorf("SendAll() = %v, %d values sent, want %v, 5", err, len(ch), io.ErrNoProgress)
	}
	ran := false
	seq := func(func(int, error) bool) { ran = true }
	if err := chanx.SendAll(dead(t.Context()), ch, seq); err != errEnough || ran {
		t.Errorf("SendAll() with a done context = %v, started: %v, want %v, false", err, ran, errEnough)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	endless := func(yield func(int, error) bool) {
		for n := 0; ; n++ {
			if n == 3 {
				cancel(errEnough)
			}
			if <-ch; !yield(n, nil) {
				return
			}
		}
	}
	if err := chanx.SendAll(ctx, ch, endless); err != errEnough {
		t.Errorf("SendAll() that never waits, with ctx done = %v, want %v", err, errEnough)
	}
}

func TestOpenEndsWithTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errEnough)
		defer cancel()
		var got []int
		var errs []error
		for v, err := range chanx.Open(filled(1, 0))(ctx) {
			got = append(got, v)
			errs = append(errs, err)
		}
		if !slices.Equal(got, []int{1, 0, 0}) || !slices.Equal(errs, []error{nil, nil, errEnough}) {
			t.Errorf("Open() yields %v, %v, want 1, 0, and %v last", got, errs, errEnough)
		}
		for range chanx.Open(closed(1))(ctx) {
			break
		}
	})
}

// All looks at ctx at least every 16 values.
func TestAllEndsSoonWhileValuesAreThere(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	for range chanx.All(ctx, filled(make([]int, 1000)...)) {
		if n++; n == 5 {
			cancel()
		}
	}
	if n > 5+16 {
		t.Errorf("%d values after ctx was done, want at most 16", n-5)
	}
	defer cancel()
}

func TestGoSaysWhy(t *testing.T) {
	waiting := func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			if yield(1, nil) {
				<-ctx.Done()
				yield(0, context.Cause(ctx))
			}
		}
	}
	plainErr := func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			<-ctx.Done()
			yield(0, ctx.Err())
		}
	}
	own := func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			<-ctx.Done()
			yield(0, io.ErrNoProgress)
		}
	}
	of := func(seq iter.Seq2[int, error]) func(context.Context) iter.Seq2[int, error] {
		return func(context.Context) iter.Seq2[int, error] { return seq }
	}
	for name, c := range map[string]struct {
		open    func(context.Context) iter.Seq2[int, error]
		timeout bool // else stop comes, after a minute
		want    error
	}{
		"its end":                            {of(failing(3, nil)), false, nil},
		"its error":                          {of(failing(3, io.ErrNoProgress)), false, io.ErrNoProgress},
		"a cancelled context of its own":     {of(failing(3, context.Canceled)), false, context.Canceled},
		"stop":                               {waiting, false, nil},
		"stop, told by ctx.Err":              {plainErr, false, nil},
		"stop, and an error that came of it": {own, false, io.ErrNoProgress},
		"stop while it sends":                {of(failing(99, nil)), false, nil},
		"ctx":                                {waiting, true, errEnough},
		"ctx while it sends":                 {of(failing(99, nil)), true, errEnough},
		"stop of a Go within":                {nested(waiting), false, nil},
		"an error of a Go within":            {nested(of(failing(1, io.ErrNoProgress))), false, io.ErrNoProgress},
		"ctx, through a Go within":           {nested(waiting), true, errEnough},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if c.timeout {
					time.AfterFunc(time.Second, func() { cancel(errEnough) })
				}
				values, stop := chanx.Go(ctx, 5, c.open)
				time.Sleep(time.Minute)
				for range 2 {
					if err := stop(); err != c.want {
						t.Errorf("stop() = %v, want %v", err, c.want)
					}
				}
				for range values { // it is closed
				}
			})
		})
	}
}

// nested is a sequence that itself reads from a Go.
func nested(open func(context.Context) iter.Seq2[int, error]) func(context.Context) iter.Seq2[int, error] {
	return func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			values, stop := chanx.Go(ctx, 1, open)
			for v := range values {
				if !yield(v, nil) {
					stop()
					return
				}
			}
			if err := stop(); err != nil {
				yield(0, err)
			}
		}
	}
}

func TestGoexitInASequenceIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exit := func(context.Context) iter.Seq2[int, error] {
			return func(func(int, error) bool) { runtime.Goexit() }
		}
		values, stop := chanx.Go(t.Context(), 5, exit)
		if _, ok := <-values; ok {
			t.Error("the channel gives a value, want it closed")
		}
		if err := stop(); err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("stop() = %v, want an error that says Goexit", err)
		}
	})
}

func TestForEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workers := range []int{0, 1, 3, 100} {
			at := workers
			if at == 0 {
				at = runtime.GOMAXPROCS(0)
			}
			var sum, now atomic.Int64
			var mu sync.Mutex
			most := int64(0)
			err := chanx.ForEach(t.Context(), closed(1, 2, 3, 4, 0, 0, 0, 0), workers, func(_ context.Context, v int) error {
				mu.Lock()
				most = max(most, now.Add(1))
				mu.Unlock()
				time.Sleep(time.Second)
				sum.Add(int64(v))
				now.Add(-1)
				return nil
			})
			if err != nil || sum.Load() != 10 || most != int64(min(at, 8)) {
				t.Errorf("ForEach() with %d workers = %v, sum %d, %d at once, want nil, 10, %d", workers, err, sum.Load(), most, min(at, 8))
			}
		}
	})
}

// The first error ends the others by their context, is what is returned, and nobody runs afterwards.
func TestForEachEndsAtAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, calls atomic.Int64
		in := filled(make([]int, 100)...)
		err := chanx.ForEach(t.Context(), in, 4, func(ctx context.Context, v int) error {
			running.Add(1)
			defer running.Add(-1)
			if calls.Add(1) == 4 {
				return io.ErrNoProgress
			}
			<-ctx.Done()
			if context.Cause(ctx) != io.ErrNoProgress {
				t.Errorf("the cause for the others is %v, want %v", context.Cause(ctx), io.ErrNoProgress)
			}
			time.Sleep(time.Second)
			return ctx.Err()
		})
		if err != io.ErrNoProgress || running.Load() != 0 || len(in) != 96 {
			t.Errorf("ForEach() = %v, %d running, %d values left, want %v, 0, 96", err, running.Load(), len(in), io.ErrNoProgress)
		}
	})
}

func TestForEachReturnsTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errEnough)
		defer cancel()
		n := 0
		count := func(context.Context, int) error { n++; return nil }
		if err := chanx.ForEach(ctx, filled(0, 0, 0), 1, count); err != errEnough || n != 3 {
			t.Errorf("ForEach() = %v after %d values, want %v, 3", err, n, errEnough)
		}
		if err := chanx.ForEach(ctx, filled(0, 0, 0), 1, count); err != errEnough || n != 3 {
			t.Errorf("ForEach() with a done context = %v after %d values, want %v, none", err, n-3, errEnough)
		}
	})
}

func TestForEachWithGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exit := func(context.Context, int) error { runtime.Goexit(); return nil }
		if err := chanx.ForEach(t.Context(), filled(1, 2), 2, exit); err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("ForEach() = %v, want an error that says Goexit", err)
		}
	})
}

func TestMisusePanics(t *testing.T) {
	ctx, in := t.Context(), make(chan int)
	for want, call := range map[string]func(){
		"chanx: Go: size must be at least 0, got -1":                             func() { chanx.Go(ctx, -1, chanx.Open(in)) },
		"chanx: Merge: size must be at least 0, got -1":                          func() { chanx.Merge(ctx, -1, in) },
		"chanx: Batches: n must be at least 1, got 0":                            func() { chanx.Batches(ctx, in, 0, 0) },
		"chanx: Debounce: quiet must be at least 1ns, got 0s":                    func() { chanx.Debounce(ctx, in, 0, 0) },
		"chanx: Debounce: limit must be at least 0s, got -1s":                    func() { chanx.Debounce(ctx, in, 1, -time.Second) },
		"chanx: Sample: every must be at least 1ns, got 0s":                      func() { chanx.Sample(ctx, in, 0) },
		"chanx: ForEach: workers must be at least 0, got -1":                     func() { chanx.ForEach(ctx, in, -1, nil) },
		"chanx: Tee: n must be at least 1, got 0":                                func() { chanx.Tee(ctx, in, 0, 0) },
		"chanx: Tee: size must be at least 0, got -1":                            func() { chanx.Tee(ctx, in, 1, -1) },
		"chanx: Shard: n must be at least 1, got 0":                              func() { chanx.Shard(ctx, in, 0, 0, nil) },
		"chanx: Shard: size must be at least 0, got -1":                          func() { chanx.Shard(ctx, in, 1, -1, nil) },
		"chanx: Buffer: size must be at least 1, got 0":                          func() { chanx.Buffer(ctx, in, 0, chanx.Block, nil) },
		"chanx: Buffer: overflow must be Block, DropOldest or DropNewest, got 3": func() { chanx.Buffer(ctx, in, 1, 3, nil) },
	} {
		if got := thrown(call); got != want {
			t.Errorf("%s panics with %v, want %v", strings.Fields(want)[1], got, want)
		}
	}
}

func TestAllocations(t *testing.T) {
	ch := make(chan int, 1)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		chanx.Send(ctx, ch, 1)
		chanx.Recv(ctx, ch)
	}); n != 0 {
		t.Errorf("Send and Recv allocate %v times, want 0", n)
	}
	in := make(chan int, 1000)
	if n := testing.AllocsPerRun(10, func() {
		for range cap(in) {
			in <- 1
		}
		left := cap(in)
		for range chanx.All(ctx, in) {
			if left--; left == 0 {
				break
			}
		}
	}); n > 5 {
		t.Errorf("All allocates %v times for 1000 values, want at most 5", n)
	}
}
