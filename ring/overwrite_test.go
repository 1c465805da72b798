package ring_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// The points of tokio::sync::broadcast, one by one.

func TestLagIsPerReaderAndExact(t *testing.T) {
	r := ring.New[int](4, ring.Options{})
	a, b := r.Cursor(sluice.Oldest()), r.Cursor(sluice.Oldest())
	defer a.Close()
	defer b.Close()
	appendN(t, r, 3)
	for want := range 3 {
		wantValue(t, a, want)
	}
	appendN(t, r, 9)
	first, _ := r.Bounds()
	wantLag(t, a, 3, first)
	wantLag(t, b, 0, first)
	if got, want := [2]int64{a.Missed(), b.Missed()}, [2]int64{int64(first) - 3, int64(first)}; got != want {
		t.Errorf("Missed() = %v, want %v", got, want)
	}
	for want := int(first); want < 12; want++ {
		wantValue(t, a, want)
		wantValue(t, b, want)
	}
}

func TestLagAgainBeforeCatchingUp(t *testing.T) {
	r := ring.New[int](1, ring.Options{})
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	appendN(t, r, 10)
	wantLag(t, c, 0, 9)
	appendN(t, r, 10)
	wantLag(t, c, 9, 19)
	wantValue(t, c, 19)
	appendN(t, r, 1)
	wantValue(t, c, 20)
	wantNothing(t, c, nil)
}

func TestClosedWhileLagging(t *testing.T) {
	r := ring.New[int](4, ring.Options{})
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	appendN(t, r, 10)
	r.Close()
	first, _ := r.Bounds()
	wantLag(t, c, 0, first)
	for want := int(first); want < 10; want++ {
		wantValue(t, c, want)
	}
	wantNothing(t, c, sluice.ErrClosed)
}

func TestOpenAfterClose(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.New[int](4, o)
			appendN(t, r, 2)
			r.Close()
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			wantValue(t, c, 0)
			wantValue(t, c, 1)
			wantNothing(t, c, sluice.ErrClosed)
			c = r.Cursor(sluice.Newest())
			defer c.Close()
			wantNothing(t, c, sluice.ErrClosed)
		})
	}
}

// Resubscribing at the tail is a Seek.
func TestSeekToTheTail(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.New[int](8, o)
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			appendN(t, r, 5)
			if err := c.Seek(sluice.Newest()); err != nil {
				t.Fatalf("Seek(Newest) = %v, want nil", err)
			}
			wantNothing(t, c, nil)
			appendN(t, r, 1)
			wantValue(t, c, 5)
			if got := c.Missed(); got != 0 {
				t.Errorf("Missed() = %d, want 0: skipped by choice", got)
			}
		})
	}
}

// A value goes to the collector once it is overwritten, though its chunk is used again.
func TestValuesAreReleasedOnceOverwritten(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.New[*[64]byte](4, o)
			var old []weak.Pointer[[64]byte]
			for range 10 {
				v := new([64]byte)
				old = append(old, weak.Make(v))
				r.Append(context.Background(), v)
			}
			for range 5 { // Overwrite: into a chunk that is used again, and not to its end
				r.Append(context.Background(), nil)
			}
			runtime.GC()
			first, _ := r.Bounds()
			if o.Policy == ring.Gated && o.SingleWriter {
				first -= 4 // it has twice the slots
			}
			for i, w := range old[:first] {
				if w.Value() != nil {
					t.Errorf("value %d is still held, though the oldest is %d", i, first)
				}
			}
			runtime.KeepAlive(r)
		})
	}
}

// A reader that stalls holding a batch never stops a writer, and its batch does not change. One that waits holds nothing.
func TestStalledReaderHoldsOneChunk(t *testing.T) {
	r := ring.New[int](256, ring.Options{})
	appendN(t, r, 10)
	stalled, waits := r.Cursor(sluice.Oldest()), r.Cursor(sluice.Oldest())
	defer stalled.Close()
	for batch, err := range stalled.Batches(t.Context()) {
		if len(batch) != 10 || err != nil {
			t.Fatalf("Batches() yields %v, %v, want 10 values", batch, err)
		}
		appendN(t, r, 10_000)
		for i, v := range batch {
			if v != i {
				t.Fatalf("the lent batch changed: value %d became %d", i, v)
			}
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range waits.SkipGaps().All(ctx) {
		if err != nil {
			break
		}
		if waits.Lag() == 0 {
			cancel()
		}
	}
	if err := waits.Close(); err != nil {
		t.Fatalf("Close() = %v, want nil", err)
	}
	if got := ring.Pins(r); got != 0 { // the stalled one's chunk was replaced
		t.Errorf("%d readers are inside the ring's chunks, want 0", got)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.New[int](1000, o)
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			ctx := context.Background()
			batch := make([]int, 100)
			run := func() {
				for range 200 {
					r.Append(ctx, 1)
					c.Next(ctx)
				}
				r.AppendAll(ctx, batch)
				r.AppendFunc(ctx, 50, func([]int) {})
				for range 150 {
					c.TryNext()
				}
			}
			for range 10 {
				run()
			}
			if got := testing.AllocsPerRun(200, run); got != 0 {
				t.Errorf("appending and reading 350 values allocates %v times, want 0", got)
			}
		})
	}
}

