package helpers

import (
	"fmt"
	"sync"
	"time"

	"github.com/sluice-go/sluice/bench/ratio"
)

// Tables returns the tables of this package for n values, with the goals that iterx and chanx are held to.
func Tables(n int) []*ratio.Table {
	return []*ratio.Table{chainTable(n), parallelTable(max(1, n/4)), sendTable(n), receiveTable(n)}
}

func chainTable(n int) *ratio.Table {
	t := &ratio.Table{
		Title: "Helpers: Filter, Map and Take over an opaque sequence, per value", Ours: Iterx,
		Goals: []ratio.Goal{{Row: Iterx, Peer: Hand, AtMost: 2.5}, {Row: Iterx, Peer: Lo, AtLeast: 1}},
	}
	for _, c := range chains() {
		t.Rows = append(t.Rows, ratio.Row{Name: c.Name, Run: func() (ratio.Sample, error) {
			const passes = 10
			start, sum := time.Now(), 0
			for range passes {
				sum += c.Sum(numbers(n), n/2)
			}
			return sample(time.Since(start), passes*n, sum, passes*chainSum(n))
		}})
	}
	return t
}

func parallelTable(n int) *ratio.Table {
	t := &ratio.Table{
		Title: fmt.Sprintf("Helpers: %v of work for each value, per value", workTime), Ours: Batches,
		Goals: []ratio.Goal{{Row: Batches, Peer: Sequential, AtLeast: 1.6}},
	}
	prepare := sync.OnceValues(func() (steps, want int) { // not for tables that are not run
		steps = calibrate()
		for v := range n {
			want += work(v, steps)
		}
		return steps, want
	})
	for _, w := range workers() {
		t.Rows = append(t.Rows, ratio.Row{Name: w.Name, Run: func() (ratio.Sample, error) {
			steps, want := prepare()
			start := time.Now()
			sum, err := w.Sum(n, steps)
			if err != nil {
				return ratio.Sample{}, err
			}
			return sample(time.Since(start), n, sum, want)
		}})
	}
	return t
}

func sendTable(n int) *ratio.Table {
	t := &ratio.Table{
		Title: "Helpers: sending with room, per value", Ours: Chanx,
		Goals: []ratio.Goal{{Row: Chanx, Peer: Bare, AtMost: 1.15}},
	}
	for _, s := range senders() {
		t.Rows = append(t.Rows, ratio.Row{Name: s.Name, Run: func() (ratio.Sample, error) {
			d, _, values, sum := timePairs(n, s.Fill, receivers()[0].Sum)
			return sample(d, values, sum, pairSum(values))
		}})
	}
	return t
}

func receiveTable(n int) *ratio.Table {
	t := &ratio.Table{
		Title: "Helpers: receiving what is there, per value", Ours: Chanx,
		Goals: []ratio.Goal{{Row: Chanx, Peer: Bare, AtMost: 1.15}},
	}
	for _, r := range receivers() {
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (ratio.Sample, error) {
			_, d, values, sum := timePairs(n, senders()[0].Fill, r.Sum)
			return sample(d, values, sum, pairSum(values))
		}})
	}
	return t
}

// pairSum is what timePairs has to return for that many values.
func pairSum(values int) int { return values / channelSize * (channelSize * (channelSize - 1) / 2) }

// sample is an error if the sum is wrong.
func sample(d time.Duration, values, sum, want int) (ratio.Sample, error) {
	if sum != want {
		return ratio.Sample{}, fmt.Errorf("the sum is %d, want %d", sum, want)
	}
	return ratio.Sample{Nanos: float64(d.Nanoseconds()) / float64(values)}, nil
}
