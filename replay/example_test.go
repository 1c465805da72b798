package replay_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

func ExampleNew() {
	ctx := context.Background()
	log := replay.New[string](replay.Options{MaxValues: 2})
	for _, v := range []string{"a", "b", "c"} {
		log.Append(ctx, v)
	}
	fmt.Println(log.Bounds())

	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()
	fmt.Println(cur.Next(ctx))
	// Output:
	// 1 3
	// b <nil>
}

// MaxBytes counts what SizeOf says.
func ExampleOptions() {
	type page struct{ body []byte }
	ctx := context.Background()
	log := replay.New[page](replay.Options{
		MaxBytes: 1000,
		SizeOf:   func(p page) int64 { return int64(len(p.body)) },
	})
	for range 5 {
		log.Append(ctx, page{make([]byte, 400)})
	}
	first, next := log.Bounds()
	fmt.Println(next-first, "pages are kept")
	// Output: 2 pages are kept
}

// A stream that failed never looks complete, not even to a reader that comes late.
func ExampleReplay_CloseWithError() {
	ctx := context.Background()
	log := replay.New[string](replay.Options{})
	log.Append(ctx, "half of it")
	log.CloseWithError(errors.New("connection lost"))

	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()
	for v, err := range cur.All(ctx) {
		fmt.Printf("%q %v\n", v, err)
	}
	// Output:
	// "half of it" <nil>
	// "" connection lost
}

func ExampleReplay_Trim() {
	ctx := context.Background()
	log := replay.New[int](replay.Options{})
	log.AppendAll(ctx, []int{1, 2, 3, 4})
	log.Trim(3) // a snapshot holds what came before
	fmt.Println(log.Bounds())
	// Output: 3 4
}
