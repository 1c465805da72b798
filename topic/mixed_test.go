package topic_test

import (
	"errors"
	"maps"
	"path/filepath"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

// mixedHub returns a hub with a log of another kind for each topic; that of "disk" lies in dir.
func mixedHub(t *testing.T, dir string) *intHub {
	return topic.New(func(key string) sluice.Log[int] {
		switch key {
		case "disk":
			return openQueue(t, filepath.Join(dir, key))
		case "ring":
			return ring.New[int](4, ring.Options{})
		case "gated":
			return ring.New[int](64, ring.Options{Policy: ring.Gated})
		}
		return replay.New[int](replay.Options{})
	})
}

// One subscription follows logs of all kinds, with what each keeps and loses; and the offsets of what is on disk are good
// for the next hub.
func TestMixedLogs(t *testing.T) {
	dir := t.TempDir()
	h := mixedHub(t, dir)
	s := h.Follow(options{Keys: []string{"disk", "ring", "gated", "all"}})
	next := maps.Clone(s.Offsets())
	for n := range 1000 {
		for _, key := range []string{"disk", "ring", "all"} {
			publish(t, h, key, n)
		}
	}
	for n := range 50 {
		publish(t, h, "gated", n)
	}
	take := func(s *topic.Subscription[string, int], left int) {
		t.Helper()
		for ; left > 0; left-- {
			m, ok, err := s.TryNext()
			if gap := (*topic.Error[string])(nil); errors.As(err, &gap) {
				if gap.Key != "ring" {
					t.Fatalf("TryNext() = %v, want gaps in the ring only", err)
				}
				missed := gap.Err.(sluice.Gap)
				from, to := missed.Gap()
				if from != next["ring"] {
					t.Fatalf("a gap from %d, want %d", from, next["ring"])
				}
				next["ring"], left = to, left-int(to-from)+1
				continue
			}
			if !ok || err != nil {
				t.Fatalf("TryNext() = %v, %v with %d messages left, want one", ok, err, left)
			}
			if m.Offset != next[m.Key] || m.Value != int(m.Offset) {
				t.Fatalf("got %v, want offset %d", m, next[m.Key])
			}
			next[m.Key]++
		}
	}
	take(s, 3050)
	nothing(t, s.Cursor)
	publish(t, h, "disk", 1000, 1001, 1002)
	take(s, 1)
	s.Close()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}

	h = mixedHub(t, dir)
	defer h.Close()
	next = map[string]sluice.Offset{"disk": next["disk"]}
	s = h.Follow(options{Keys: []string{"disk", "all"}, Offsets: next})
	defer s.Close()
	next = maps.Clone(next)
	publish(t, h, "disk", 1003)
	publish(t, h, "all", 0)
	take(s, 4)
	nothing(t, s.Cursor)
}
