package ring_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// A reader that is lapped is told exactly what it missed, and goes on at the oldest value that is retained.
func ExampleNew() {
	ctx := context.Background()
	r := ring.New[int](4, ring.Options{})
	cur := r.Cursor(sluice.Oldest())
	defer cur.Close()
	for i := range 10 {
		r.Append(ctx, i)
	}
	r.Close()

	for v, err := range cur.All(ctx) {
		var lag *sluice.LagError
		if errors.As(err, &lag) {
			fmt.Printf("missed [%d, %d)\n", lag.From, lag.To)
			continue
		}
		fmt.Println(v)
	}
	// Output:
	// missed [0, 4)
	// 4
	// 5
	// 6
	// 7
	// 8
	// 9
}

// A gated ring holds the writer back instead: here until the deadline, because nobody reads.
func ExamplePolicy() {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 1, errors.New("nobody reads"))
	defer cancel()
	r := ring.New[string](2, ring.Options{Policy: ring.Gated})
	cur := r.Cursor(sluice.Oldest())
	defer cur.Close()
	for _, v := range []string{"a", "b", "c"} {
		off, err := r.Append(ctx, v)
		fmt.Println(off, err)
	}
	fmt.Println(r.Stats().Cursors[0].Lag, "values are held for the slowest cursor")
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 0 nobody reads
	// 2 values are held for the slowest cursor
}

// A later stage sees only what an earlier one has finished, because it reads from the ring that the earlier one appends to.
// Gated rings pass the back pressure on, up to the first writer.
func ExampleRing_stages() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	raw := ring.New[int](64, ring.Options{Policy: ring.Gated})
	squared := ring.New[int](64, ring.Options{Policy: ring.Gated})
	in, out := raw.Cursor(sluice.Oldest()), squared.Cursor(sluice.Oldest())
	defer out.Close()

	go func() { // the earlier stage
		defer in.Close()
		for v, err := range in.All(ctx) {
			if err == nil {
				_, err = squared.Append(ctx, v*v)
			}
			if err != nil {
				cancel(err) // whoever appends to raw need not go on
				squared.CloseWithError(err)
				return
			}
		}
		squared.Close()
	}()
	raw.AppendAll(ctx, []int{1, 2, 3})
	raw.Close()
	for v, err := range out.All(ctx) {
		fmt.Println(v, err)
	}
	// Output:
	// 1 <nil>
	// 4 <nil>
	// 9 <nil>
}

// Large values are filled where they will lie.
func ExampleRing_AppendFunc() {
	type frame struct {
		number int
		pixels [1000]byte
	}
	ctx := context.Background()
	r := ring.New[frame](16, ring.Options{})
	cur := r.Cursor(sluice.Oldest())
	defer cur.Close()
	first, err := r.AppendFunc(ctx, 2, func(dst []frame) {
		for i := range dst {
			dst[i].number = 100 + i
			dst[i].pixels[0] = 0xff
		}
	})
	fmt.Println(first, err)
	for batch, err := range cur.Batches(ctx) {
		fmt.Println(batch[0].number, batch[1].number, err)
		break
	}
	// Output:
	// 0 <nil>
	// 100 101 <nil>
}
