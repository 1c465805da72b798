package ring_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// eachGated runs a test with one writer at a time over both forms of a gated ring.
func eachGated(t *testing.T, test func(t *testing.T, o ring.Options)) {
	for name, o := range map[string]ring.Options{
		"locked":       {Policy: ring.Gated},
		"SingleWriter": {Policy: ring.Gated, SingleWriter: true},
	} {
		t.Run(name, func(t *testing.T) { test(t, o) })
	}
}

func eachGatedInBubble(t *testing.T, test func(t *testing.T, o ring.Options)) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		synctest.Test(t, func(t *testing.T) { test(t, o) })
	})
}

// writers returns how many writers a ring with these options may have of n.
func writers(o ring.Options, n int) int {
	if o.SingleWriter {
		return 1
	}
	return n
}

// blocked starts an append and returns what it will return, after checking that it waits.
func blocked(t *testing.T, r *ring.Ring[int], ctx context.Context) <-chan error {
	t.Helper()
	got := make(chan error, 1)
	go func() {
		_, next := r.Bounds()
		_, err := r.Append(ctx, int(next))
		got <- err
	}()
	synctest.Wait()
	select {
	case err := <-got:
		t.Fatalf("Append() = _, %v at once, want it to wait", err)
	default:
	}
	return got
}

func goesOn(t *testing.T, got <-chan error, want error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-got:
		if err != want {
			t.Fatalf("Append() = _, %v, want %v", err, want)
		}
	default:
		t.Fatal("Append still waits, though there is room")
	}
}

func TestGatedWaitsForTheSlowest(t *testing.T) {
	eachGatedInBubble(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](8, o)
		appendN(t, r, 100) // nobody reads: nobody waits
		fast, slow := r.Cursor(sluice.Newest()), r.Cursor(sluice.Newest())
		defer fast.Close()
		defer slow.Close()
		appendN(t, r, 8)
		got := blocked(t, r, t.Context())
		for want := 100; want < 108; want++ {
			wantValue(t, fast, want)
		}
		wantNothing(t, fast, nil)
		synctest.Wait()
		if len(got) > 0 {
			t.Fatal("Append did not wait for the slower cursor")
		}
		wantValue(t, slow, 100)
		wantValue(t, slow, 101) // batches of a quarter ring
		wantValue(t, slow, 102) // asks for the next batch, so the first two slots are free
		goesOn(t, got, nil)
		appendN(t, r, 1) // the second of them
		got = blocked(t, r, t.Context())
		slow.Close()
		goesOn(t, got, nil)
	})
}

// What a reader has let go of can be used at once, though it then stalls for ever: the writer does not wait for more.
func TestGatedUsesEverySlotThatIsFree(t *testing.T) {
	eachGatedInBubble(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](1024, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		appendN(t, r, 1024)
		got := blocked(t, r, t.Context())
		for want := range 257 {
			wantValue(t, c, want)
		}
		goesOn(t, got, nil)
		appendN(t, r, 255)
		got = blocked(t, r, t.Context())
		c.Close()
		goesOn(t, got, nil)
	})
}

func TestGatedAppendIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		r := ring.New[int](4, ring.Options{Policy: ring.Gated})
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		appendN(t, r, 4)
		ctx, cancel := context.WithCancelCause(t.Context())
		one, two := blocked(t, r, ctx), blocked(t, r, t.Context())
		cancel(enough)
		goesOn(t, one, enough)
		if _, err := r.AppendAll(ctx, []int{1, 2}); err != enough {
			t.Errorf("AppendAll() = _, %v, want %v", err, enough)
		}
		for want := range 4 {
			wantValue(t, c, want)
		}
		goesOn(t, two, nil)
		wantValue(t, c, 4)
		if _, err := r.Append(ctx, 5); err != nil { // there is room, so ctx does not matter
			t.Errorf("Append() = _, %v, want nil", err)
		}
	})
}

