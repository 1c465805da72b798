package sluice_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// The program of the README: two readers, one of them late, get the same events.
func Example() {
	ctx := context.Background()
	log := replay.New[string](replay.Options{})

	follow := func(name string, from sluice.Position) {
		cur := log.Cursor(from)
		defer cur.Close()
		for ev, err := range cur.All(ctx) {
			if err != nil {
				fmt.Println(name, err)
				return
			}
			fmt.Println(name, ev)
		}
	}

	var early sync.WaitGroup
	early.Go(func() { follow("early", sluice.Oldest()) })
	log.Append(ctx, "started")
	log.Append(ctx, "ready")
	log.Close()
	early.Wait()
	follow("late ", sluice.Oldest())
	follow("last ", sluice.Last(1))
	// Output:
	// early started
	// early ready
	// late  started
	// late  ready
	// last  ready
}

// A loop decides at each gap: return the error, or continue behind it.
func ExampleCursor_All_gap() {
	ctx := context.Background()
	log := replay.New[int](replay.Options{MaxValues: 3})
	cur := log.Cursor(sluice.At(0))
	defer cur.Close()
	for i := range 10 {
		log.Append(ctx, i)
	}
	log.Close()

	for v, err := range cur.All(ctx) {
		var lag *sluice.LagError
		if errors.As(err, &lag) {
			fmt.Println("missed", lag.Missed())
			continue
		} else if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(v)
	}
	// Output:
	// missed 7
	// 7
	// 8
	// 9
}

// Offsets to store, and to resume from.
func ExampleCursor_Entries() {
	ctx := context.Background()
	log := replay.New[string](replay.Options{})
	log.AppendAll(ctx, []string{"a", "b", "c"})
	log.Close()

	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()
	for e, err := range cur.Entries(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Offset, e.Value)
		if e.Offset == 1 {
			break
		}
	}

	later := log.Cursor(sluice.At(cur.Offset()))
	defer later.Close()
	fmt.Println(later.Next(ctx))
	// Output:
	// 0 a
	// 1 b
	// c <nil>
}

// What is there now, without waiting, for functions that take a sequence.
func ExampleCursor_Backlog() {
	ctx := context.Background()
	log := replay.New[string](replay.Options{})
	log.AppendAll(ctx, []string{"pear", "apple", "fig"})

	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()
	values, err := cur.Backlog(ctx)
	fmt.Println(slices.Sorted(values), err())
	// Output: [apple fig pear] <nil>
}

// A channel, for select. What was left in it at stop is not lost.
func ExampleCursor_Chan() {
	ctx := context.Background()
	log := replay.New[int](replay.Options{})
	log.AppendAll(ctx, []int{1, 2, 3, 4})

	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()
	values, stop := cur.Chan(ctx, 8)
	fmt.Println(<-values, <-values)
	fmt.Println(stop())
	fmt.Println(cur.Next(ctx))
	// Output:
	// 1 2
	// <nil>
	// 3 <nil>
}

// Batches is the fastest loop; a batch is lent until the body returns.
func ExampleCursor_Batches() {
	ctx := context.Background()
	log := replay.New[int](replay.Options{})
	log.AppendAll(ctx, []int{1, 2, 3, 4})
	log.Close()

	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()
	for batch, err := range cur.Batches(ctx) {
		fmt.Println(batch, err)
	}
	// Output: [1 2 3 4] <nil>
}

func ExamplePosition() {
	ctx := context.Background()
	log := replay.New[string](replay.Options{})
	log.AppendAll(ctx, []string{"a", "b", "c"})
	for _, p := range []sluice.Position{sluice.Oldest(), sluice.At(1), sluice.Last(1), sluice.Newest(), sluice.At(9)} {
		cur := log.Cursor(p)
		v, ok, err := cur.TryNext()
		fmt.Printf("%v: %q %v %v\n", p, v, ok, err)
		cur.Close()
	}
	// Output:
	// Oldest(): "a" true <nil>
	// At(1): "b" true <nil>
	// Last(1): "c" true <nil>
	// Newest(): "" false <nil>
	// At(9): "" false sluice: offset 9 is beyond the end: the source holds [0, 3)
}
