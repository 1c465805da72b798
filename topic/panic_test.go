package topic_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

var errThrown = errors.New("thrown by the test")

// thrown fails the test unless f panics with errThrown.
func thrown(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if v := recover(); v != errThrown {
			t.Errorf("panic(%v), want %v", v, errThrown)
		}
	}()
	f()
}

// A topic that is not made because a Match panicked is followed by nobody, and the next of its name by all.
func TestMatchPanicsWhileATopicIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs []*plainLog
		h := topic.New(func(string) sluice.Log[int] {
			logs = append(logs, new(plainLog))
			return logs[len(logs)-1]
		})
		defer h.Close()
		var subs []*topic.Subscription[string, int]
		for range 10 { // asked in no order: with many, some are before the one that panics
			s := h.Follow(options{Match: func(string) bool { return true }})
			defer s.Close()
			subs = append(subs, s)
		}
		calls := 0
		bad := h.Follow(options{Match: func(string) bool {
			if calls++; calls <= 3 {
				panic(errThrown)
			}
			return true
		}})
		defer bad.Close()
		for range 3 {
			thrown(t, func() { h.Publish(t.Context(), "a", 1) })
		}
		if h.Len() != 0 {
			t.Errorf("Len() = %d behind a panic, want 0", h.Len())
		}
		for i, log := range logs {
			if !log.closed {
				t.Errorf("log %d is open, though its topic was not made", i)
			}
		}
		publish(t, h, "a", 2)
		for _, s := range append(subs, bad) {
			wants(t, s.Cursor, "a0=2")
			nothing(t, s.Cursor)
		}
	})
}

// A subscription that is not made because a function of the caller panicked holds no topic back.
func TestMatchPanicsInFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := topic.New(func(key string) sluice.Log[int] {
			if key == "bad" {
				panic(errThrown)
			}
			return ring.New[int](2, ring.Options{Policy: ring.Gated})
		})
		defer h.Close()
		publish(t, h, "a", 1)
		throw := func(string) bool { panic(errThrown) }
		thrown(t, func() { h.Follow(options{Keys: []string{"a"}, Match: throw}) })
		thrown(t, func() {
			h.Follow(options{Keys: []string{"a"}, Match: throw, Offsets: map[string]sluice.Offset{"a": 0}})
		})
		thrown(t, func() { h.Follow(options{Keys: []string{"a", "bad"}}) })
		thrown(t, func() { h.Subscribe(sluice.Oldest(), "a", "bad") })
		publish(t, h, "a", 2, 3, 4, 5) // waiting for ever is a deadlock, which the bubble reports
		publish(t, h, "b", 1)          // and nobody is asked whether it matches
	})
}

// A throwing stores what it is given, and then panics.
type throwing struct{ *plainLog }

func (l throwing) Append(ctx context.Context, v int) (sluice.Offset, error) {
	l.plainLog.Append(ctx, v)
	panic(errThrown)
}

func (l throwing) AppendAll(ctx context.Context, vs []int) (sluice.Offset, error) {
	l.plainLog.AppendAll(ctx, vs)
	panic(errThrown)
}

// Who waits hears of values whose AppendAll panicked; of one whose Append did, by Notify.
func TestPublishPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := topic.New(func(string) sluice.Log[int] { return throwing{new(plainLog)} })
		defer h.Close()
		c := h.Subscribe(sluice.Oldest(), "a")
		defer c.Close()
		got := make(chan int, 3)
		go func() {
			for m, err := range c.All(t.Context()) {
				if err == nil {
					got <- m.Value
				}
			}
		}()
		synctest.Wait()
		thrown(t, func() { h.PublishAll(t.Context(), "a", []int{1, 2}) })
		if v, w := <-got, <-got; v != 1 || w != 2 {
			t.Errorf("got %d, %d, want 1, 2", v, w)
		}
		synctest.Wait()
		thrown(t, func() { h.Publish(t.Context(), "a", 3) })
		must(h.Topic("a")).Notify()
		if v := <-got; v != 3 {
			t.Errorf("got %d, want 3", v)
		}
	})
}

// A log whose reader panics, as a codec may, loses no turn by that.
func TestLogPanics(t *testing.T) {
	for look := range 2 {
		looks := 0
		h := topic.New(func(string) sluice.Log[int] {
			return &plainLog{onEmpty: func() {
				if looks++; looks == look+1 {
					panic(errThrown)
				}
			}}
		})
		c := h.Subscribe(sluice.Oldest(), "a")
		thrown(t, func() { c.TryNext() })
		publish(t, h, "a", 1)
		wants(t, c, "a0=1")
		nothing(t, c)
		publish(t, h, "a", 2)
		wants(t, c, "a1=2")
		c.Close()
		h.Close()
	}
}
