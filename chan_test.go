package sluice_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// gappy is a Reader with batches of 3 and, before each, a gap of 2.
type gappy struct {
	*rig
	gap bool
}

func newGappy(n int) *gappy {
	r := newRig()
	for i := range n {
		r.vs = append(r.vs, i)
	}
	return &gappy{rig: r}
}

func (r *gappy) Poll() ([]int, error) {
	off, n := r.off, sluice.Offset(3)
	if r.gap = !r.gap; r.gap {
		n = 2
	}
	n = min(n, sluice.Offset(len(r.vs))-off)
	if n == 0 {
		return nil, sluice.ErrClosed
	}
	if r.off += n; r.gap {
		return nil, &sluice.LagError{From: off, To: off + n}
	}
	return r.vs[off : off+n], nil
}

// wantWhole reads on by another method and checks that, with what came before, everything is there once or missed once.
func wantWhole(t testing.TB, c *sluice.Cursor[int], received []int, n int) {
	t.Helper()
	next := 0
	if len(received) > 0 {
		next = received[len(received)-1] + 1
	}
	for {
		off := c.Offset()
		v, err := c.Next(t.Context())
		if err == sluice.ErrClosed {
			break
		}
		if lag, ok := err.(*sluice.LagError); ok {
			if lag.From != off || lag.To != c.Offset() {
				t.Fatalf("Next() at %v = _, %v, then Offset() = %v", off, err, c.Offset())
			}
			next = int(lag.To)
		} else if err != nil {
			t.Fatalf("Next() = _, %v, want a value, a gap or the end", err)
		} else {
			if v < next || v != int(c.Offset())-1 {
				t.Fatalf("Next() = %v, Offset() = %v, want a value from %v on and the offset behind it", v, c.Offset(), next)
			}
			received = append(received, v)
			next = v + 1
		}
		if int64(len(received))+c.Missed() != int64(c.Offset()) {
			t.Fatalf("received %d + missed %d, Offset() = %v", len(received), c.Missed(), c.Offset())
		}
	}
	if int64(len(received))+c.Missed() != int64(n) {
		t.Fatalf("received %d + missed %d at the end, want %d", len(received), c.Missed(), n)
	}
}

// Whatever the receiver takes before stop, and whether gaps are errors or skipped: the cursor is left behind the last
// value received, and the counts are right at that moment.
func TestStopLeavesTheCursorAtTheFirstValueNotReceived(t *testing.T) {
	const n = 60
	for _, skip := range []bool{false, true} {
		for size := range 12 {
			for take := range 40 {
				synctest.Test(t, func(t *testing.T) {
					c := sluice.NewCursor[int](newGappy(n))
					defer c.Close()
					if skip {
						c.SkipGaps()
					}
					var received []int
					for len(received) < take {
						values, stop := c.Chan(t.Context(), size)
						k := 1 + rand.N(7)
						for v := range values {
							received = append(received, v)
							if k--; k == 0 || len(received) == take {
								break
							}
						}
						synctest.Wait() // the channel fills
						err := stop()
						if again := stop(); again != err {
							t.Fatalf("stop() = %v, and %v when called again", err, again)
						}
						var lag *sluice.LagError
						if err != nil && (skip || !errors.As(err, &lag)) {
							t.Fatalf("stop() = %v", err)
						}
						if got := int64(len(received)) + c.Missed(); got != int64(c.Offset()) {
							t.Fatalf("received %d + missed %d, Offset() = %v", len(received), c.Missed(), c.Offset())
						}
						if err == nil && len(received) > 0 && !skip && int(c.Offset()) != received[len(received)-1]+1 {
							t.Fatalf("Offset() = %v after receiving %v", c.Offset(), received[len(received)-1])
						}
						if c.Offset() == n {
							break
						}
					}
					wantWhole(t, c, received, n)
				})
			}
		}
	}
}

func TestChanEnds(t *testing.T) {
	broken := errors.New("broken")
	log := replay.New[int](replay.Options{})
	log.AppendAll(t.Context(), []int{1, 2, 3})
	log.CloseWithError(broken)
	c := log.Cursor(sluice.Oldest())
	defer c.Close()
	values, stop := c.Chan(t.Context(), 1)
	n := 0
	for range values {
		n++
	}
	if err := stop(); n != 3 || err != broken {
		t.Errorf("%d values, stop() = %v, want 3, %v", n, err, broken)
	}
}

func TestChanWithANegativeCapacityPanics(t *testing.T) {
	_, c := numbers(t, 1)
	defer func() {
		if recover() == nil {
			t.Error("Chan(ctx, -1) does not panic")
		}
		wantNext(t, c, 0)
	}()
	c.Chan(t.Context(), -1)
}
