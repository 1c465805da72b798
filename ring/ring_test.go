package ring_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

var policies = map[string]ring.Options{
	"Overwrite":               {},
	"Gated":                   {Policy: ring.Gated},
	"Overwrite, SingleWriter": {SingleWriter: true},
	"Gated, SingleWriter":     {Policy: ring.Gated, SingleWriter: true},
}

func appendN(t testing.TB, r *ring.Ring[int], n int) {
	t.Helper()
	for range n {
		_, next := r.Bounds()
		if off, err := r.Append(context.Background(), int(next)); off != next || err != nil {
			t.Fatalf("Append() = %v, %v, want %v, nil", off, err, next)
		}
	}
}

// wantValue reads one value, which is its offset.
func wantValue(t testing.TB, c *sluice.Cursor[int], want int) {
	t.Helper()
	if v, ok, err := c.TryNext(); v != want || !ok || err != nil {
		t.Fatalf("TryNext() = %v, %v, %v, want %v, true, nil", v, ok, err, want)
	}
}

func wantNothing(t testing.TB, c *sluice.Cursor[int], want error) {
	t.Helper()
	if v, ok, err := c.TryNext(); ok || err != want {
		t.Fatalf("TryNext() = %v, %v, %v, want nothing and %v", v, ok, err, want)
	}
}

func wantLag(t testing.TB, c *sluice.Cursor[int], from, to sluice.Offset) {
	t.Helper()
	_, ok, err := c.TryNext()
	lag, isLag := err.(*sluice.LagError)
	if ok || !isLag || lag.From != from || lag.To != to {
		t.Fatalf("TryNext() = _, %v, %v, want a LagError{%v, %v}", ok, err, from, to)
	}
}

// What is kept is at least the capacity, at most a chunk more than that (or the next power of two), and Bounds is the truth.
func TestCapacityAndBounds(t *testing.T) {
	for name, o := range policies {
		for _, capacity := range []int{1, 2, 3, 4, 5, 7, 8, 100, 127, 128, 129, 200, 1000, 1024, 5000} {
			t.Run(fmt.Sprint(name, capacity), func(t *testing.T) {
				r := ring.New[int](capacity, o)
				for n := 1; n < 3*capacity+300; n++ {
					appendN(t, r, 1)
					first, next := r.Bounds()
					kept := int(next - first)
					if int(next) != n || kept < min(n, capacity) || kept > 2*capacity+128 {
						t.Fatalf("Bounds() = %v, %v after %d appends, want at least %d and at most %d kept",
							first, next, n, capacity, 2*capacity+128)
					}
					if n%17 == 0 || n < 20 {
						c := r.Cursor(sluice.Oldest())
						for want := int(first); want < n; want++ {
							wantValue(t, c, want)
						}
						wantNothing(t, c, nil)
						c.Close()
					}
				}
			})
		}
	}
}

func TestMisusePanics(t *testing.T) {
	for want, call := range map[string]func(){
		"at least 1 and at most 268435456, got 0":    func() { ring.New[int](0, ring.Options{}) },
		"at least 1 and at most 268435456, got -5":   func() { ring.New[int](-5, ring.Options{Policy: ring.Gated}) },
		"at most 268435456, got 268435457":           func() { ring.New[int](1<<28+1, ring.Options{}) },
		"must be Overwrite or Gated, got Policy(7)":  func() { ring.New[int](1, ring.Options{Policy: 7}) },
		"AppendFunc needs at least 0 values, got -1": func() { ring.New[int](1, ring.Options{}).AppendFunc(context.Background(), -1, nil) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("panics with %q, want %q", got, want)
				}
			}()
			call()
		}()
	}
}

// Offsets far up, and chunk borders everywhere.
func TestOffsetsNearTheEndOfTheirRange(t *testing.T) {
	const start = sluice.Offset(1)<<62 - 128
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.NewAt[int](300, o, start)
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			for i := range 5000 {
				want := start + sluice.Offset(i)
				if off, err := r.Append(t.Context(), i); off != want || err != nil {
					t.Fatalf("Append() = %v, %v, want %v, nil", off, err, want)
				}
				if v, err := c.Next(t.Context()); v != i || err != nil || c.Offset() != want+1 {
					t.Fatalf("Next() = %v, %v, Offset() = %v, want %v, nil, %v", v, err, c.Offset(), i, want+1)
				}
			}
		})
	}
}

func TestAppendAllOfAnySize(t *testing.T) {
	for name, o := range policies {
		r := ring.New[int](300, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		next := 0
		for size := 0; size < 512; size += 7 {
			vs := make([]int, size)
			for i := range vs {
				vs[i] = next + i
			}
			if first, err := r.AppendAll(t.Context(), vs); int(first) != next || err != nil {
				t.Fatalf("%s: AppendAll(%d values) = %v, %v, want %v, nil", name, size, first, err, next)
			}
			next += size
			if o.Policy == ring.Gated {
				for want := next - size; want < next; want++ {
					wantValue(t, c, want)
				}
				wantNothing(t, c, nil)
				continue
			}
			first, _ := r.Bounds()
			c := r.Cursor(sluice.Oldest())
			for want := int(first); want < next; want++ {
				wantValue(t, c, want)
			}
			c.Close()
		}
	}
}

func TestAppendFunc(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.New[int](200, o)
			next := 0
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			for i := range 1000 {
				n := i * 7 % 190
				first, err := r.AppendFunc(t.Context(), n, func(dst []int) {
					if len(dst) != n {
						t.Fatalf("fill gets %d slots, want %d", len(dst), n)
					}
					for i := range dst {
						dst[i] = next + i
					}
				})
				if int(first) != next || err != nil {
					t.Fatalf("AppendFunc(%d) = %v, %v, want %v, nil", n, first, err, next)
				}
				for want := next; want < next+n; want++ {
					wantValue(t, c, want)
				}
				wantNothing(t, c, nil)
				next += n
			}
		})
	}
}

