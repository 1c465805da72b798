package sluice_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// numbers returns a log of the values 0 to n-1 and a cursor at the first.
func numbers(t testing.TB, n int) (*replay.Replay[int], *sluice.Cursor[int]) {
	t.Helper()
	log := replay.New[int](replay.Options{})
	for i := range n {
		if _, err := log.Append(context.Background(), i); err != nil {
			t.Fatalf("Append() = _, %v, want nil", err)
		}
	}
	c := log.Cursor(sluice.Oldest())
	t.Cleanup(func() { c.Close() })
	return log, c
}

func wantNext(t testing.TB, c *sluice.Cursor[int], wants ...int) {
	t.Helper()
	for _, want := range wants {
		if v, err := c.Next(context.Background()); v != want || err != nil {
			t.Fatalf("Next() = %v, %v, want %v, nil", v, err, want)
		}
	}
}

// A tracked reader tells what happens to it.
type tracked struct {
	sluice.Reader[int]
	lent   atomic.Bool // a batch is out that no Poll has followed
	closed atomic.Int32
	early  atomic.Bool // Close came while a batch could be in use
	inUse  *atomic.Bool
}

func (r *tracked) Poll() ([]int, error) {
	batch, err := r.Reader.Poll()
	r.lent.Store(len(batch) > 0)
	return batch, err
}

func (r *tracked) Close() error {
	if r.inUse != nil && r.inUse.Load() && r.lent.Load() {
		r.early.Store(true)
	}
	r.closed.Add(1)
	return r.Reader.Close()
}

// rig is a fake Reader over a slice, which waits until it is closed at the end.
type rig struct {
	vs   []int
	off  sluice.Offset
	done chan struct{}
	once atomic.Bool
}

func newRig(vs ...int) *rig { return &rig{vs: vs, done: make(chan struct{})} }

func (r *rig) Bounds() (first, next sluice.Offset) { return 0, sluice.Offset(len(r.vs)) }
func (r *rig) Offset() sluice.Offset               { return r.off }

func (r *rig) Poll() ([]int, error) {
	batch := r.vs[r.off:]
	r.off += sluice.Offset(len(batch))
	return batch, nil
}

func (r *rig) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err() // sloppy: the cursor makes it the cause
	case <-r.done:
		return sluice.ErrClosed
	}
}

func (r *rig) Seek(p sluice.Position) error {
	off, err := p.Resolve(r.Bounds())
	if err == nil {
		r.off = off
	}
	return err
}

func (r *rig) Close() error {
	if r.once.CompareAndSwap(false, true) {
		close(r.done)
	}
	return nil
}

func TestForgottenCursorIsClosed(t *testing.T) {
	r := &tracked{Reader: newRig(1, 2, 3)}
	func() {
		c := sluice.NewCursor[int](r)
		wantNext(t, c, 1, 2)
		for range c.All(t.Context()) {
			break
		}
	}()
	for deadline := time.Now().Add(time.Minute); r.closed.Load() == 0; runtime.Gosched() { // a goroutine of the runtime's does it
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("the reader of an unreachable cursor was not closed")
		}
	}
}

func TestCloseWhileABodyRunsWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inBody atomic.Bool
		r := &tracked{Reader: newRig(1, 2, 3), inUse: &inBody}
		c := sluice.NewCursor[int](r)
		entered, proceed := make(chan struct{}), make(chan struct{})
		done := make(chan int)
		go func() {
			n := 0
			for range c.Batches(t.Context()) {
				inBody.Store(true)
				n++
				close(entered)
				<-proceed
				inBody.Store(false)
			}
			done <- n
		}()
		<-entered
		c.Close()
		if got := r.closed.Load(); got != 0 {
			t.Errorf("the reader was closed %d times while a batch was in use, want 0", got)
		}
		close(proceed)
		if n := <-done; n != 1 {
			t.Errorf("the loop saw %d batches, want 1", n)
		}
		if r.early.Load() || r.closed.Load() != 1 {
			t.Errorf("the reader was closed early (%v), %d times, want once after the body", r.early.Load(), r.closed.Load())
		}
	})
}

func TestCloseFromAnywhereWakes(t *testing.T) {
	for name, read := range map[string]func(*sluice.Cursor[int]) error{
		"Next": func(c *sluice.Cursor[int]) error { _, err := c.Next(context.Background()); return err },
		"All": func(c *sluice.Cursor[int]) error {
			for range c.All(context.Background()) {
			}
			return sluice.ErrClosed
		},
		"Chan, waiting": func(c *sluice.Cursor[int]) error {
			values, stop := c.Chan(context.Background(), 0)
			for range values {
			}
			return errors.Join(stop(), sluice.ErrClosed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &tracked{Reader: newRig(1, 2, 3)}
				c := sluice.NewCursor[int](r)
				c.Seek(sluice.Newest())
				got := make(chan error, 1)
				go func() { got <- read(c) }()
				synctest.Wait()
				c.Close()
				c.Close()
				if err := <-got; !errors.Is(err, sluice.ErrClosed) {
					t.Errorf("reading ends with %v, want ErrClosed", err)
				}
				if n := r.closed.Load(); n != 1 {
					t.Errorf("the reader was closed %d times, want once", n)
				}
				if _, err := c.Next(t.Context()); err != sluice.ErrClosed {
					t.Errorf("Next() = _, %v, want ErrClosed", err)
				}
				if err := c.Seek(sluice.Oldest()); err != sluice.ErrClosed {
					t.Errorf("Seek() = %v, want ErrClosed", err)
				}
			})
		})
	}
}

func TestCloseEndsAFullChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sluice.NewCursor[int](newRig(1, 2, 3))
		values, stop := c.Chan(t.Context(), 1)
		synctest.Wait() // the goroutine waits with 2
		c.Close()
		synctest.Wait()
		var got []int
		for v := range values {
			got = append(got, v)
		}
		if err := stop(); !slices.Equal(got, []int{1}) || err != nil {
			t.Errorf("received %v, stop() = %v, want [1], nil", got, err)
		}
	})
}

func TestCancelInTheBodyEndsTheLoopSoon(t *testing.T) {
	_, c := numbers(t, 1000)
	const start = 500 // in the middle of a large batch
	c.Seek(sluice.At(start))
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	n := start
	var errs []error
	for v, err := range c.All(ctx) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if v != n {
			t.Fatalf("All() yields %v, want %v", v, n)
		}
		n++
		cancel(enough)
	}
	if n -= start; n > 16 || !slices.Equal(errs, []error{enough}) {
		t.Errorf("the loop went on for %d values and yielded %v, want at most 16 and the cause", n, errs)
	}
	wantNext(t, c, start+n)
}

func TestBodyMayMoveTheCursor(t *testing.T) {
	_, c := numbers(t, 100)
	var seen []int
	for v, err := range c.All(t.Context()) {
		if err != nil {
			t.Fatalf("All() yields %v, want none", err)
		}
		seen = append(seen, v)
		switch v {
		case 2:
			wantNext(t, c, 3, 4)
		case 6:
			c.Seek(sluice.At(50))
		case 51:
			c.Seek(sluice.Last(2))
		}
		if v == 99 {
			break
		}
	}
	if want := []int{0, 1, 2, 5, 6, 50, 51, 98, 99}; !slices.Equal(seen, want) {
		t.Errorf("the loop saw %v, want %v", seen, want)
	}
}

func TestPanicInTheBody(t *testing.T) {
	_, c := numbers(t, 100)
	func() {
		defer func() { recover() }()
		for v := range c.All(t.Context()) {
			if v == 7 {
				panic("no")
			}
		}
	}()
	if got := c.Offset(); got != 8 {
		t.Errorf("Offset() after a panic at 7 = %v, want 8", got)
	}
	wantNext(t, c, 8)
	c.Close()
	if _, err := c.Next(t.Context()); err != sluice.ErrClosed {
		t.Errorf("Next() = _, %v, want ErrClosed", err)
	}
}

func TestPullIterators(t *testing.T) {
	_, c := numbers(t, 50)
	next, stop := iter.Pull2(c.All(t.Context()))
	for want := range 20 {
		if v, err, ok := next(); v != want || err != nil || !ok {
			t.Fatalf("next() = %v, %v, %v, want %v, nil, true", v, err, ok, want)
		}
	}
	stop()
	wantNext(t, c, 20)
}

func TestBacklogDoesNotTail(t *testing.T) {
	log, c := numbers(t, 50)
	values, err := c.Backlog(t.Context())
	var got []int
	for v := range values {
		if len(got) < 50 { // appended while it runs: not part of it
			log.Append(t.Context(), 100+v)
		}
		got = append(got, v)
	}
	if len(got) != 50 || err() != nil || c.Offset() != 50 {
		t.Errorf("Backlog() yields %d values, %v, Offset() = %v, want 50, nil, 50", len(got), err(), c.Offset())
	}
	more := slices.Collect(values)
	if len(more) != 50 || more[0] != 100 {
		t.Errorf("a second loop yields %v, want the 50 appended meanwhile", more)
	}
}

func TestOpeningBeyondTheEnd(t *testing.T) {
	log, _ := numbers(t, 5)
	for _, p := range []sluice.Position{sluice.At(6), sluice.At(-1), sluice.Last(-3)} {
		c := log.Cursor(p)
		var re *sluice.RangeError
		for range 2 {
			if _, err := c.Next(t.Context()); !errors.As(err, &re) || re.First != 0 || re.Next != 5 {
				t.Errorf("at %v: Next() = _, %v, want a RangeError with the bounds 0, 5", p, err)
			}
		}
		values, why := c.Backlog(t.Context())
		if got := slices.Collect(values); len(got) != 0 || why() != error(re) {
			t.Errorf("at %v: Backlog() yields %v, %v, want nothing and %v", p, got, why(), re)
		}
		if err := c.Seek(sluice.At(7)); !errors.As(err, &re) {
			t.Errorf("Seek(At(7)) = %v, want a RangeError", err)
		}
		if err := c.Seek(sluice.At(3)); err != nil {
			t.Errorf("Seek(At(3)) = %v, want nil", err)
		}
		wantNext(t, c, 3, 4)
		c.Close()
	}
}

// What a loop ended with is forgotten when its sequence is ranged over again.
func TestSecondLoopForgetsWhy(t *testing.T) {
	log, _ := numbers(t, 40)
	for name, way := range map[string]func(*sluice.Cursor[int], context.Context) (iter.Seq[int], func() error){
		"Values":  (*sluice.Cursor[int]).Values,
		"Backlog": (*sluice.Cursor[int]).Backlog,
	} {
		c := log.Cursor(sluice.At(41))
		defer c.Close()
		values, why := way(c, t.Context())
		if got := slices.Collect(values); len(got) != 0 || why() == nil {
			t.Errorf("%s() yields %v, %v, want nothing and a RangeError", name, got, why())
		}
		if err := c.Seek(sluice.Oldest()); err != nil {
			t.Fatal(err)
		}
		for v := range values {
			if why() != nil {
				t.Errorf("%s(): %v at %d, want nil while the loop runs", name, why(), v)
			}
			if v == 39 {
				break
			}
		}
		if why() != nil || c.Offset() != 40 {
			t.Errorf("%s() was left with %v at %d, want nil at 40", name, why(), c.Offset())
		}
	}
}
