package topic_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

// Everything at once: topics that are published to, added, dropped, removed and made again while subscriptions read, sleep,
// are opened and closed. Of the topics that stay, each subscription gets all, in order.
func TestEverythingAtOnce(t *testing.T) {
	const stay, come, writers, each, readers = 3, 5, 3, 3000, 4
	for name, open := range map[string]func() sluice.Log[int]{
		"replay": func() sluice.Log[int] { return replay.New[int](replay.Options{}) },
		"gated":  func() sluice.Log[int] { return ring.New[int](64, ring.Options{Policy: ring.Gated}) },
	} {
		t.Run(name, func(t *testing.T) {
			h := topic.New(func(string) sluice.Log[int] { return open() })
			var reading, writing, churning sync.WaitGroup
			var done atomic.Bool
			var keys []string
			for i := range stay {
				keys = append(keys, fmt.Sprint("stays", i))
			}
			churn := func(f func(key string, rng *rand.Rand)) {
				churning.Go(func() {
					rng := rand.New(rand.NewPCG(1, 2))
					for !done.Load() {
						f(fmt.Sprint("comes", rng.IntN(come)), rng)
					}
				})
			}
			for i := range readers {
				s := h.Follow(topic.Options[string]{Keys: keys, Match: func(key string) bool { return i%2 == 0 && key[0] == 'c' }})
				reading.Go(func() { readEverything(t, s, keys, writers*each) })
				churn(func(key string, rng *rand.Rand) {
					if rng.IntN(2) == 0 {
						s.Drop(key)
					} else if err := s.Add(sluice.Oldest(), key); err != nil && !done.Load() {
						t.Errorf("Add(%s) = %v, want nil", key, err)
					}
				})
			}
			churn(func(key string, rng *rand.Rand) { // short visits
				c := h.Subscribe(sluice.Last(3), keys[rng.IntN(stay)], key)
				for range rng.IntN(20) {
					c.TryNext()
				}
				c.Lag()
				c.Close()
			})
			churn(func(key string, rng *rand.Rand) { h.Remove(key) })
			for w := range writers {
				writing.Go(func() {
					for i := range each {
						publish(t, h, keys[i%stay], i*writers+w)
						if i%3 == 0 {
							publish(t, h, fmt.Sprint("comes", i%come), i*writers+w)
						}
					}
				})
			}
			writing.Wait()
			done.Store(true)
			churning.Wait()
			h.Close()
			reading.Wait()
		})
	}
}

// readEverything reads to the end: each of the topics keys from its first message to its last, n in all.
func readEverything(t *testing.T, s *topic.Subscription[string, int], keys []string, n int) {
	defer s.Close()
	next := map[string]sluice.Offset{}
	got := 0
	for m, err := range s.All(t.Context()) {
		if err != nil {
			t.Errorf("All() yields %v, want messages", err)
			return
		}
		if m.Key[0] != 's' {
			continue
		}
		if m.Offset != next[m.Key] {
			t.Errorf("got %v, want offset %d", m, next[m.Key])
			return
		}
		next[m.Key]++
		got++
	}
	if got != n {
		t.Errorf("got %d messages of the topics that stay, want %d", got, n)
	}
}
