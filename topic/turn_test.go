package topic_test

import (
	"fmt"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
)

// What the cursor has taken still comes after Drop, the rest does not.
func TestDropWhileTaken(t *testing.T) {
	h := topic.New(func(string) sluice.Log[int] { return newRing(1000) })
	defer h.Close()
	for i := range 100 {
		publish(t, h, "a", i)
	}
	s := h.Follow(options{Keys: []string{"a"}})
	defer s.Close()
	read(t, s.Cursor, 1)
	s.Drop("a")
	read(t, s.Cursor, 63)
	nothing(t, s.Cursor)
}

// One topic that is always full does not keep another from its turn: at most a turn of each full one comes before.
func TestBusyTopicsDoNotStarveAQuietOne(t *testing.T) {
	const turn = 64
	for _, busy := range []int{1, 5} {
		h := newHub()
		keys := []string{"quiet"}
		for i := range busy {
			keys = append(keys, fmt.Sprint("busy", i))
			for v := range 10_000 {
				publish(t, h, keys[i+1], v)
			}
		}
		c := h.Subscribe(sluice.Oldest(), keys...)
		counts := map[string]int{}
		least, most := 0, 0
		for round := range 20 {
			read(t, c, round*7) // so that it comes anywhere in a turn
			publish(t, h, "quiet", round)
			clear(counts)
			for n := 0; ; n++ {
				m, err := c.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				counts[m.Key]++
				if m.Key == "quiet" {
					least, most = min(least, n), max(most, n)
					break
				}
				if counts[m.Key] > 2*turn { // what is left of a turn that began before, and one that begins
					t.Fatalf("%d messages of %s came before the quiet topic's, want at most %d", counts[m.Key], m.Key, 2*turn)
				}
			}
			if most > (busy+1)*turn {
				t.Fatalf("%d messages came before the quiet topic's, want at most %d", most, (busy+1)*turn)
			}
		}
		if most == 0 {
			t.Error("no message came before the quiet topic's: nothing was tested")
		}
		h.Close()
	}
}

// With thousands of quiet topics a message costs as much as with none: they are not looked at.
func TestQuietTopicsAreNotLookedAt(t *testing.T) {
	const quiet = 5000
	logs := map[string]*plainLog{}
	h := topic.New(func(key string) sluice.Log[int] {
		logs[key] = new(plainLog)
		return logs[key]
	})
	defer h.Close()
	keys := []string{"busy"}
	for i := range quiet {
		keys = append(keys, fmt.Sprint(i))
	}
	c := h.Subscribe(sluice.Oldest(), keys...)
	defer c.Close()
	nothing(t, c)
	polls := func() (n int64) {
		for _, log := range logs {
			n += log.polls.Load()
		}
		return n
	}
	if got := polls(); got > 3*quiet {
		t.Errorf("%d polls at first, want at most three of each topic", got)
	}
	before := polls()
	for i := range 1000 {
		publish(t, h, "busy", i)
		read(t, c, 1)
		nothing(t, c)
	}
	if got := polls() - before; got > 3*1000 {
		t.Errorf("1000 messages took %d polls, want at most three each", got)
	}
}

func TestReadingAndPublishingAllocateNothing(t *testing.T) {
	h := topic.New(func(string) sluice.Log[int] { return newRing(1024) })
	defer h.Close()
	keys := []string{"a", "b", "c"}
	c := h.Subscribe(sluice.Oldest(), keys...)
	defer c.Close()
	i := 0
	got := testing.AllocsPerRun(2000, func() {
		i++
		h.Publish(t.Context(), keys[i%3], i)
		for range 2 {
			if _, _, err := c.TryNext(); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got != 0 {
		t.Errorf("publishing and reading a message allocates %v times, want 0", got)
	}
}
