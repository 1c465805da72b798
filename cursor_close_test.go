package sluice_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// hooked is a Reader that calls a function in Poll and counts its Closes.
type hooked struct {
	*rig
	poll   func()
	closed int
}

func (r *hooked) Poll() ([]int, error) {
	if r.poll != nil {
		r.poll()
	}
	return r.rig.Poll()
}

func (r *hooked) Close() error {
	r.closed++
	return r.rig.Close()
}

// A Close that comes when the reader has just found nothing, and does not wait yet.
func TestCloseBetweenPollAndWait(t *testing.T) {
	r := &hooked{rig: newRig()}
	c := sluice.NewCursor[int](r)
	r.poll = func() {
		done := make(chan struct{})
		go func() {
			c.Close()
			close(done)
		}()
		<-done
	}
	if _, err := c.Next(t.Context()); err != sluice.ErrClosed || r.closed != 1 {
		t.Errorf("Next() = _, %v, and the reader was closed %d times, want ErrClosed, once", err, r.closed)
	}
}

// A reader whose Close calls runtime.Goexit, as a test's FailNow does, leaves nobody behind who waits.
func TestGoexitInCloseOfAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &leaving{newRig(1, 2)}
		c := sluice.NewCursor[int](r)
		values, stop := c.Chan(t.Context(), 0)
		<-values
		c.Close()
		if err := stop(); err != nil {
			t.Errorf("stop() = %v, want nil", err)
		}
	})
}

// leaving is a Reader whose Close does not return.
type leaving struct{ *rig }

func (r *leaving) Close() error {
	r.rig.Close()
	runtime.Goexit()
	return nil
}

func TestPanicInPoll(t *testing.T) {
	r := &hooked{rig: newRig(0, 1, 2)}
	c := sluice.NewCursor[int](r)
	wantNext(t, c, 0, 1, 2)
	r.vs = append(r.vs, 3, 4)
	r.poll = func() { panic("a codec's bug") }
	func() {
		defer func() { recover() }()
		c.TryNext()
	}()
	if got := c.Offset(); got != 3 {
		t.Errorf("Offset() after a panic in Poll = %v, want 3", got)
	}
	r.poll = nil
	wantNext(t, c, 3, 4)
	c.Close()
	if r.closed != 1 {
		t.Errorf("the reader was closed %d times, want once", r.closed)
	}
}

// What ended a context may be anything, as with errgroup: also the gap of another cursor, or the end of another source. To
// the loop it is the end, told once.
func TestCauseThatLooksLikeAnEndOrAGap(t *testing.T) {
	for _, cause := range []error{&sluice.LagError{From: 3, To: 5}, sluice.ErrClosed} {
		_, c := numbers(t, 3)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		var errs []error
		for _, err := range c.All(ctx) {
			errs = append(errs, err)
			if len(errs) > 10 {
				break
			}
		}
		values, err := c.Values(ctx)
		if got := slices.Collect(values); len(got) != 0 || err() != cause {
			t.Errorf("Values() yields %v, %v, want nothing and %v", got, err(), cause)
		}
		backlog, err := c.Backlog(ctx)
		if got := slices.Collect(backlog); len(got) != 0 || err() != cause {
			t.Errorf("Backlog() yields %v, %v, want nothing and %v", got, err(), cause)
		}
		_, stop := c.Chan(ctx, 1)
		if err := stop(); err != cause {
			t.Errorf("stop() = %v, want %v", err, cause)
		}
		if !slices.Equal(errs, []error{cause}) || c.Missed() != 0 || c.Offset() != 0 {
			t.Errorf("All() yields %v, Missed() = %v, Offset() = %v, want the cause once, 0, 0", errs, c.Missed(), c.Offset())
		}
	}
}

func TestChanCauseThatLooksLikeAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sluice.NewCursor[int](newGappy(60)).SkipGaps()
		defer c.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := &sluice.LagError{From: 3000, To: 5000}
		_, stop := c.Chan(ctx, 3)
		synctest.Wait()
		cancel(cause)
		if err := stop(); err != error(cause) {
			t.Errorf("stop() = %v, want the cause", err)
		}
		wantWhole(t, c, nil, 60)
	})
}

