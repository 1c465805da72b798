package rings

import (
	"testing"

	"github.com/sluice-go/sluice/bench/values"
	"github.com/sluice-go/sluice/ring"
)

// Accounts returns the tally of a reader that got these values; a negative one stands for so many missed ones.
func Accounts(numbers ...int) (t Tally) {
	for _, n := range numbers {
		if n < 0 {
			t.miss(int64(-n))
			continue
		}
		see(&t, numbered[values.Word](n))
	}
	return t
}

// MeasureLatency checks that every value reaches every reader, for each kind of line.
func MeasureLatency(t *testing.T, n, readers int) {
	for _, l := range []line{newChannelLine(n), newRingLine(ring.Options{}, n), newRingLine(ring.Options{Policy: ring.Gated}, n)} {
		if got, err := measureLatency(l, n, readers); err != nil || got.P50 <= 0 || got.P99 < got.P50 {
			t.Errorf("%T: %+v, %v, want times", l, got, err)
		}
	}
}

// TimePositions is for the benchmark of false sharing.
var TimePositions = timePositions
