package iterx_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/iterx"
	"github.com/sluice-go/sluice/replay"
)

func ExampleOk() {
	for v, err := range iterx.Ok(words("a b")) {
		fmt.Println(v, err)
	}
	// Output:
	// a <nil>
	// b <nil>
}

// A decoder as a sequence.
func ExampleFromNext() {
	dec := json.NewDecoder(strings.NewReader(`{"N":1} {"N":0} {"N":"x"}`))
	type event struct{ N int }
	next := func() (event, error) {
		var e event
		err := dec.Decode(&e)
		return e, err
	}
	for e, err := range iterx.FromNext(next, io.EOF) {
		fmt.Println(e.N, err)
	}
	// Output:
	// 1 <nil>
	// 0 <nil>
	// 0 json: cannot unmarshal string into Go struct field event.N of type int
}

// The body decides at each error: here it goes on.
func ExampleTryMap() {
	for n, err := range iterx.TryMap(iterx.Ok(words("1 x 3")), strconv.Atoi) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(n)
	}
	// Output:
	// 1
	// strconv.Atoi: parsing "x": invalid syntax
	// 3
}

func ExampleTryFilter() {
	even := func(s string) (bool, error) {
		n, err := strconv.Atoi(s)
		return n%2 == 0, err
	}
	fmt.Println(iterx.TryCollect(iterx.TryFilter(iterx.Ok(words("1 2 3 4")), even)))
	// Output: [2 4] <nil>
}

// Values of a source in batches, and its gaps where they are.
func ExampleTryChunk() {
	ctx := context.Background()
	log := replay.New[int](replay.Options{MaxValues: 5})
	cur := log.Cursor(sluice.At(0))
	defer cur.Close()
	for i := range 9 {
		log.Append(ctx, i)
	}
	log.Close()
	for batch, err := range iterx.TryChunk(cur.All(ctx), 3) {
		fmt.Println(batch, err)
	}
	// Output:
	// [] sluice: missed 4 values: offsets 0 to 3 were dropped before they were read
	// [4 5 6] <nil>
	// [7 8] <nil>
}

func ExampleTryForEach() {
	err := iterx.TryForEach(iterx.Ok(words("1 x 3")), func(s string) error {
		_, err := strconv.Atoi(s)
		return err
	})
	fmt.Println(err)
	// Output: strconv.Atoi: parsing "x": invalid syntax
}

func ExampleTryReduce() {
	add := func(sum int, s string) (int, error) {
		n, err := strconv.Atoi(s)
		return sum + n, err
	}
	fmt.Println(iterx.TryReduce(iterx.Ok(words("1 2 x")), 0, add))
	// Output: 3 strconv.Atoi: parsing "x": invalid syntax
}

func ExampleTryCollect() {
	fmt.Println(iterx.TryCollect(iterx.TryMap(iterx.Ok(words("1 2 x 4")), strconv.Atoi)))
	// Output: [1 2] strconv.Atoi: parsing "x": invalid syntax
}

// A loop that accepts gaps, and nothing else.
func ExampleCatch() {
	ctx := context.Background()
	log := replay.New[int](replay.Options{MaxValues: 2})
	cur := log.Cursor(sluice.At(0))
	defer cur.Close()
	for i := range 9 {
		log.Append(ctx, i)
	}
	log.CloseWithError(io.ErrUnexpectedEOF)

	acceptGaps := func(err error) error {
		var lag *sluice.LagError
		if errors.As(err, &lag) {
			fmt.Println("missed", lag.Missed())
			return nil
		}
		return err
	}
	fmt.Println(iterx.TryCollect(iterx.Catch(cur.All(ctx), acceptGaps)))
	// Output:
	// missed 7
	// [7 8] unexpected EOF
}

func ExampleUntilErr() {
	numbers, err := iterx.UntilErr(iterx.TryMap(iterx.Ok(words("3 1 x 2")), strconv.Atoi))
	fmt.Println(slices.Sorted(numbers))
	fmt.Println(err())
	// Output:
	// [1 3]
	// strconv.Atoi: parsing "x": invalid syntax
}

func ExampleWithContext() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	for n, err := range iterx.WithContext(ctx, iterx.Ok(iterx.Range(0, 1000, 1))) {
		fmt.Println(n, err)
		if n == 1 {
			cancel(errors.New("enough"))
		}
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 0 enough
}

// What MapParallel can open, of a slice.
func ExampleStatic() {
	open := iterx.Static(slices.Values([]string{"a", "b"}))
	fmt.Println(iterx.TryCollect(open(context.Background())))
	// Output: [a b] <nil>
}

// Results in order, however long each takes. For a source pass the method: cur.All.
func ExampleMapParallel() {
	ctx := context.Background()
	fetch := func(ctx context.Context, url string) (string, error) {
		if url == "/c" {
			return "", errors.New("/c: not found")
		}
		return "page " + url, nil
	}
	urls := iterx.Static(words("/a /b /c /d"))
	for page, err := range iterx.MapParallel(ctx, urls, iterx.Parallel{Workers: 8}, fetch) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(page)
	}
	// Output:
	// page /a
	// page /b
	// /c: not found
	// page /d
}

// Small work goes in batches, because handing a value over costs as much.
func ExampleMapParallel_batches() {
	ctx := context.Background()
	log := replay.New[int](replay.Options{})
	log.AppendAll(ctx, slices.Collect(iterx.Range(0, 1000, 1)))
	log.Close()
	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()

	batches := func(ctx context.Context) iter.Seq2[[]int, error] { return iterx.TryChunk(cur.All(ctx), 64) }
	square := func(ctx context.Context, batch []int) ([]int, error) {
		for i, n := range batch {
			batch[i] = n * n
		}
		return batch, nil
	}
	sum := 0
	for batch, err := range iterx.MapParallel(ctx, batches, iterx.Parallel{}, square) {
		if err != nil {
			fmt.Println(err)
			return
		}
		sum += iterx.Sum(slices.Values(batch))
	}
	fmt.Println(sum)
	// Output: 332833500
}

func ExampleMapParallelUnordered() {
	ctx := context.Background()
	size := func(ctx context.Context, s string) (int, error) { return len(s), nil }
	open := iterx.Static(words("a bb ccc"))
	sizes, err := iterx.TryCollect(iterx.MapParallelUnordered(ctx, open, iterx.Parallel{}, size))
	slices.Sort(sizes)
	fmt.Println(sizes, err)
	// Output: [1 2 3] <nil>
}

// While the body handles one value, up to 16 more are read and decoded.
func ExamplePrefetch() {
	ctx := context.Background()
	decode := func(context.Context) iter.Seq2[int, error] {
		return iterx.TryMap(iterx.Ok(words("1 2 x 4")), strconv.Atoi)
	}
	for n, err := range iterx.Prefetch(ctx, decode, 16) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(n)
	}
	// Output:
	// 1
	// 2
	// strconv.Atoi: parsing "x": invalid syntax
	// 4
}