func TestCloseInTheBodyEndsTheLoopSoon(t *testing.T) {
	_, c := numbers(t, 1000)
	c.Seek(sluice.At(500)) // in the middle of a large batch
	n := 0
	for range c.All(t.Context()) {
		n++
		c.Close()
	}
	if n > 16 {
		t.Errorf("the loop went on for %d values after Close, want at most 16", n)
	}
}

func TestSeekForgetsWhatTheChannelLeft(t *testing.T) {
	_, c := numbers(t, 100)
	values, stop := c.Chan(t.Context(), 5)
	if v := <-values; v != 0 {
		t.Errorf("received %v, want 0", v)
	}
	stop()
	c.Seek(sluice.At(50))
	wantNext(t, c, 50)
}

// A second channel that is stopped before it has passed on what the first one left.
func TestChannelsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := numbers(t, 100)
		next := 0
		for _, size := range []int{8, 1, 0, 5, 3} {
			values, stop := c.Chan(t.Context(), size)
			if v := <-values; v != next {
				t.Errorf("received %v, want %v", v, next)
			}
			next++
			synctest.Wait() // the channel fills
			if err := stop(); err != nil || int(c.Offset()) != next {
				t.Errorf("stop() = %v, Offset() = %v, want nil, %v", err, c.Offset(), next)
			}
		}
		for ; next < 100; next++ {
			wantNext(t, c, next)
		}
	})
}

func TestChanOfAClosedCursor(t *testing.T) {
	_, c := numbers(t, 100)
	c.Close()
	values, stop := c.Chan(t.Context(), 0)
	if v, ok := <-values; ok {
		t.Errorf("received %v from a closed cursor", v)
	}
	if err := stop(); err != nil {
		t.Errorf("stop() = %v, want nil", err)
	}
}

// With values left in the channel, the writer's error behind them is told when they have been read.
func TestStopBeforeTheWritersError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		log := replay.New[int](replay.Options{})
		log.AppendAll(t.Context(), []int{0, 1, 2})
		log.CloseWithError(broken)
		c := log.Cursor(sluice.Oldest())
		defer c.Close()
		values, stop := c.Chan(t.Context(), 5)
		<-values
		synctest.Wait()
		if err := stop(); err != nil {
			t.Errorf("stop() = %v, want nil: 1 and 2 were left", err)
		}
		wantNext(t, c, 1, 2)
		if _, err := c.Next(t.Context()); err != broken {
			t.Errorf("Next() = _, %v, want %v", err, broken)
		}
	})
}

// A store whose values take time to arrive: Poll finds nothing, though Bounds says that there is something.
func TestBacklogWaitsForWhatIsThere(t *testing.T) {
	c := sluice.NewCursor[int](&late{rig: newRig(0, 1, 2)})
	defer c.Close()
	values, err := c.Backlog(t.Context())
	if got := slices.Collect(values); !slices.Equal(got, []int{0, 1, 2}) || err() != nil {
		t.Errorf("Backlog() yields %v, %v, want [0 1 2], nil", got, err())
	}
}

// late finds something only in every second Poll.
type late struct {
	*rig
	polls int
}

func (r *late) Poll() ([]int, error) {
	if r.polls++; r.polls%2 == 1 {
		return nil, nil
	}
	return r.rig.Poll()
}

func (r *late) Wait(context.Context) error { return nil }

// Close may come at any time, also while stop takes back what the channel left.
func TestCloseWhileStopRuns(t *testing.T) {
	for range 2000 {
		_, c := numbers(t, 100)
		values, stop := c.Chan(t.Context(), 3)
		<-values
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			c.Close()
		}()
		if err := stop(); err != nil {
			t.Fatalf("stop() = %v, want nil", err)
		}
		<-closed
	}
}
