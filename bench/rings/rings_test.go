package rings_test

import (
	"strings"
	"testing"

	"github.com/sluice-go/sluice/bench/rings"
	"github.com/sluice-go/sluice/bench/values"
)

// sizes are around what rivals treat specially: nothing, one, a batch, a chunk, a lap, many laps.
var sizes = []int{0, 1, 16, 17, 64, 129, 256, 20_000}

func TestRivalsAccountForEverythingInOrder(t *testing.T) {
	testFanOut[values.Word](t)
	testFanOut[values.Record](t)
}

func testFanOut[T values.Value](t *testing.T) {
	for _, r := range rings.Rivals[T]() {
		for _, n := range sizes {
			for _, readers := range []int{1, 4} {
				if _, err := rings.TimeFanOut(r, 64, n, 1, readers); err != nil {
					t.Errorf("%s, %d of %T: %v", r.Name, n, *new(T), err)
				}
			}
		}
	}
}

// Writers at once give no order between them, but everything is accounted for.
func TestWritersTogetherLoseNothing(t *testing.T) {
	for _, r := range rings.Rivals[values.Word]() {
		if !r.Writers {
			continue
		}
		if _, err := rings.TimeFanOut(r, 64, 20_000, 4, 2); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

// A reader that comes to a full ring misses what is gone, and no more.
func TestLappedReadersAreTold(t *testing.T) {
	const capacity, n = 128, 10_000
	for _, r := range rings.Rivals[values.Word]() {
		if !r.Lossy {
			continue
		}
		l := r.New(capacity)
		read := l.Reader()
		l.Append(0, n)
		l.Close()
		tally := read()
		if err := tally.Check(n, true); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		if err := tally.Check(n, false); err == nil {
			t.Errorf("%s: nothing was missed of %d values in a ring of %d", r.Name, n, capacity)
		}
		if got := tally.Received(); got < capacity-1 || got > 2*capacity {
			t.Errorf("%s: received %d values of a ring of %d", r.Name, got, capacity)
		}
	}
}

func TestModestRivalsNeedNoReader(t *testing.T) {
	for _, r := range rings.Rivals[values.Record]() {
		if r.Modest {
			if d := rings.TimePublish(r.New(64), 64, 1000); d <= 0 {
				t.Errorf("%s: took %v", r.Name, d)
			}
		}
	}
}

func TestLatencyReachesEverybody(t *testing.T) {
	for _, readers := range []int{1, 5} {
		rings.MeasureLatency(t, 200, readers)
	}
}

// A check that can't fail would make every rival look right.
func TestCheckFindsFaults(t *testing.T) {
	for _, tt := range []struct {
		seen  []int
		lossy bool
	}{
		{[]int{}, true},
		{[]int{0, 1}, true},
		{[]int{0, 1, 2, 3}, true},
		{[]int{0, 2, 1}, true},
		{[]int{1, 2, 3}, true},
		{[]int{0, 0, 2}, true},
		{[]int{0, -3}, true},
		{[]int{0, -1, 1}, true},
		{[]int{0, -1, 2}, false},
	} {
		if err := rings.Accounts(tt.seen...).Check(3, tt.lossy); err == nil {
			t.Errorf("Check(3, %t) of %v = nil, want an error", tt.lossy, tt.seen)
		}
	}
	for _, seen := range [][]int{{0, 1, 2}, {-1, 1, 2}, {0, -2}, {-3}} {
		lossy := seen[0] < 0 || len(seen) < 3
		if err := rings.Accounts(seen...).Check(3, lossy); err != nil {
			t.Errorf("Check(3, %t) of %v = %v, want nil", lossy, seen, err)
		}
	}
}

// Goals name rows, and a table panics if it has no such row.
func TestTablesHaveTheirGoalsRows(t *testing.T) {
	for _, table := range rings.Tables(1000) {
		if !strings.HasPrefix(table.Title, "Ring") {
			t.Errorf("title %q, want one that -run Ring finds", table.Title)
		}
		table.Results()
	}
}
