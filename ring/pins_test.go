package ring_test

import (
	"context"
	"sync"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// Readers that go for the oldest chunk all the time, where it is taken from them, and a writer that takes many chunks in
// one call: nothing torn, each value at its own offset, and no pin too few or too many.
func TestOldestChunkIsContested(t *testing.T) {
	for _, capacity := range []int{1, 2, 16} {
		r := ring.New[wide](capacity, ring.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		var reading sync.WaitGroup
		for range 4 {
			reading.Go(func() {
				c := r.Cursor(sluice.Oldest())
				defer c.Close()
				for ctx.Err() == nil {
					c.Seek(sluice.Oldest())
					off := c.Offset()
					v, ok, err := c.TryNext()
					if ok && (!v.whole() || v.a != int64(off)) {
						t.Errorf("TryNext() at %v = %+v, %v", off, v.a, err)
						return
					}
				}
			})
		}
		next := int64(0)
		vs := make([]wide, 3*capacity)
		for range 20_000 {
			for i := range vs {
				vs[i] = newWide(next + int64(i))
			}
			r.AppendAll(ctx, vs)
			next += int64(len(vs))
			r.Append(ctx, newWide(next))
			next++
		}
		cancel()
		reading.Wait()
		if got := ring.Pins(r); got != 0 {
			t.Errorf("capacity %d: %d readers are inside, want 0", capacity, got)
		}
	}
}
