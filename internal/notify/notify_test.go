package notify_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/internal/notify"
)

// A gate is the smallest store: a number that grows, and readers that wait for it to reach theirs.
type gate struct {
	notify.List
	n atomic.Int64
}

func (g *gate) add() {
	g.n.Add(1)
	if g.Waiting() {
		g.Wake()
	}
}

type waiter struct {
	w notify.Waiter
	p notify.Parking
}

func (w *waiter) wait(ctx context.Context, g *gate, n int64) error {
	ready := func() bool { return g.n.Load() >= n }
	for !ready() {
		if err := g.Wait(ctx, &w.w, &w.p, ready); err != nil {
			return err
		}
	}
	return nil
}

func TestOneAddWakesAll(t *testing.T) {
	for _, readers := range []int{1, 2, 3, 4, 100, 1001} {
		synctest.Test(t, func(t *testing.T) {
			var g gate
			var woken atomic.Int64
			for range readers {
				go func() {
					var w waiter
					if err := w.wait(t.Context(), &g, 1); err != nil {
						t.Errorf("Wait() = %v, want nil", err)
					}
					woken.Add(1)
				}()
			}
			synctest.Wait()
			if !g.Waiting() {
				t.Errorf("Waiting() = false with %d readers parked", readers)
			}
			g.add()
			synctest.Wait()
			if got := woken.Load(); got != int64(readers) {
				t.Errorf("one Wake woke %d of %d readers", got, readers)
			}
			if g.Waiting() {
				t.Error("Waiting() = true after everybody left")
			}
		})
	}
}

// A reader that is cancelled while a wake spreads must not swallow it.
func TestCancelledReadersPassTheWakeOn(t *testing.T) {
	for round := range 200 {
		synctest.Test(t, func(t *testing.T) {
			var g gate
			var ended sync.WaitGroup
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			for i := range 50 {
				ended.Go(func() {
					var w waiter
					if i%2 == 0 {
						if err := w.wait(ctx, &g, 1); err != nil && err != cause {
							t.Errorf("Wait() = %v, want nil or the cause", err)
						}
					} else if err := w.wait(t.Context(), &g, 1); err != nil {
						t.Errorf("Wait() = %v, want nil", err)
					}
				})
			}
			synctest.Wait()
			if round%2 == 0 {
				go cancel(cause)
				g.add()
			} else {
				go g.add()
				cancel(cause)
			}
			ended.Wait() // a lost wake is a deadlock, which the bubble reports
		})
	}
}

func TestKickWakesOnlyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		var closed [3]atomic.Bool
		var woken atomic.Int64
		ws := make([]waiter, len(closed))
		for i := range ws {
			go func() {
				g.Wait(t.Context(), &ws[i].w, &ws[i].p, func() bool { return g.n.Load() > 0 || closed[i].Load() })
				woken.Add(1)
			}()
		}
		synctest.Wait()
		closed[1].Store(true)
		g.Kick(&ws[1].p)
		synctest.Wait()
		if got := woken.Load(); got != 1 {
			t.Errorf("Kick woke %d readers, want 1", got)
		}
		g.Kick(&ws[1].p) // not parked: nothing happens
		g.add()
		synctest.Wait()
		if got := woken.Load(); got != 3 {
			t.Errorf("%d readers woken after Wake, want 3", got)
		}
	})
}

// A reader that is kicked while a wake on its way to it was already counted must not be counted again.
func TestKickOfOneThatIsDue(t *testing.T) {
	var l notify.List
	var w [4]notify.Waiter
	var p [4]notify.Parking
	for i := range 3 {
		l.Park(&p[i], &w[i])
	}
	l.Wake() // signals two; the third is due
	l.Kick(&p[2])
	if l.Waiting() {
		t.Error("Waiting() = true, though everybody is signalled")
	}
	l.Park(&p[3], &w[3])
	if !l.Waiting() {
		t.Error("Waiting() = false with one parked")
	}
	l.Kick(&p[3])
	if l.Waiting() {
		t.Error("Waiting() = true, though everybody is signalled")
	}
}

func TestOneWaiterManyLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := make([]gate, 20)
		var turn atomic.Int64
		go func() {
			var w notify.Waiter
			places := make([]notify.Parking, len(lists))
			for next := range int64(100) {
				for turn.Load() <= next {
					for i := range lists {
						lists[i].Park(&places[i], &w)
					}
					if turn.Load() <= next {
						w.Sleep(t.Context())
					}
					for i := range lists {
						lists[i].Leave(&places[i])
					}
					w.Clear()
				}
			}
			turn.Store(-1)
		}()
		for i := range 100 {
			synctest.Wait()
			turn.Add(1)
			g := &lists[i*7%len(lists)]
			g.add()
			lists[i*11%len(lists)].add() // two lists at once: one signal is enough
		}
		synctest.Wait()
		if turn.Load() != -1 {
			t.Errorf("the waiter is at turn %d, want it through all 100", turn.Load())
		}
	})
}

// Every lost wake-up would leave a reader asleep, and the test hanging.
func TestPingPongLosesNoWakeUp(t *testing.T) {
	const rounds, readers = 20_000, 3
	var g, back gate
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			var w waiter
			for n := range int64(rounds) {
				if err := w.wait(t.Context(), &g, n+1); err != nil {
					t.Errorf("Wait() = %v, want nil", err)
					return
				}
				back.add()
			}
		})
	}
	var w waiter
	for n := range int64(rounds) {
		g.add()
		if err := w.wait(t.Context(), &back, (n+1)*readers); err != nil {
			t.Fatalf("Wait() = %v, want nil", err)
		}
	}
	wg.Wait()
}

func TestWakingAllocatesNothing(t *testing.T) {
	var g, back gate
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		var w waiter
		for n := int64(1); w.wait(ctx, &g, n) == nil; n++ {
			back.add()
		}
	})
	var w waiter
	n := int64(0)
	got := testing.AllocsPerRun(1000, func() {
		n++
		g.add()
		if err := w.wait(ctx, &back, n); err != nil {
			t.Fatalf("Wait() = %v, want nil", err)
		}
	})
	cancel()
	ended.Wait()
	if got != 0 {
		t.Errorf("a wake and a wait allocate %v times, want 0", got)
	}
}
