package values_test

import (
	"fmt"
	"testing"

	"github.com/sluice-go/sluice/bench/values"
)

// sizes are around what rivals treat specially: nothing, one, a channel, a chunk.
var sizes = []int{0, 1, 64, 65, 1000, 20_000}

func TestRivalsReplayEverythingInOrder(t *testing.T) {
	testReplay[values.Word](t)
	testReplay[values.Record](t)
}

func testReplay[T values.Value](t *testing.T) {
	for _, r := range values.Rivals[T]() {
		if r.NoReplay {
			continue
		}
		for _, n := range sizes {
			l := r.New()
			values.TimeAppend(l, n, 1)
			l.Close()
			for pass := range 2 {
				if _, err := values.TimeReplay(l, n, 3); err != nil {
					t.Errorf("%s, %d of %T, pass %d: %v", r.Name, n, *new(T), pass, err)
				}
			}
		}
	}
}

func TestRivalsDeliverLiveInOrder(t *testing.T) {
	testLive[values.Word](t)
	testLive[values.Record](t)
}

func testLive[T values.Value](t *testing.T) {
	for _, r := range values.Rivals[T]() {
		for _, n := range sizes {
			if _, err := values.TimeLive(r.New(), n, 4); err != nil {
				t.Errorf("%s, %d of %T: %v", r.Name, n, *new(T), err)
			}
		}
	}
}

// Writers at once give no order between them, but nothing may be lost: every value is counted, and the check of the
// tally fails by order only.
func TestWritersTogetherLoseNothing(t *testing.T) {
	const n = 8000
	for _, r := range values.Rivals[values.Word]() {
		if r.NoReplay {
			continue
		}
		l := r.New()
		values.TimeAppend(l, n, 8)
		l.Close()
		if got := l.Reader()().Count(); got != n {
			t.Errorf("%s: %d values after 8 writers appended %d", r.Name, got, n)
		}
	}
}

// A check that can't fail would make every rival look right.
func TestCheckFindsFaults(t *testing.T) {
	for _, seen := range [][]int{{}, {0, 1}, {0, 1, 2, 3}, {0, 2, 1}, {1, 2, 3}, {0, 0, 2}} {
		if err := values.Saw(seen...).Check(3); err == nil {
			t.Errorf("Check(3) of %v = nil, want an error", seen)
		}
	}
	if err := values.Saw(0, 1, 2).Check(3); err != nil {
		t.Error(fmt.Errorf("Check(3) of 0, 1, 2: %w", err))
	}
}
