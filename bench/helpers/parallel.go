package helpers

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/sluice-go/sluice/iterx"
)

// workTime is what the work for one value takes: about where a channel operation for each value eats the gain.
const workTime = 700 * time.Nanosecond

// batchSize is how many values go to a worker at once in the rows "in batches".
const batchSize = 64

// Names of rows that goals speak of.
const (
	Sequential = "sequential"
	Batches    = "MapParallel, batches of 64"
)

// work is a computation of that many steps.
func work(v, steps int) int {
	x := uint64(v) | 1
	for range steps {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return int(x & 0xff)
}

// calibrate returns how many steps take workTime: by the fastest of some runs, in which nobody disturbed.
func calibrate() int {
	const steps, calls = 1000, 100
	best := time.Duration(1 << 62)
	for range 20 {
		start, sum := time.Now(), 0
		for i := range calls {
			sum += work(i, steps)
		}
		if d := time.Since(start); sum > 0 {
			best = min(best, d)
		}
	}
	return max(1, int(steps*calls*workTime/best))
}

// A worker does the work for 0 to n-1 and returns the sum of the results.
type worker struct {
	Name string
	Sum  func(n, steps int) (int, error)
}

func workers() []worker {
	return []worker{
		{Sequential, func(n, steps int) (sum int, err error) {
			for v := range numbers(n) {
				sum += work(v, steps)
			}
			return sum, nil
		}},
		{"a goroutine for each processor", func(n, steps int) (int, error) { // the most that the machine can give
			procs := runtime.GOMAXPROCS(0)
			sums := make([]int, procs)
			var wg sync.WaitGroup
			for p := range procs {
				wg.Go(func() {
					sum := 0
					for v := n * p / procs; v < n*(p+1)/procs; v++ {
						sum += work(v, steps)
					}
					sums[p] = sum
				})
			}
			wg.Wait()
			return iterx.Sum(slices.Values(sums)), nil
		}},
		{"MapParallel, per value", func(n, steps int) (int, error) {
			one := func(_ context.Context, v int) (int, error) { return work(v, steps), nil }
			return sumOf(iterx.MapParallel(context.Background(), iterx.Static(numbers(n)), iterx.Parallel{}, one))
		}},
		{Batches, func(n, steps int) (int, error) {
			return sumOf(iterx.MapParallel(context.Background(), batches(n), iterx.Parallel{}, batchWork(steps)))
		}},
		{"MapParallelUnordered, batches of 64", func(n, steps int) (int, error) {
			return sumOf(iterx.MapParallelUnordered(context.Background(), batches(n), iterx.Parallel{}, batchWork(steps)))
		}},
	}
}

// batches opens the numbers in batches.
func batches(n int) func(context.Context) iter.Seq2[[]int, error] {
	open := iterx.Static(numbers(n))
	return func(ctx context.Context) iter.Seq2[[]int, error] { return iterx.TryChunk(open(ctx), batchSize) }
}

// batchWork returns the work for a batch.
func batchWork(steps int) func(context.Context, []int) (int, error) {
	return func(_ context.Context, batch []int) (sum int, err error) {
		for _, v := range batch {
			sum += work(v, steps)
		}
		return sum, nil
	}
}

func sumOf(seq iter.Seq2[int, error]) (int, error) {
	return iterx.TryReduce(seq, 0, func(sum, v int) (int, error) { return sum + v, nil })
}
