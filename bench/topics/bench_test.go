package topics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-go/sluice/bench/topics"
)

// An operation of this benchmark is a whole run of this many values; ns/value is what counts, and B/op divided by it what a
// value allocates.
const values = 100_000

func BenchmarkFanOut(b *testing.B) {
	for _, r := range topics.Rivals() {
		for _, readers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("rival=%s/readers=%d", r.Name, readers), func(b *testing.B) {
				b.ReportAllocs()
				var total time.Duration
				for b.Loop() {
					took, err := topics.TimeFanOut(r, values, readers)
					if err != nil {
						b.Fatal(err)
					}
					total += took
				}
				b.ReportMetric(float64(total.Nanoseconds())/float64(b.N)/values, "ns/value")
			})
		}
	}
}