func TestGatedBatchThatCanNeverFit(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](4, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		_, err := r.AppendAll(t.Context(), make([]int, 5))
		if err == nil || !strings.Contains(err.Error(), "5 values can't be appended at once to a gated ring that holds 4") {
			t.Errorf("AppendAll(5 values) = _, %v, want an error that says 5 and 4", err)
		}
		appendN(t, r, 1)
		wantValue(t, c, 0)
	})
}

// A large batch that waits must not keep a single value from the room there is.
func TestGatedSmallAppendPassesALargeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ring.New[int](8, ring.Options{Policy: ring.Gated})
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		appendN(t, r, 8)
		ctx, cancel := context.WithCancel(t.Context())
		large := make(chan error, 1)
		go func() { _, err := r.AppendAll(ctx, make([]int, 8)); large <- err }()
		synctest.Wait()
		small := blocked(t, r, t.Context())
		for want := range 3 {
			wantValue(t, c, want)
		}
		goesOn(t, small, nil)
		cancel()
		if err := <-large; err != context.Canceled {
			t.Errorf("AppendAll() = _, %v, want context.Canceled", err)
		}
	})
}

func TestGatedForgottenAndFailedCursorsHoldNobody(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](4, o)
		c := r.Cursor(sluice.At(9))
		appendN(t, r, 20)
		if _, err := c.Next(t.Context()); err == nil {
			t.Error("Next() at a position beyond the end = nil")
		}
		if err := c.Seek(sluice.Last(3)); err != nil {
			t.Fatalf("Seek(Last(3)) = %v, want nil", err)
		}
		wantValue(t, c, 17)
		if got := len(r.Stats().Cursors); got != 1 {
			t.Errorf("Stats() lists %d cursors, want 1", got)
		}
		c.Close()
		if got := len(r.Stats().Cursors); got != 0 {
			t.Errorf("Stats() lists %d cursors after Close, want 0", got)
		}
		appendN(t, r, 20)
	})
}

func TestGatedSeekBackAndBelow(t *testing.T) {
	eachGatedInBubble(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](8, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		for range 20 {
			appendN(t, r, 1)
			c.TryNext()
		}
		if err := c.Seek(sluice.At(3)); err != nil {
			t.Fatalf("Seek(At(3)) = %v, want nil", err)
		}
		got := blocked(t, r, t.Context()) // the whole ring is held for c again
		wantLag(t, c, 3, 12)
		for want := 12; want < 20; want++ {
			wantValue(t, c, want)
		}
		goesOn(t, got, nil)
	})
}

func TestGatedSeekForgetsTheGap(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](8, o)
		appendN(t, r, 20)
		c := r.Cursor(sluice.At(3))
		defer c.Close()
		c.Seek(sluice.Newest())
		wantNothing(t, c, nil)
		appendN(t, r, 1)
		wantValue(t, c, 20)
	})
}

func TestStatsSayWhoHoldsTheWriterBack(t *testing.T) {
	eachGatedInBubble(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](8, o)
		quick := r.Cursor(sluice.Oldest())
		defer quick.Close()
		stuck := r.Cursor(sluice.Oldest())
		defer stuck.Close()
		appendN(t, r, 8)
		for want := range 8 {
			wantValue(t, quick, want)
		}
		got := blocked(t, r, t.Context())
		since := time.Now()
		time.Sleep(time.Minute)
		s := r.Stats()
		if s.BlockedWriters != 1 || !s.BlockedSince.Equal(since) || len(s.Cursors) != 2 {
			t.Fatalf("Stats() = %+v, want 1 writer blocked since %v, and 2 cursors", s, since)
		}
		if c := s.Cursors[0]; c.Offset != 0 || c.Lag != 8 || !strings.Contains(c.Opened, "TestStatsSayWhoHoldsTheWriterBack") {
			t.Errorf("Stats().Cursors[0] = %+v, want offset 0, lag 8, opened by this test", c)
		}
		stuck.Close()
		goesOn(t, got, nil)
		if s := r.Stats(); s.BlockedWriters != 0 || !s.BlockedSince.IsZero() {
			t.Errorf("Stats() = %+v, want nobody blocked", s)
		}
	})
}

