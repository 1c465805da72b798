package topic_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
)

// Whatever happens to a subscription while its reader sleeps, it hears of it.
func TestSleepingReaderHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		s := h.Follow(options{Keys: []string{"a"}, Match: func(key string) bool { return key[0] == 'm' }})
		got := make(chan message, 10)
		ended := make(chan error, 1)
		go func() {
			for m, err := range s.All(t.Context()) {
				if err != nil {
					t.Errorf("All() yields %v, want messages", err)
				}
				got <- m
			}
			ended <- nil
		}()
		expect := func(want message) {
			t.Helper()
			synctest.Wait()
			select {
			case m := <-got:
				if m != want {
					t.Errorf("got %v, want %v", m, want)
				}
			default:
				t.Errorf("got nothing, want %v", want)
			}
		}
		synctest.Wait()
		publish(t, h, "a", 1)
		expect(message{"a", 0, 1})
		publish(t, h, "m1", 2)
		expect(message{"m1", 0, 2})
		publish(t, h, "b", 3)
		synctest.Wait()
		s.Add(sluice.Oldest(), "b")
		expect(message{"b", 0, 3})
		s.Drop("b")
		publish(t, h, "b", 4)
		publish(t, h, "a", 5)
		expect(message{"a", 1, 5})
		s.Close()
		<-ended
	})
}

// A value that is published between the look at a topic and the wait for it is found, at whichever look that is.
func TestValueBetweenLookAndWait(t *testing.T) {
	for look := range 2 {
		looks := 0
		var h *intHub
		h = topic.New(func(string) sluice.Log[int] {
			return &plainLog{onEmpty: func() {
				if looks++; looks == look+1 {
					publish(t, h, "a", look)
				}
			}}
		})
		c := h.Subscribe(sluice.Oldest(), "a")
		wants(t, c, fmt.Sprintf("a0=%d", look))
		nothing(t, c)
		c.Close()
	}
}

// All subscriptions sleep on one topic; whoever is cancelled, closed or busy meanwhile, the others hear of a value.
func TestNewsSpreads(t *testing.T) {
	for round := range 20 {
		synctest.Test(t, func(t *testing.T) { checkNewsSpreads(t, round+1) })
	}
}

// checkNewsSpreads closes one of each so many of the cursors that are to be closed.
func checkNewsSpreads(t *testing.T, one int) {
	h := newHub()
	var reading, busy sync.WaitGroup
	ready := make(chan struct{}) // the busy ones go on
	var closing []*sluice.Cursor[message]
	for i := range 200 {
		c := h.Subscribe(sluice.Oldest(), "a", fmt.Sprint(i%7))
		switch i % 5 {
		case 0:
			busy.Go(func() {
				untilA(t, c, func() { <-ready })
			})
		case 1:
			closing = append(closing, c)
			reading.Go(func() {
				for range c.All(t.Context()) {
				}
			})
		default:
			reading.Go(func() { untilA(t, c, func() {}) })
		}
	}
	synctest.Wait()
	for i := range 7 {
		publish(t, h, fmt.Sprint(i), 1)
	}
	synctest.Wait() // now the busy ones are, and the others sleep
	reading.Go(func() {
		for i, c := range closing {
			if i%one == 0 {
				c.Close()
			}
		}
	})
	publish(t, h, "a", 1)
	synctest.Wait()
	for _, c := range closing {
		c.Close()
	}
	reading.Wait() // news that is lost is a deadlock, which the bubble reports
	close(ready)
	busy.Wait()
}

// untilA reads until there is a message of topic a, and calls other for those of others.
func untilA(t *testing.T, c *sluice.Cursor[message], other func()) {
	defer c.Close()
	for m, err := range c.All(t.Context()) {
		switch {
		case err != nil:
			t.Errorf("All() yields %v, want messages", err)
		case m.Key == "a":
			return
		default:
			other()
		}
	}
	t.Error("All() ended before a message of topic a came")
}

// Every lost wake-up would leave a reader asleep, and the test hanging.
func TestPingPongLosesNoWakeUp(t *testing.T) {
	const rounds, readers, topics = 5000, 3, 5
	h := topic.New(func(string) sluice.Log[int] { return newRing(64) })
	defer h.Close()
	var keys []string
	for i := range topics {
		keys = append(keys, fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	back := h.Subscribe(sluice.Oldest(), "back")
	for range readers {
		c := h.Subscribe(sluice.Oldest(), keys...)
		wg.Go(func() {
			defer c.Close()
			for range rounds {
				if _, err := c.Next(t.Context()); err != nil {
					t.Errorf("Next() = %v, want nil", err)
				}
				publish(t, h, "back", 1)
			}
		})
	}
	for n := range rounds {
		publish(t, h, keys[n*7%topics], n)
		for range readers {
			if _, err := back.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	wg.Wait()
}
