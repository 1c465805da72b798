package topic_test

import (
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
)

// looks does as many looks of a pace with turns of that size, and returns before how many of the next turns it pauses.
func looks(p *topic.Pace, n, messages int) (pauses int) {
	for range n * topic.Look {
		p.Took(messages)
		if p.Keep() {
			pauses++
		}
	}
	return pauses
}

func TestPaceKeepsADistance(t *testing.T) {
	var p topic.Pace
	if got := looks(&p, 100, topic.Enough); got != 0 {
		t.Errorf("%d pauses though each turn brought enough, want 0", got)
	}
	if got := looks(&p, 1, 1); got != 1 {
		t.Errorf("%d pauses behind a look that brought little, want 1", got)
	}
	if got := looks(&p, 100, topic.Enough/2+1); got != 100 {
		t.Errorf("%d pauses in 100 looks, all of which bring more than half of enough, want 100", got)
	}
}

// A pause that brings nothing costs a reader nothing more than itself.
func TestPaceRestsBehindAPauseInVain(t *testing.T) {
	for _, messages := range []int{0, 1, topic.Enough / 2} {
		var p topic.Pace
		if got := looks(&p, 2, messages); got != 1 {
			t.Errorf("turns of %d: %d pauses in the first 2 looks, want 1", messages, got)
		}
		if got := looks(&p, topic.Rests, messages); got != 0 {
			t.Errorf("turns of %d: %d pauses behind one in vain, want 0", messages, got)
		}
		if got := looks(&p, 1, messages); got != 1 {
			t.Errorf("turns of %d: %d pauses after the rest, want 1", messages, got)
		}
	}
}

// Who reads many topics that have some messages each, as after Last(12), gets no more of them by waiting.
func TestPaceRestsWhereAPauseMakesNoDifference(t *testing.T) {
	for _, messages := range []int{topic.Enough/2 + 1, topic.Enough - 1} {
		var p topic.Pace
		if got := looks(&p, 1+topic.Rests, messages); got != 1 {
			t.Errorf("turns of %d: %d pauses, want 1", messages, got)
		}
	}
}

// Whoever has caught up sleeps, and then takes what came without delay.
func TestPaceIsForTurnsInARow(t *testing.T) {
	var p topic.Pace
	for range 100 {
		for range topic.Look - 1 {
			p.Took(1)
			if p.Keep() {
				t.Fatal("it pauses within a look")
			}
		}
		p.Caught()
		if p.Keep() {
			t.Fatal("it pauses where nothing was")
		}
	}
}

// A pause ends though the clock stands still, as it does in a bubble while somebody runs.
func TestPauseEndsWithoutAClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		defer h.Close()
		c := h.Subscribe(sluice.Newest(), "a", "b")
		defer c.Close()
		publish(t, h, "a", 0)
		for n := range 10 * topic.Look { // never empty, and one message in each turn
			publish(t, h, []string{"b", "a"}[n%2], n)
			if _, err := c.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