func TestAppendFuncThatPanicsAppendsNothing(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.New[int](8, o)
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			for i := range 100 {
				func() {
					defer func() { recover() }()
					r.AppendFunc(t.Context(), 3, func(dst []int) {
						dst[0], dst[2] = -1, -1
						panic("no")
					})
				}()
				wantNothing(t, c, nil)
				appendN(t, r, 1)
				wantValue(t, c, i)
			}
		})
	}
}

// Nor does it change what is retained: a gated ring, which fills over its oldest values, says that they are gone.
func TestAppendFuncThatPanicsHidesWhatItDestroyed(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			r := ring.New[int](4, o)
			appendN(t, r, 4)
			func() {
				defer func() { recover() }()
				r.AppendFunc(t.Context(), 2, func(dst []int) { dst[0] = 999; panic("no") })
			}()
			first, next := r.Bounds()
			want := sluice.Offset(0)
			if o.Policy == ring.Gated && !o.SingleWriter {
				want = 2
			}
			if first != want || next != 4 {
				t.Errorf("Bounds() = %v, %v, want %v, 4", first, next, want)
			}
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			for want := int(first); want < 4; want++ {
				wantValue(t, c, want)
			}
		})
	}
}

func TestAppendFuncAfterClose(t *testing.T) {
	for name, o := range policies {
		r := ring.New[int](4, o)
		r.Close()
		if _, err := r.AppendFunc(t.Context(), 1, func([]int) {}); err != sluice.ErrClosed {
			t.Errorf("%s: AppendFunc() = _, %v, want ErrClosed", name, err)
		}
	}
}

func TestFailedOpenStandsAtTheEnd(t *testing.T) {
	for name, o := range policies {
		r := ring.New[int](4, o)
		appendN(t, r, 3)
		c := r.Cursor(sluice.At(7))
		if got := c.Offset(); got != 3 {
			t.Errorf("%s: Offset() = %v, want 3", name, got)
		}
		c.Close()
	}
}

func TestCloseWakesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ring.New[int](2, ring.Options{Policy: ring.Gated})
		slow, idle := r.Cursor(sluice.Oldest()), r.Cursor(sluice.Newest())
		defer slow.Close()
		defer idle.Close()
		appendN(t, r, 2)
		errs := make(chan error, 3)
		go func() { _, err := r.Append(t.Context(), 2); errs <- err }()
		go func() { _, err := r.AppendAll(t.Context(), []int{2, 3}); errs <- err }()
		go func() { _, err := r.AppendFunc(t.Context(), 1, func([]int) { t.Error("fill is called") }); errs <- err }()
		synctest.Wait()
		if got := r.Stats(); got.BlockedWriters != 3 {
			t.Errorf("Stats().BlockedWriters = %d, want 3", got.BlockedWriters)
		}
		r.Close()
		r.Close()
		for range 3 {
			if err := <-errs; err != sluice.ErrClosed {
				t.Errorf("an append that waited returns %v, want ErrClosed", err)
			}
		}
		for _, c := range []*sluice.Cursor[int]{slow, idle} {
			wantValue(t, c, 0)
			wantValue(t, c, 1)
			wantNothing(t, c, sluice.ErrClosed)
		}
		if _, err := r.Append(t.Context(), 1); !errors.Is(err, sluice.ErrClosed) {
			t.Errorf("Append() = _, %v, want ErrClosed", err)
		}
	})
}

// A writer that failed does not look as if it were done: readers, late ones too, get its error behind the last value, once.
func TestCloseWithError(t *testing.T) {
	broken := errors.New("upstream broke")
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			for want, end := range map[error]func(*ring.Ring[int]) error{
				broken: func(r *ring.Ring[int]) error {
					return errors.Join(r.CloseWithError(broken), r.CloseWithError(io.EOF), r.Close())
				},
				nil: func(r *ring.Ring[int]) error { return errors.Join(r.CloseWithError(nil), r.CloseWithError(broken)) },
			} {
				r := ring.New[int](8, o)
				early := r.Cursor(sluice.Oldest())
				appendN(t, r, 3)
				if err := end(r); err != nil {
					t.Errorf("CloseWithError() = %v", err)
				}
				for _, c := range []*sluice.Cursor[int]{early, r.Cursor(sluice.Oldest())} {
					defer c.Close()
					values, err := c.Values(t.Context())
					if got := slices.Collect(values); len(got) != 3 || err() != want {
						t.Errorf("got %v and %v, want 3 values and %v", got, err(), want)
					}
				}
				if _, err := r.Append(t.Context(), 1); err != sluice.ErrClosed {
					t.Errorf("Append() = %v, want ErrClosed", err)
				}
			}
		})
	}
	r := ring.New[int](8, ring.Options{})
	r.CloseWithError(&sluice.LagError{From: 1, To: 2})
	c := r.Cursor(sluice.Oldest()).SkipGaps()
	defer c.Close()
	if _, err := c.Next(t.Context()); !errors.As(err, new(*sluice.LagError)) || c.Missed() != 0 {
		t.Errorf("Next() = %v, missed %d, want the lag that the writer had, as the end", err, c.Missed())
	}
}
