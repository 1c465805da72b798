package diskq_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/diskq"
)

// A TAIL that tells of a segment that is gone changes the epoch once: not again at each Open that finds it still there, whatever
// that appends.
func TestTailOfASegmentThatIsGoneCountsOnce(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Durable} {
		for _, n := range []int{0, 1} {
			t.Run(fmt.Sprintf("%v, %d appended", d, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := mapping()
					q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
					roll(t, q)
					roll(t, q)
					add(t, q, "in the last segment")
					m = m.Kill()
					removeLastSegment(t, m)
					removeLastSegment(t, m)
					q = open(t, m, diskq.Options{Durability: d})
					if !q.Stats().Recovery.NewEpoch {
						t.Fatal("the epoch is the same, want another one")
					}
					for range 3 {
						epoch := q.Epoch()
						add(t, q, values(n)...)
						m = m.Kill()
						q = open(t, m, diskq.Options{Durability: d})
						if q.Epoch() != epoch {
							t.Fatalf("the epoch is another one when it is opened again: %+v", q.Stats().Recovery)
						}
					}
				})
			})
		}
	}
}
