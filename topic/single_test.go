package topic_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

// One goroutine that publishes, removes and closes is the single writer of each log, whatever subscriptions do: the race
// detector sees the fields that only a writer may touch.
func TestLogsOfASingleWriter(t *testing.T) {
	for _, policy := range []ring.Policy{ring.Overwrite, ring.Gated} {
		h := topic.New(func(string) sluice.Log[int] {
			return ring.New[int](32, ring.Options{Policy: policy, SingleWriter: true})
		})
		stays := h.Follow(options{Match: func(string) bool { return true }})
		defer stays.Close()
		var wg sync.WaitGroup
		got := map[string]int{}
		wg.Go(func() {
			for m, err := range stays.SkipGaps().All(t.Context()) {
				if err != nil {
					t.Error(err)
					return
				}
				got[m.Key]++
			}
		})
		done := make(chan struct{})
		for range 2 {
			wg.Go(func() { comeAndGo(t, h, done) })
		}
		const rounds, values = 40, 100
		for round := range rounds {
			for n := range values {
				publish(t, h, strconv.Itoa(n%6), n)
			}
			if err := h.Remove(strconv.Itoa(round % 6)); err != nil {
				t.Error(err)
			}
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		close(done)
		wg.Wait()
		total := int(stays.Missed())
		for _, n := range got {
			total += n
		}
		if total != rounds*values {
			t.Errorf("policy %d: received and missed %d values, want %d", policy, total, rounds*values)
		}
	}
}

// comeAndGo subscribes, reads a little and changes its topics until done is closed.
func comeAndGo(t *testing.T, h *topic.Hub[string, int], done <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		default:
		}
		s := h.Follow(options{Keys: []string{"0", "1"}, From: sluice.Newest()})
		s.SkipGaps()
		if err := s.Add(sluice.Oldest(), "2"); err != nil && err != sluice.ErrClosed {
			t.Error(err)
		}
		for range n % 5 {
			s.TryNext()
		}
		s.Drop("1")
		s.Seek(sluice.Newest())
		s.TryNext()
		s.Close()
	}
}
