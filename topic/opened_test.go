package topic_test

import (
	"strings"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

// A gated ring names who subscribed, not a line of this package.
func TestStatsNameTheSubscriber(t *testing.T) {
	rings := map[string]*ring.Ring[int]{}
	h := topic.New(func(key string) sluice.Log[int] {
		rings[key] = ring.New[int](2, ring.Options{Policy: ring.Gated})
		return rings[key]
	})
	defer h.Close()
	c := h.Subscribe(sluice.Newest(), "a", "b")
	defer c.Close()
	s := h.Follow(topic.Options[string]{})
	defer s.Close()
	if err := s.Add(sluice.Newest(), "a"); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"a": 2, "b": 1} {
		cursors := rings[key].Stats().Cursors
		if len(cursors) != want {
			t.Errorf("%d cursors on %s, want %d", len(cursors), key, want)
		}
		for _, c := range cursors {
			if !strings.Contains(c.Opened, "topic_test.TestStatsNameTheSubscriber") {
				t.Errorf("a cursor on %s was opened by %s, want this test", key, c.Opened)
			}
		}
	}
}