// A cursor opened at Newest gets every value appended after that, while writers run and others come and go.
func TestGatedCursorsComeAndGo(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		const each = 5_000
		writers := writers(o, 3)
		r := ring.New[int](16, o)
		ctx, cancel := context.WithCancel(t.Context())
		var writing, reading sync.WaitGroup
		for range writers {
			writing.Go(func() {
				for i := range each {
					if _, err := r.Append(t.Context(), i); err != nil {
						t.Errorf("Append() = _, %v, want nil", err)
					}
				}
			})
		}
		for i := range 6 {
			reading.Go(func() {
				for round := 0; ctx.Err() == nil; round++ {
					_, before := r.Bounds()
					c := r.Cursor(sluice.Newest())
					start := c.Offset()
					if start < before {
						t.Errorf("a cursor at Newest starts at %v, want at least %v", start, before)
					}
					n := sluice.Offset(0)
					for _, err := range c.All(ctx) {
						if err != nil {
							break
						}
						if n++; c.Offset() != start+n {
							t.Errorf("Offset() = %v after %d values from %v", c.Offset(), n, start)
						}
						if n == sluice.Offset(i*7+round%20) {
							break
						}
					}
					if c.Missed() != 0 {
						t.Errorf("Missed() = %d, want 0", c.Missed())
					}
					c.Close()
				}
			})
		}
		writing.Wait()
		cancel()
		reading.Wait()
		if _, next := r.Bounds(); int(next) != writers*each {
			t.Errorf("Bounds() = _, %v, want %d", next, writers*each)
		}
	})
}

// A later stage that must only see what an earlier one has finished reads from a ring that the earlier one appends to.
func TestStages(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		const n = 5000
		raw, parsed := ring.New[int](64, o), ring.New[int](64, o)
		in, out := raw.Cursor(sluice.Oldest()), parsed.Cursor(sluice.Oldest())
		go func() {
			defer parsed.Close()
			defer in.Close()
			for v, err := range in.All(t.Context()) {
				if err != nil {
					return
				}
				parsed.Append(t.Context(), 2*v)
			}
		}()
		go func() {
			defer raw.Close()
			for i := range n {
				raw.Append(t.Context(), i)
			}
		}()
		want := 0
		for v, err := range out.All(t.Context()) {
			if v != 2*want || err != nil {
				t.Fatalf("All() yields %v, %v, want %v, nil", v, err, 2*want)
			}
			want++
		}
		if want != n {
			t.Errorf("%d values came through, want %d", want, n)
		}
		out.Close()
	})
}

// openedWithin8 returns a ring of 8 that ends at 28, with a cursor that was opened at 12, the oldest value then, while the single
// writer was appending the last eight values, without a lock.
func openedWithin8(t *testing.T) (*ring.Ring[int], *sluice.Cursor[int]) {
	t.Helper()
	r := ring.New[int](8, ring.Options{Policy: ring.Gated, SingleWriter: true})
	appendN(t, r, 20)
	var c *sluice.Cursor[int]
	if _, err := r.AppendFunc(t.Context(), 8, func(dst []int) {
		opened := make(chan struct{})
		for i := range dst {
			dst[i] = 20 + i
			if i == 4 {
				go func() {
					defer close(opened)
					c = r.Cursor(sluice.Oldest())
				}()
				<-opened
			}
		}
	}); err != nil {
		t.Fatalf("AppendFunc() = _, %v, want nil", err)
	}
	t.Cleanup(func() { c.Close() })
	return r, c
}

