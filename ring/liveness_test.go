package ring_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// blockedAfterSeek returns a gated ring of 16 that ends at 21, with a cursor at 10 and a writer that waits for room for 10.
func blockedAfterSeek(ctx context.Context, t *testing.T) (*ring.Ring[int], *sluice.Cursor[int]) {
	t.Helper()
	r := ring.New[int](16, ring.Options{Policy: ring.Gated})
	c := r.Cursor(sluice.Oldest())
	t.Cleanup(func() { c.Close() })
	appendN(t, r, 16)
	if err := c.Seek(sluice.At(10)); err != nil {
		t.Fatalf("Seek(At(10)) = %v, want nil", err)
	}
	appendN(t, r, 5)
	go r.AppendAll(ctx, make([]int, 10))
	synctest.Wait()
	return r, c
}

// A cursor that is opened far back while a writer waits becomes the slowest; when it moves, a writer that it made room for
// must not go on sleeping.
func TestGatedCursorOpenedBehindAWaitingWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, _ := blockedAfterSeek(ctx, t)
		behind := r.Cursor(sluice.Oldest()) // at 5
		defer behind.Close()
		small := blocked(t, r, ctx)
		behind.Seek(sluice.At(9)) // room for 4
		goesOn(t, small, nil)
	})
}

func TestGatedCursorSeeksBackBehindAWaitingWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, c := blockedAfterSeek(ctx, t)
		c.Seek(sluice.Oldest())
		small := blocked(t, r, ctx)
		for want := 5; want < 10; want++ {
			wantValue(t, c, want)
		}
		goesOn(t, small, nil)
	})
}

func TestGatedAppendWithoutAContext(t *testing.T) {
	eachGatedInBubble(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](2, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		appendN(t, r, 2)
		for range 3 {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("Append(nil, …) on a full ring does not panic")
					}
				}()
				var none context.Context
				r.Append(none, 2)
			}()
		}
		got := blocked(t, r, t.Context())
		wantValue(t, c, 0)
		wantValue(t, c, 1)
		goesOn(t, got, nil)
	})
}

func TestBlockedSinceIsWhenTheWaitBegan(t *testing.T) {
	eachGatedInBubble(t, func(t *testing.T, o ring.Options) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := ring.New[int](8, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		appendN(t, r, 8)
		began := time.Now()
		go r.AppendAll(ctx, make([]int, 8))
		synctest.Wait()
		time.Sleep(time.Hour)
		for want := range 5 { // wakes the writer, who still has not enough room
			wantValue(t, c, want)
		}
		synctest.Wait()
		if s := r.Stats(); s.BlockedWriters != 1 || !s.BlockedSince.Equal(began) {
			t.Errorf("Stats() = %+v, want one writer blocked since %v", s, began)
		}
	})
}

func TestGatedRefusesWhatCanNeverFit(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](4, o) // no cursor
		if _, err := r.AppendAll(t.Context(), make([]int, 100)); err == nil {
			t.Error("AppendAll(100 values) on a ring of 4 = _, nil")
		}
		if _, err := r.AppendFunc(t.Context(), math.MaxInt, func([]int) { t.Error("fill is called") }); err == nil {
			t.Error("AppendFunc(MaxInt) on a ring of 4 = _, nil")
		}
		appendN(t, r, 1)
	})
}

// One goroutine that appends and reads by turns must not wait for itself, however small the ring.
func TestGatedByTurns(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](1, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		for want := range 100 {
			appendN(t, r, 1)
			wantValue(t, c, want)
		}
	})
}

func TestCloseWakesAWaitingCursor(t *testing.T) {
	for name, o := range policies {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ring.New[int](4, o)
				c := r.Cursor(sluice.Oldest())
				got := make(chan error, 1)
				go func() {
					_, err := c.Next(context.Background())
					got <- err
				}()
				synctest.Wait()
				c.Close()
				if err := <-got; err != sluice.ErrClosed {
					t.Errorf("Next() = _, %v, want ErrClosed", err)
				}
				appendN(t, r, 20)
			})
		})
	}
}

// However Close meets a read, the closed cursor holds nobody back.
func TestGatedCloseWhileReading(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		rounds := 20_000
		if testing.Short() {
			rounds = 1000
		}
		for i := range rounds {
			r := ring.New[int](4, o)
			c := r.Cursor(sluice.Oldest())
			started, done := make(chan struct{}), make(chan struct{})
			go func() {
				close(started)
				c.Next(context.Background())
				close(done)
			}()
			<-started
			for range i % 60 {
				r.Bounds()
			}
			c.Close()
			<-done
			if n := len(r.Stats().Cursors); n != 0 {
				t.Fatalf("round %d: Stats() lists %d cursors after Close and Next have returned", i, n)
			}
		}
	})
}

// Writers of all sizes, some cancelled, and cursors that open anywhere, seek back and are closed from elsewhere: all that is
// to be appended is.
func TestGatedStaysAlive(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		for range 20 {
			r := ring.New[int](16, o)
			ctx, cancel := context.WithCancel(t.Context())
			var writing, reading sync.WaitGroup
			for range writers(o, 3) {
				writing.Go(func() {
					for range 300 {
						one, cancel := ctx, context.CancelFunc(func() {})
						if rand.N(20) == 0 {
							one, cancel = context.WithTimeout(ctx, rand.N(100*time.Microsecond))
						}
						if _, err := r.AppendAll(one, make([]int, rand.N(17))); err != nil && !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("AppendAll() = _, %v, want nil or a deadline", err)
						}
						cancel()
					}
				})
			}
			for range 3 {
				reading.Go(func() {
					for ctx.Err() == nil {
						readAndSeek(ctx, r)
					}
				})
			}
			writing.Wait() // a writer that is never woken hangs here
			cancel()
			reading.Wait()
			if n := len(r.Stats().Cursors); n != 0 {
				t.Errorf("Stats() lists %d cursors, want none", n)
			}
		}
	})
}

func readAndSeek(ctx context.Context, r *ring.Ring[int]) {
	c := r.Cursor([]sluice.Position{sluice.Oldest(), sluice.Newest()}[rand.N(2)])
	defer c.Close()
	if rand.N(2) == 0 {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			for range rand.N(1000) {
				r.Bounds()
			}
			c.Close()
		}()
		defer func() { <-closed }()
	}
	for range rand.N(60) {
		if _, err := c.Next(ctx); err != nil {
			return
		}
		if rand.N(30) == 0 {
			c.Seek(sluice.Oldest())
		}
	}
}

// Whoever looks at the bounds while fills panic sees them right.
func TestBoundsWhileFillPanics(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](2, o)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			defer cancel()
			for range 20_000 {
				for range 3 {
					r.Append(ctx, 1)
				}
				func() {
					defer func() { recover() }()
					r.AppendFunc(ctx, 2, func([]int) { panic("no") })
				}()
			}
		})
		var before sluice.Offset
		for ctx.Err() == nil {
			first, next := r.Bounds()
			if first < before || first > next {
				t.Errorf("Bounds() = %v, %v after first was %v", first, next, before)
			}
			before = first
		}
		wg.Wait()
	})
}
