//go:build unix

package idle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-go/sluice/bench/idle"
)

func TestCrowdReceivesEverything(t *testing.T) {
	for _, readers := range []int{0, 1, 50} {
		c := idle.NewCrowd(readers)
		for range 3 {
			w := c.Wake()
			if w.Append <= 0 || (w.Last > 0) != (readers > 0) {
				t.Errorf("%d readers: Wake() = %+v", readers, w)
			}
		}
		if wrong := c.Close(); wrong != 0 {
			t.Errorf("%d readers: %d values out of order", readers, wrong)
		}
	}
}

// BenchmarkWake reports, for an append that has to wake all readers, the time of the call and until the last reader has
// the value. The time of an operation is neither: before each, the readers have to fall asleep.
func BenchmarkWake(b *testing.B) {
	for _, readers := range []int{0, 1, 100, 10_000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			c := idle.NewCrowd(readers)
			b.ReportAllocs()
			var total idle.Wake
			for b.Loop() {
				w := c.Wake()
				total.Append += w.Append
				total.Last += w.Last
			}
			b.ReportMetric(perOp(total.Append, b.N), "ns/append")
			b.ReportMetric(perOp(total.Last, b.N), "ns/last")
			if wrong := c.Close(); wrong != 0 {
				b.Errorf("%d values out of order", wrong)
			}
		})
	}
}

func perOp(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / float64(n) }