func TestGatedCursorOpenedWithinAnAppend(t *testing.T) {
	r, c := openedWithin8(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Append(ctx, 28); err != context.Canceled {
		t.Errorf("Append() = _, %v, want it to wait for the new cursor", err)
	}
	for want := 12; want < 28; want++ {
		wantValue(t, c, want)
	}
	appendN(t, r, 1)
	wantValue(t, c, 28)
}

// What is held for a cursor is there for it, though it is below what is retained for others.
func TestGatedSeekWithinWhatIsHeld(t *testing.T) {
	r, c := openedWithin8(t)
	wantValue(t, c, 12)
	if err := c.Seek(sluice.At(13)); err != nil {
		t.Fatalf("Seek(At(13)) = %v, want nil", err)
	}
	wantValue(t, c, 13)
	if err := c.Seek(sluice.Oldest()); err != nil || c.Offset() > 14 {
		t.Fatalf("Seek(Oldest()) = %v, at %d, want nil, not beyond 14", err, c.Offset())
	}
	for want := int(c.Offset()); want < 28; want++ {
		wantValue(t, c, want)
	}
	if first, next := r.Bounds(); first != 20 || next != 28 {
		t.Errorf("Bounds() = %v, %v, want 20, 28", first, next)
	}
}

func TestAppendingNothingNeedsNoRoom(t *testing.T) {
	r, _ := openedWithin8(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if off, err := r.AppendAll(ctx, nil); off != 28 || err != nil {
		t.Errorf("AppendAll(nothing) = %v, %v, want 28, nil", off, err)
	}
	if off, err := r.AppendFunc(ctx, 0, func([]int) {}); off != 28 || err != nil {
		t.Errorf("AppendFunc(0) = %v, %v, want 28, nil", off, err)
	}
}

// A single writer's fill that panics has destroyed nothing that is retained.
func TestGatedSingleWriterFillPanics(t *testing.T) {
	r := ring.New[int](8, ring.Options{Policy: ring.Gated, SingleWriter: true})
	appendN(t, r, 21)
	for n := range 9 {
		func() {
			defer func() { recover() }()
			r.AppendFunc(t.Context(), n, func(dst []int) { clear(dst); panic("no") })
		}()
	}
	if first, next := r.Bounds(); first != 13 || next != 21 {
		t.Errorf("Bounds() = %v, %v, want 13, 21", first, next)
	}
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	for want := 13; want < 21; want++ {
		wantValue(t, c, want)
	}
}

// panicking is a context that can't be waited for.
type panicking struct{ context.Context }

func TestGatedContextThatPanics(t *testing.T) {
	eachGatedInBubble(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](2, o)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		appendN(t, r, 2)
		for range 2 {
			func() {
				defer func() { recover() }()
				r.Append(panicking{}, 1)
			}()
		}
		if s := r.Stats(); s.BlockedWriters != 0 {
			t.Errorf("Stats() = %+v, want nobody blocked", s)
		}
		got := blocked(t, r, t.Context())
		wantValue(t, c, 0)
		wantValue(t, c, 1)
		goesOn(t, got, nil)
	})
}

// Whoever looks at the stats while cursors come and go sees them whole.
func TestStatsWhileCursorsComeAndGo(t *testing.T) {
	eachGated(t, func(t *testing.T, o ring.Options) {
		r := ring.New[int](4, o)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 20_000 {
				r.Append(ctx, i)
			}
			cancel()
		})
		for range 2 {
			wg.Go(func() {
				for ctx.Err() == nil {
					c := r.Cursor(sluice.Oldest())
					c.TryNext()
					c.TryNext()
					c.Close()
				}
			})
		}
		for ctx.Err() == nil {
			for _, c := range r.Stats().Cursors {
				if c.Lag < 0 || c.Lag > 8 {
					t.Errorf("Stats() has a cursor at %d with lag %d, want 0 to 8", c.Offset, c.Lag)
				}
			}
		}
		wg.Wait()
	})
}
