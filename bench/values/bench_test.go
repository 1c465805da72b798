package values_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-go/sluice/bench/values"
)

// An operation of these benchmarks is a whole run of this many values; ns/value is what counts, and B/op divided by it
// what a value allocates. Shape, rival and number are keys that benchstat can project on.
const million = 1_000_000

func BenchmarkAppend(b *testing.B) {
	for _, r := range values.Rivals[values.Word]() {
		if r.NoReplay || r.SameLog {
			continue
		}
		for _, writers := range []int{1, 8} {
			b.Run(fmt.Sprintf("rival=%s/writers=%d", r.Name, writers), func(b *testing.B) {
				b.ReportAllocs()
				var total time.Duration
				for b.Loop() {
					total += values.TimeAppend(r.New(), million, writers)
				}
				perValue(b, total, million)
			})
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, r := range values.Rivals[values.Word]() {
		if r.NoReplay {
			continue
		}
		for _, readers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("rival=%s/readers=%d", r.Name, readers), func(b *testing.B) {
				l := r.New()
				l.Append(0, million)
				l.Close()
				b.ReportAllocs()
				var total time.Duration
				for b.Loop() {
					total += must(b)(values.TimeReplay(l, million, readers))
				}
				perValue(b, total, million*readers)
			})
		}
	}
}

func BenchmarkLive(b *testing.B) {
	for _, r := range values.Rivals[values.Word]() {
		for _, readers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("rival=%s/readers=%d", r.Name, readers), func(b *testing.B) {
				b.ReportAllocs()
				var total time.Duration
				for b.Loop() {
					total += must(b)(values.TimeLive(r.New(), million, readers))
				}
				perValue(b, total, million)
			})
		}
	}
}

func must(b *testing.B) func(time.Duration, error) time.Duration {
	return func(d time.Duration, err error) time.Duration {
		if err != nil {
			b.Fatal(err)
		}
		return d
	}
}

func perValue(b *testing.B, total time.Duration, n int) {
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N)/float64(n), "ns/value")
}
