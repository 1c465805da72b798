package ring_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

var stress = flag.Duration("stress", time.Second, "how long TestStress runs")

// Eight writers, or the one there may be, and eight readers that open and close cursors, stall, seek and cancel at random, for -stress. Each cursor
// checks that what it received and missed is all that it passed, and that each writer's values keep their order.
func TestStress(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			r := ring.New[[2]int64](200, o)
			var wg sync.WaitGroup
			var appended, received atomic.Int64
			for w := range int64(writers(o, 8)) {
				wg.Go(func() { appended.Add(stressWrite(ctx, t, r, w)) })
			}
			for range 8 {
				wg.Go(func() {
					for ctx.Err() == nil {
						received.Add(stressRead(ctx, t, r, o.SingleWriter))
					}
				})
			}
			atWork(*stress/time.Duration(len(policies)), &received)
			cancel(context.DeadlineExceeded)
			wg.Wait()
			if _, next := r.Bounds(); int64(next) != appended.Load() {
				t.Errorf("Bounds() = _, %v, want the %v that were appended", next, appended.Load())
			}
			t.Logf("appended %d, received %d", appended.Load(), received.Load())
		})
	}
}

// atWork waits for d of real time, which is what these tests run on, and if the machine is busy until something was done.
func atWork(d time.Duration, done *atomic.Int64) {
	time.Sleep(d)
	for done.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
}

// stressWrite appends values {w, 0}, {w, 1}, … by every method, and returns how many.
func stressWrite(ctx context.Context, t *testing.T, r *ring.Ring[[2]int64], w int64) (n int64) {
	for ctx.Err() == nil {
		one, cancel := ctx, context.CancelFunc(func() {})
		if rand.N(50) == 0 {
			one, cancel = context.WithTimeout(ctx, rand.N(time.Millisecond))
		}
		vs := make([][2]int64, 1+rand.N(20))
		fill := func(dst [][2]int64) {
			for i := range dst {
				dst[i] = [2]int64{w, n + int64(i)}
			}
		}
		var err error
		switch rand.N(4) {
		case 0:
			fill(vs)
			_, err = r.AppendAll(one, vs)
		case 1:
			_, err = r.AppendFunc(one, len(vs), fill)
		default:
			vs = vs[:1]
			_, err = r.Append(one, [2]int64{w, n})
		}
		cancel()
		if err == nil {
			n += int64(len(vs))
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("appending returns %v, want nil or a deadline", err)
		}
	}
	return n
}

// stressRead opens a cursor somewhere, reads for a while, and returns how many values it got.
func stressRead(ctx context.Context, t *testing.T, r *ring.Ring[[2]int64], single bool) (received int64) {
	ctx, cancel := context.WithTimeout(ctx, rand.N(20*time.Millisecond))
	defer cancel()
	first, next := r.Bounds()
	c := r.Cursor([]sluice.Position{sluice.Oldest(), sluice.Newest(), sluice.Last(5), sluice.At(first + rand.N(next-first+1))}[rand.N(4)])
	defer c.Close()
	if rand.N(3) == 0 {
		stop := context.AfterFunc(ctx, func() { c.Close() }) // from another goroutine
		defer stop()
	}
	start := c.Offset()
	var seen [8]int64
	for e, err := range c.Entries(ctx) {
		var lag *sluice.LagError
		switch {
		case errors.As(err, &lag):
			continue
		case errors.Is(err, context.DeadlineExceeded):
			continue
		case err != nil:
			t.Errorf("Entries() yields %v, want values and gaps", err)
		case seen[e.Value[0]] > e.Value[1]:
			t.Errorf("value %d of writer %d came behind its value %d", e.Value[1], e.Value[0], seen[e.Value[0]]-1)
		case single && e.Value[1] != int64(e.Offset):
			t.Errorf("the value at %d is the writer's %d", e.Offset, e.Value[1])
		case int64(e.Offset-start) != received+c.Missed():
			t.Errorf("at %d: received %d + missed %d since %d", e.Offset, received, c.Missed(), start)
		}
		seen[e.Value[0]] = e.Value[1] + 1
		received++
		if rand.N(10_000) == 0 {
			time.Sleep(rand.N(3 * time.Millisecond)) // a stall: this test runs on real time
		}
	}
	if int64(c.Offset()-start) != received+c.Missed() {
		t.Errorf("Offset() = %d, want %d: received %d + missed %d since %d", c.Offset(), int64(start)+received+c.Missed(), received, c.Missed(), start)
	}
	return received
}

// A single writer at full speed with hardly any room, and cursors that are opened, or seek back, at any moment of an append:
// each finds its own values, and the writer waits for it.
func TestStressOpeningWithoutALock(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := ring.New[int64](2, ring.Options{Policy: ring.Gated, SingleWriter: true})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := int64(0); ; n += 2 {
			if _, err := r.AppendAll(ctx, []int64{n, n + 1}); err != nil || n&1023 == 0 && ctx.Err() != nil {
				return
			}
		}
	})
	var opened atomic.Int64
	for i := range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				openedWithin(t, r, i%2 == 0)
				opened.Add(1)
			}
		})
	}
	atWork(*stress/4, &opened)
	cancel()
	wg.Wait()
	t.Logf("opened %d cursors", opened.Load())
}

// openedWithin opens a cursor at the oldest value, or moves one there, and looks at what is its own.
func openedWithin(t *testing.T, r *ring.Ring[int64], atOnce bool) {
	start := sluice.Newest()
	if atOnce {
		start = sluice.Oldest()
	}
	c := r.Cursor(start)
	defer c.Close()
	if !atOnce {
		c.Seek(sluice.Oldest())
	}
	off := c.Offset()
	for n := range sluice.Offset(5) {
		v, ok, err := c.TryNext()
		if err != nil || ok && v != int64(off+n) {
			t.Errorf("TryNext() = %d, %t, %v, want %d", v, ok, err, off+n)
		}
		if !ok {
			break
		}
	}
	if _, next := r.Bounds(); next > c.Offset()+4 {
		t.Errorf("the end is %d, with a cursor at %d, want the writer to wait for it", next, c.Offset())
	}
}
