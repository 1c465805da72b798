package chanx_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/sluice-go/sluice/chanx"
	"github.com/sluice-go/sluice/iterx"
)

// of returns a channel with these values, closed.
func of[T any](values ...T) <-chan T {
	ch := make(chan T, len(values))
	for _, v := range values {
		ch <- v
	}
	close(ch)
	return ch
}

func ExampleSend() {
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Millisecond, errors.New("nobody receives"))
	defer cancel()
	ch := make(chan string, 1)
	fmt.Println(chanx.Send(ctx, ch, "a"))
	fmt.Println(chanx.Send(ctx, ch, "b"))
	// Output:
	// <nil>
	// nobody receives
}

func ExampleRecv() {
	ctx := context.Background()
	ch := of("a")
	fmt.Println(chanx.Recv(ctx, ch))
	_, err := chanx.Recv(ctx, ch)
	fmt.Println(err == chanx.ErrClosed)
	// Output:
	// a <nil>
	// true
}

func ExampleSendAll() {
	ch := make(chan int, 10)
	err := chanx.SendAll(context.Background(), ch, iterx.Ok(iterx.Range(0, 3, 1)))
	close(ch)
	fmt.Println(slices.Collect(chanx.All(context.Background(), ch)), err)
	// Output: [0 1 2] <nil>
}

func ExampleAll() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ch := make(chan string, 2)
	ch <- "a"
	ch <- "b"
	for v := range chanx.All(ctx, ch) {
		if fmt.Println(v); v == "b" {
			cancel() // else the loop would wait: ch is not closed
		}
	}
	// Output:
	// a
	// b
}

// Work in parallel, with the results in order.
func ExampleOpen() {
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	for n, err := range iterx.MapParallel(context.Background(), chanx.Open(of(1, 2, 3)), iterx.Parallel{}, square) {
		fmt.Println(n, err)
	}
	// Output:
	// 1 <nil>
	// 4 <nil>
	// 9 <nil>
}

// A sequence beside a ticker, in one select.
func ExampleGo() {
	numbers := func(context.Context) iter.Seq2[int, error] { return iterx.Ok(iterx.Range(0, 1000, 1)) }
	values, stop := chanx.Go(context.Background(), 16, numbers)
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for n := 0; n < 3; {
		select {
		case n = <-values:
			fmt.Println(n)
		case <-ticker.C:
			fmt.Println("an hour later")
		}
	}
	fmt.Println(stop())
	// Output:
	// 0
	// 1
	// 2
	// 3
	// <nil>
}

func ExampleMerge() {
	ctx := context.Background()
	fmt.Println(slices.Sorted(chanx.Merge(ctx, 0, of(1, 4), of(2, 3))))
	// Output: [1 2 3 4]
}

// Pages, each a channel of its own.
func ExampleBridge() {
	pages := of(of("a", "b"), of[string](), of("c"))
	for v := range chanx.Bridge(context.Background(), pages) {
		fmt.Println(v)
	}
	// Output:
	// a
	// b
	// c
}

// Rows for a database: up to two at once, none later than a minute.
func ExampleBatches() {
	rows := of("a", "b", "c", "d", "e")
	for batch := range chanx.Batches(context.Background(), rows, 2, time.Minute) {
		fmt.Println(batch)
	}
	// Output:
	// [a b]
	// [c d]
	// [e]
}

// Search when the typing pauses.
func ExampleDebounce() {
	typed := make(chan string)
	go func() {
		defer close(typed)
		for _, s := range []string{"s", "sl", "slu"} {
			typed <- s
		}
	}()
	for query := range chanx.Debounce(context.Background(), typed, time.Minute, 0) {
		fmt.Println("search for", query)
	}
	// Output: search for slu
}

// The latest price, once a minute.
func ExampleSample() {
	for price := range chanx.Sample(context.Background(), of(99, 101, 100), time.Minute) {
		fmt.Println(price)
	}
	// Output: 100
}

// A pause is a Waiter; so is a *rate.Limiter.
type pause time.Duration

func (p pause) Wait(ctx context.Context) error {
	_, err := chanx.Recv(ctx, time.After(time.Duration(p)))
	return err
}

func ExampleLimit() {
	for v := range chanx.Limit(context.Background(), of("a", "b"), pause(time.Millisecond)) {
		fmt.Println(v)
	}
	// Output:
	// a
	// b
}

func ExampleForEach() {
	fetch := func(ctx context.Context, url string) error {
		if url == "/b" {
			return errors.New("/b: not found")
		}
		return nil
	}
	fmt.Println(chanx.ForEach(context.Background(), of("/a", "/b", "/c"), 2, fetch))
	// Output: /b: not found
}

func ExampleTee() {
	outs := chanx.Tee(context.Background(), of(1, 2, 3), 2, 0)
	var sums [2]int
	var wg sync.WaitGroup
	for i, out := range outs {
		wg.Go(func() {
			for v := range out {
				sums[i] += v
			}
		})
	}
	wg.Wait()
	fmt.Println(sums)
	// Output: [6 6]
}

// Each user's events go to one worker, in order.
func ExampleShard() {
	type event struct {
		user uint64
		text string
	}
	events := of(event{7, "open"}, event{8, "open"}, event{7, "close"})
	workers := chanx.Shard(context.Background(), events, 2, 8, func(e event) uint64 { return e.user })
	for i, worker := range workers {
		for e := range worker {
			fmt.Println(i, e.user, e.text)
		}
	}
	// Output:
	// 0 8 open
	// 1 7 open
	// 1 7 close
}

// A display that shows the newest values, and whatever feeds it never waits.
func ExampleBuffer() {
	dropped := make(chan int, 5)
	in := make(chan int)
	out := chanx.Buffer(context.Background(), in, 2, chanx.DropOldest, func(v int) { dropped <- v })
	for v := range 5 {
		in <- v
	}
	close(in)
	fmt.Println("dropped", <-dropped, <-dropped, <-dropped)
	for v := range out {
		fmt.Println(v)
	}
	// Output:
	// dropped 0 1 2
	// 3
	// 4
}