// A value that is torn would have parts of two.
type wide struct {
	a    int64
	name string
	any  any
	fill [20]int64
}

func newWide(n int64) wide {
	w := wide{a: n, name: strings.Repeat("x", int(n%9)), any: n}
	for i := range w.fill {
		w.fill[i] = n
	}
	return w
}

func (w wide) whole() bool {
	if len(w.name) != int(w.a%9) || w.any != any(w.a) {
		return false
	}
	for _, f := range w.fill {
		if f != w.a {
			return false
		}
	}
	return true
}

func TestNoTornValues(t *testing.T) {
	const readers, each = 4, 10_000
	for _, capacity := range []int{1, 2, 100, 300} {
		for name, o := range policies {
			r, writers := ring.New[wide](capacity, o), int64(writers(o, 2))
			var writing, reading sync.WaitGroup
			for range readers {
				c := r.Cursor(sluice.Oldest()).SkipGaps()
				reading.Go(func() {
					defer c.Close()
					received := int64(0)
					for v, err := range c.All(t.Context()) {
						if err != nil || !v.whole() {
							t.Errorf("%s %d: All() yields %+v, %v, want a whole value", name, capacity, v, err)
							return
						}
						received++
					}
					if received+c.Missed() != writers*each || o.Policy == ring.Gated && c.Missed() > 0 {
						t.Errorf("%s %d: received %d + missed %d, want %d", name, capacity, received, c.Missed(), writers*each)
					}
				})
			}
			for w := range writers {
				writing.Go(func() {
					for i := range int64(each) {
						r.Append(t.Context(), newWide(i*writers+w))
					}
				})
			}
			writing.Wait()
			r.Close()
			reading.Wait()
		}
	}
}

// One writer that takes no lock, and readers: nothing torn, nothing lost without a word, whatever method it appends by.
func TestSingleWriter(t *testing.T) {
	for _, policy := range []ring.Policy{ring.Overwrite, ring.Gated} {
		t.Run(fmt.Sprint("policy ", policy), func(t *testing.T) { testSingleWriter(t, policy) })
	}
}

func testSingleWriter(t *testing.T, policy ring.Policy) {
	const n = 50_000
	r := ring.New[wide](100, ring.Options{Policy: policy, SingleWriter: true})
	var reading sync.WaitGroup
	for range 4 {
		c := r.Cursor(sluice.Oldest())
		reading.Go(func() {
			defer c.Close()
			received := int64(0)
			for e, err := range c.Entries(t.Context()) {
				if _, lag := err.(*sluice.LagError); lag {
					continue
				}
				if err != nil || !e.Value.whole() || e.Value.a != int64(e.Offset) {
					t.Errorf("Entries() yields %+v, %v, want a whole value", e, err)
					return
				}
				received++
			}
			if received+c.Missed() != n || policy == ring.Gated && c.Missed() > 0 {
				t.Errorf("received %d + missed %d, want %d", received, c.Missed(), n)
			}
		})
	}
	for next := int64(0); next < n; {
		switch k := min(n-next, 1+next%40); next % 3 {
		case 0:
			r.Append(t.Context(), newWide(next))
			next++
		default:
			fill := func(dst []wide) {
				for i := range dst {
					dst[i] = newWide(next + int64(i))
				}
			}
			if next%2 == 0 {
				r.AppendFunc(t.Context(), int(k), fill)
			} else {
				vs := make([]wide, k)
				fill(vs)
				r.AppendAll(t.Context(), vs)
			}
			next += k
		}
	}
	r.Close()
	reading.Wait()
}
