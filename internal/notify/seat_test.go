package notify_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/sluice-go/sluice/internal/notify"
)

// sit waits in s until g has reached n.
func (g *gate) sit(ctx context.Context, s *notify.Seat, n int64) error {
	ready := func() bool { return g.n.Load() >= n }
	for !ready() {
		if err := s.Wait(ctx, &g.List, ready); err != nil {
			return err
		}
	}
	return nil
}

// Each of many sleeps with one context ends by a wake, and the last by the context: the first two select, the others receive.
func TestSeatIsWokenAndCancelled(t *testing.T) {
	for sleeps := range int64(5) {
		synctest.Test(t, func(t *testing.T) {
			var g gate
			var s notify.Seat
			defer s.Close(&g.List)
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			for n := int64(1); n <= sleeps; n++ {
				go func() {
					synctest.Wait()
					g.add()
				}()
				if err := g.sit(ctx, &s, n); err != nil {
					t.Fatalf("sleep %d: %v, want nil", n, err)
				}
			}
			go func() {
				synctest.Wait()
				cancel(cause)
			}()
			if err := g.sit(ctx, &s, sleeps+1); err != cause {
				t.Errorf("after %d sleeps, Wait() = %v, want the cause", sleeps, err)
			}
			if err := g.sit(ctx, &s, sleeps+1); err != cause {
				t.Errorf("Wait() with an ended context = %v, want the cause", err)
			}
			if g.Waiting() {
				t.Error("Waiting() = true after everybody left")
			}
		})
	}
}

// The end of a context that the seat slept with before is nothing to the next one.
func TestSeatChangesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		var s notify.Seat
		defer s.Close(&g.List)
		old, cancelOld := context.WithCancel(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		n := int64(0)
		sleep := func(ctx context.Context) {
			n++
			go func() {
				synctest.Wait()
				g.add()
			}()
			if err := g.sit(ctx, &s, n); err != nil {
				t.Fatalf("sleep %d: %v, want nil", n, err)
			}
		}
		for _, c := range []context.Context{old, old, old, ctx, old, old, ctx, ctx, context.Background(), ctx} {
			sleep(c)
		}
		cancelOld()
		synctest.Wait()
		sleep(ctx)
		go func() {
			synctest.Wait()
			cancel()
		}()
		if err := g.sit(ctx, &s, n+1); err != context.Canceled {
			t.Errorf("Wait() = %v, want context.Canceled", err)
		}
	})
}

// detached is a context with an end of its own, whose values are those of another.
type detached struct{ context.Context }

func (d detached) Value(key any) any { return d.Context.Value(valuesOf{}).(context.Context).Value(key) }

type valuesOf struct{}

// Only the end of the context itself counts, whatever has become of the one that it has its values from.
func TestSeatAndAContextOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request, cancelRequest := context.WithCancelCause(t.Context())
		cancelRequest(errors.New("the request is over"))
		own, cancel := context.WithCancel(context.WithValue(t.Context(), valuesOf{}, request))
		ctx := detached{own}
		var g gate
		var s notify.Seat
		defer s.Close(&g.List)
		for n := range int64(4) {
			go func() {
				synctest.Wait()
				g.add()
			}()
			if err := g.sit(ctx, &s, n+1); err != nil {
				t.Fatalf("sleep %d: %v, want nil", n+1, err)
			}
		}
		go func() {
			synctest.Wait()
			cancel()
		}()
		if err := g.sit(ctx, &s, 5); err == nil {
			t.Error("Wait() = nil with an ended context")
		}
	})
}

// counted is a context that knows how many functions wait for its end.
type counted struct {
	context.Context
	funcs atomic.Int64
}

func (c *counted) AfterFunc(f func()) (stop func() bool) {
	c.funcs.Add(1)
	part := context.AfterFunc(c.Context, f)
	return func() bool {
		c.funcs.Add(-1)
		return part()
	}
}

// Value hides the context below, at which the context package would register itself else.
func (*counted) Value(any) any { return nil }

func TestSeatLetsGoOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under, cancel := context.WithCancel(t.Context())
		defer cancel()
		ctx := &counted{Context: under}
		var g gate
		var s notify.Seat
		for n := range int64(4) {
			go func() {
				synctest.Wait()
				g.add()
			}()
			g.sit(ctx, &s, n+1)
		}
		if got := ctx.funcs.Load(); got != 1 {
			t.Errorf("after 4 sleeps %d functions wait for the context, want 1", got)
		}
		s.Close(&g.List)
		if got := ctx.funcs.Load(); got != 0 {
			t.Errorf("after Close %d functions wait for the context, want 0", got)
		}
	})
}

// A context that has ended is left to the collector, with what it holds, whether or not the reader has seen the end.
func TestSeatForgetsAContextThatHasEnded(t *testing.T) {
	for _, asleep := range []bool{true, false} {
		var g gate
		var s notify.Seat
		held := sleepWithValue(&g, &s, asleep)
		for deadline := time.Now().Add(time.Minute); held.Value() != nil; runtime.Gosched() { // who was told of the end may not have run yet
			if runtime.GC(); time.Now().After(deadline) {
				t.Fatalf("asleep %t: the seat holds what the context does", asleep)
			}
		}
		s.Close(&g.List)
	}
}

// sleepWithValue sleeps a few times with a context that holds something, and ends it.
func sleepWithValue(g *gate, s *notify.Seat, asleep bool) weak.Pointer[[1 << 10]byte] {
	value := new([1 << 10]byte)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), valuesOf{}, value))
	defer cancel()
	for range 3 {
		s.Wait(ctx, &g.List, func() bool {
			g.Wake() // so that it falls asleep with the signal there
			return false
		})
	}
	if asleep {
		go cancel()
		g.sit(ctx, s, 1)
	}
	return weak.Make(value)
}

// Wakes, ends of contexts and Close at any moment: nobody sleeps for ever.
func TestSeatStress(t *testing.T) {
	rounds := int64(3000)
	if testing.Short() {
		rounds = 300
	}
	var g gate
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			var s notify.Seat
			defer s.Close(&g.List)
			n := int64(1)
			for n <= rounds {
				ctx, cancel := context.WithCancel(t.Context())
				pause := int(n) * (i + 1) % 300
				go func() {
					for range pause {
						g.Waiting()
					}
					cancel()
				}()
				for ; n <= rounds && g.sit(ctx, &s, n) == nil; n++ {
				}
				cancel()
			}
		})
	}
	wg.Go(func() {
		for range rounds {
			for range 200 {
				g.Waiting()
			}
			g.add()
		}
	})
	wg.Wait()
}

func TestSeatAllocatesNothing(t *testing.T) {
	var g gate
	var s notify.Seat
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer s.Close(&g.List)
	sleep := func() {
		s.Wait(ctx, &g.List, func() bool {
			g.Wake() // so that it falls asleep with the signal there
			return false
		})
	}
	sleep()
	sleep()
	if got := testing.AllocsPerRun(100, sleep); got != 0 {
		t.Errorf("a sleep allocates %v times, want 0", got)
	}
}
