package rings_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-go/sluice/bench/rings"
	"github.com/sluice-go/sluice/bench/values"
)

// An operation of these benchmarks is a whole run of this many values; ns/value is what counts.
const (
	run      = 200_000
	capacity = 1024
)

func BenchmarkFanOut(b *testing.B) {
	b.Run("value=int64", benchmarkFanOut[values.Word])
	b.Run("value=64B", benchmarkFanOut[values.Record])
}

func benchmarkFanOut[T values.Value](b *testing.B) {
	for _, r := range rings.Rivals[T]() {
		for _, readers := range []int{1, 4, 16, 64} {
			b.Run(fmt.Sprintf("rival=%s/readers=%d", r.Name, readers), func(b *testing.B) {
				benchmarkRun(b, r, 1, readers)
			})
		}
	}
}

func BenchmarkWriters(b *testing.B) {
	for _, r := range rings.Rivals[values.Word]() {
		for _, writers := range []int{2, 4} {
			if r.Writers {
				b.Run(fmt.Sprintf("rival=%s/writers=%d", r.Name, writers), func(b *testing.B) {
					benchmarkRun(b, r, writers, 1)
				})
			}
		}
	}
}

func benchmarkRun(b *testing.B, r rings.Rival, writers, readers int) {
	b.ReportAllocs()
	var total time.Duration
	missed := 0.0
	for b.Loop() {
		got, err := rings.TimeFanOut(r, capacity, run, writers, readers)
		if err != nil {
			b.Fatal(err)
		}
		total += got.Time
		missed += got.Missed
	}
	perValue(b, total)
	if r.Lossy {
		b.ReportMetric(100*missed/float64(b.N), "%missed")
	}
}

func BenchmarkPublish(b *testing.B) {
	b.Run("value=int64", benchmarkPublish[values.Word])
	b.Run("value=64B", benchmarkPublish[values.Record])
}

func benchmarkPublish[T values.Value](b *testing.B) {
	for _, r := range rings.Rivals[T]() {
		if !r.Modest {
			continue
		}
		b.Run("rival="+r.Name, func(b *testing.B) {
			l := r.New(capacity)
			b.ReportAllocs()
			var total time.Duration
			for b.Loop() {
				total += rings.TimePublish(l, capacity, run)
			}
			perValue(b, total)
		})
	}
}

// BenchmarkFalseSharing is why each gate of a gated ring fills its cache line.
func BenchmarkFalseSharing(b *testing.B) {
	for _, padded := range []bool{false, true} {
		b.Run(fmt.Sprintf("padded=%t", padded), func(b *testing.B) {
			var total time.Duration
			for b.Loop() {
				total += rings.TimePositions(padded, run, 2)
			}
			perValue(b, total)
		})
	}
}

func perValue(b *testing.B, total time.Duration) {
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N)/run, "ns/value")
}
