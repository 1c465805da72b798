package replay_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// Enough chunks for skips over skips of them; every position is found, trimmed or not.
func TestSeekFindsEveryOffset(t *testing.T) {
	r := replay.New[int](replay.Options{MaxValues: 100}) // chunks of 15
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	keep := replay.New[int](replay.Options{})
	for _, r := range []*replay.Replay[int]{r, keep} {
		for range 400_000 / 100 {
			appendN(t, r, 100)
			c := r.Cursor(sluice.Oldest())
			first, next := r.Bounds()
			for range 3 {
				off := first + rand.N(next-first)
				if err := c.Seek(sluice.At(off)); err != nil {
					t.Fatalf("Seek(At(%v)) = %v, want nil", off, err)
				}
				if v, ok, err := c.TryNext(); v != int(off) || !ok || err != nil {
					t.Fatalf("TryNext() at %v = %v, %v, %v, want %[1]v, true, nil", off, v, ok, err)
				}
			}
			c.Close()
		}
	}
}

// Readers that seek all over the log while it is trimmed under them find the right value or a gap, never a wrong one.
func TestSeekWhileTrimming(t *testing.T) {
	r := replay.New[int](replay.Options{MaxValues: 1000})
	appendN(t, r, 5000)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		appendN(t, r, 200_000)
	})
	for range 4 {
		wg.Go(func() {
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			for ctx.Err() == nil {
				first, next := r.Bounds()
				off := max(0, first-500) + rand.N(next-first)
				if err := c.Seek(sluice.At(off)); err != nil {
					t.Errorf("Seek(At(%v)) = %v, want nil", off, err)
					return
				}
				for range 40 {
					off := c.Offset()
					v, ok, err := c.TryNext()
					if lag, isLag := err.(*sluice.LagError); isLag && lag.From == off && lag.To > off && c.Offset() == lag.To {
						continue
					} else if err != nil {
						t.Errorf("TryNext() at %v = _, _, %v, want a value or a gap from there", off, err)
						return
					}
					if ok && v != int(off) {
						t.Errorf("TryNext() at %v = %v, want %[1]v", off, v)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestOffsetsNearTheEndOfTheirRange(t *testing.T) {
	const start = sluice.Offset(1) << 62
	r := replay.NewAt[int](replay.Options{MaxValues: 50}, start)
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	for i := range 1000 {
		if off, err := r.Append(t.Context(), i); off != start+sluice.Offset(i) || err != nil {
			t.Fatalf("Append() = %v, %v, want %v, nil", off, err, start+sluice.Offset(i))
		}
	}
	wantLag(t, c, start, start+950)
	wantRead(t, c, 950, 1000)
	if got, want := c.Offset(), start+1000; got != want {
		t.Errorf("Offset() = %v, want %v", got, want)
	}
}
