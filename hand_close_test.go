package sluice_test

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// blockedAppend fills a gated ring and returns one more Append that has to wait for the slowest cursor.
func blockedAppend(t *testing.T, log *ring.Ring[int], n int) (done chan error) {
	t.Helper()
	for i := range n {
		if _, err := log.Append(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	done = make(chan error, 1)
	go func() { _, err := log.Append(context.Background(), n); done <- err }()
	synctest.Wait()
	if len(done) != 0 {
		t.Fatal("Append() did not wait for the cursor")
	}
	return done
}

func TestCloseWhileABodyHangsReleasesTheWriter(t *testing.T) {
	for name, loop := range loops[int]() {
		synctest.Test(t, func(t *testing.T) {
			log := ring.New[int](64, ring.Options{Policy: ring.Gated})
			c := log.Cursor(sluice.Oldest())
			appended := blockedAppend(t, log, 64)
			hangs, ended := make(chan struct{}), make(chan int)
			go func() {
				n := 0
				for v := range loop(context.Background(), c) {
					if n++; v == 3 {
						<-hangs
					}
				}
				ended <- n
			}()
			synctest.Wait()
			c.Close()
			synctest.Wait()
			select {
			case err := <-appended:
				if err != nil {
					t.Errorf("%s: Append() = _, %v, want nil", name, err)
				}
			default:
				t.Errorf("%s: a closed cursor whose body hangs holds the writer back", name)
			}
			close(hangs)
			if n := <-ended; n < 4 || n > 4+16 {
				t.Errorf("%s: the loop went on for %d values after Close, want at most 16", name, n-4)
			}
			if off, missed := c.Offset(), c.Missed(); off < 4 || missed != 0 {
				t.Errorf("%s: Offset() = %v, Missed() = %v, want 4 or more, 0", name, off, missed)
			}
		})
	}
}

// However a body is left, nothing of the loop stays behind: Close closes the reader at once, and until then reading goes on.
func TestLeavingABody(t *testing.T) {
	leaves := map[string]func(){
		"panic":  func() { panic("no") },
		"Goexit": runtime.Goexit,
	}
	for name, loop := range loops[int]() {
		for how, leave := range leaves {
			r := &tracked{Reader: newRig(slices.Collect(count(100))...)}
			c := sluice.NewCursor[int](r)
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { recover() }()
				for v := range loop(t.Context(), c) {
					if v == 41 {
						leave()
					}
				}
			}()
			<-done
			if off := c.Offset(); off != 42 {
				t.Errorf("%s, %s at 41: Offset() = %v, want 42", name, how, off)
			}
			wantNext(t, c, 42, 43)
			for v := range loop(t.Context(), c) {
				if v == 70 {
					break
				}
			}
			wantNext(t, c, 71)
			if n := r.closed.Load(); n != 0 {
				t.Errorf("%s, %s: the reader was closed %d times before Close", name, how, n)
			}
			c.Close()
			if n := r.closed.Load(); n != 1 {
				t.Errorf("%s, %s: the reader was closed %d times by Close, want once", name, how, n)
			}
		}
	}
}

// Close may come at any moment, and lent memory is never read after it.
func TestCloseFromElsewhere(t *testing.T) {
	ways := loops[int]()
	ways["Batches"] = func(ctx context.Context, c *sluice.Cursor[int]) iter.Seq[int] {
		return func(yield func(int) bool) {
			for batch := range c.Batches(ctx) {
				for _, v := range batch {
					if !yield(v) {
						return
					}
				}
			}
		}
	}
	ways["Next"] = func(ctx context.Context, c *sluice.Cursor[int]) iter.Seq[int] {
		return func(yield func(int) bool) {
			for v, err := c.Next(ctx); err == nil && yield(v); v, err = c.Next(ctx) {
			}
		}
	}
	ways["Chan"] = func(ctx context.Context, c *sluice.Cursor[int]) iter.Seq[int] {
		return func(yield func(int) bool) {
			values, stop := c.Chan(ctx, 3)
			defer stop()
			for v := range values {
				if !yield(v) {
					return
				}
			}
		}
	}
	const n = 2000
	vs := slices.Collect(count(n))
	for name, way := range ways {
		for i := range 300 {
			r := &slow{rig: newRig(vs...), most: 1 + i%150}
			c := sluice.NewCursor[int](r)
			next, end := 0, n
			var closer sync.WaitGroup
			for v := range way(t.Context(), c) {
				if v != next {
					t.Fatalf("%s: got %d, want %d", name, v, next)
				}
				switch next++; next {
				case i * 5:
					closer.Go(func() { c.Close() })
				case i*5 + i%100:
					closer.Wait()
					end = next + max(16, r.most) // Batches: a batch
				}
			}
			closer.Wait()
			if _, err := c.Next(t.Context()); err != sluice.ErrClosed {
				t.Fatalf("%s: Next() = _, %v, want ErrClosed", name, err)
			}
			if off := int(c.Offset()); off != next {
				t.Fatalf("%s: Offset() = %d behind %d", name, off, next-1)
			}
			if next > end {
				t.Fatalf("%s: the loop went on to %d, want at most %d", name, next, end)
			}
		}
	}
}
