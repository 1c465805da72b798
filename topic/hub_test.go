package topic_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

type (
	intHub  = topic.Hub[string, int]
	options = topic.Options[string]
)

// newHub returns a hub whose topics keep everything.
func newHub() *intHub {
	return topic.New(func(string) sluice.Log[int] { return replay.New[int](replay.Options{}) })
}

// limitedHub returns a hub whose topics keep the last n values.
func limitedHub(n int64) *intHub {
	return topic.New(func(string) sluice.Log[int] { return replay.New[int](replay.Options{MaxValues: n}) })
}

func publish(t testing.TB, h *intHub, key string, vs ...int) {
	t.Helper()
	for _, v := range vs {
		if _, err := h.Publish(context.Background(), key, v); err != nil {
			t.Fatalf("Publish(%s, %d) = %v, want nil", key, v, err)
		}
	}
}

// read reads n messages and returns them as "key offset=value", by topic, which is all the order there is.
func read(t testing.TB, c *sluice.Cursor[message], n int) string {
	t.Helper()
	byKey := map[string][]string{}
	for range n {
		m, ok, err := c.TryNext()
		if !ok || err != nil {
			t.Fatalf("TryNext() = _, %v, %v, want a message", ok, err)
		}
		byKey[m.Key] = append(byKey[m.Key], fmt.Sprintf("%s%d=%d", m.Key, m.Offset, m.Value))
	}
	var all []string
	for _, ms := range byKey {
		all = append(all, strings.Join(ms, " "))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func wants(t testing.TB, c *sluice.Cursor[message], want string) {
	t.Helper()
	if got := read(t, c, len(strings.Fields(want))); got != want {
		t.Fatalf("read %s, want %s", got, want)
	}
}

func nothing(t testing.TB, c *sluice.Cursor[message]) {
	t.Helper()
	if m, ok, err := c.TryNext(); ok || err != nil {
		t.Fatalf("TryNext() = %v, %v, %v, want nothing", m, ok, err)
	}
}

func ended(t testing.TB, c *sluice.Cursor[message]) {
	t.Helper()
	for range 2 {
		if m, ok, err := c.TryNext(); ok || err != sluice.ErrClosed {
			t.Fatalf("TryNext() = %v, %v, %v, want ErrClosed", m, ok, err)
		}
	}
}

func TestTopicsHaveTheirOwnOffsets(t *testing.T) {
	h := newHub()
	defer h.Close()
	c := h.Subscribe(sluice.Oldest(), "a", "b")
	defer c.Close()
	for i, key := range []string{"a", "b", "a"} {
		if off, err := h.Publish(t.Context(), key, i); off != sluice.Offset(i/2) || err != nil {
			t.Errorf("Publish(%s) = %v, %v, want %d, nil", key, off, err, i/2)
		}
	}
	if first, err := h.PublishAll(t.Context(), "b", []int{7, 8}); first != 1 || err != nil {
		t.Errorf("PublishAll() = %v, %v, want 1, nil", first, err)
	}
	if lag := c.Lag(); lag != 5 {
		t.Errorf("Lag() = %d, want 5", lag)
	}
	wants(t, c, "a0=0 a1=2 b0=1 b1=7 b2=8")
	nothing(t, c)
	if off, lag := c.Offset(), c.Lag(); off != 5 || lag != 0 {
		t.Errorf("Offset() = %d, Lag() = %d, want 5, 0", off, lag)
	}
	if keys := slices.Sorted(h.Keys()); !slices.Equal(keys, []string{"a", "b"}) || h.Len() != 2 {
		t.Errorf("Keys() = %v, Len() = %d, want a and b, 2", keys, h.Len())
	}
	for range h.Keys() {
		break
	}
}

func TestClosedHub(t *testing.T) {
	h := newHub()
	publish(t, h, "a", 1)
	c, s := h.Subscribe(sluice.Oldest(), "a"), h.Follow(options{})
	top, _ := h.Topic("a")
	for range 2 {
		if err := h.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	}
	for _, key := range []string{"a", "new"} {
		if _, err := h.Publish(t.Context(), key, 2); err != sluice.ErrClosed {
			t.Errorf("Publish(%s) = %v on a closed hub, want ErrClosed", key, err)
		}
		if _, err := h.PublishAll(t.Context(), key, []int{2}); err != sluice.ErrClosed {
			t.Errorf("PublishAll(%s) = %v on a closed hub, want ErrClosed", key, err)
		}
	}
	if _, err := top.Append(t.Context(), 2); err != sluice.ErrClosed {
		t.Errorf("Append() = %v on a topic of a closed hub, want ErrClosed", err)
	}
	wants(t, c, "a0=1")
	ended(t, c)
	ended(t, s.Cursor)
	if err := s.Add(sluice.Oldest(), "new"); err != sluice.ErrClosed {
		t.Errorf("Add() = %v on a closed hub, want ErrClosed", err)
	}
	for _, late := range []*sluice.Cursor[message]{
		h.Subscribe(sluice.Oldest(), "a", "new"),
		h.Follow(options{Match: func(string) bool { return true }}).Cursor,
	} {
		wants(t, late, "a0=1")
		ended(t, late)
	}
	ended(t, h.Subscribe(sluice.Oldest(), "new"))
	ended(t, h.Subscribe(sluice.Oldest()))
}

// A subscription without topics waits until there are some, or the hub is closed.
func TestCloseWakesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		var wg sync.WaitGroup
		for _, c := range []*sluice.Cursor[message]{
			h.Subscribe(sluice.Oldest(), "a"),
			h.Follow(options{}).Cursor,
			h.Follow(options{Keys: []string{"a"}}).Cursor,
			h.Follow(options{Match: func(string) bool { return true }}).Cursor,
		} {
			wg.Go(func() {
				defer c.Close()
				for m, err := range c.All(t.Context()) {
					t.Errorf("All() yields %v, %v, want the end", m, err)
				}
			})
		}
		synctest.Wait()
		h.Close()
		wg.Wait()
	})
}

// failing is a log that can't be closed.
type failing struct{ sluice.Log[int] }

var errStuck = errors.New("stuck")

func (f failing) Close() error { return errors.Join(f.Log.Close(), errStuck) }

func TestCloseReturnsTheErrorsOfLogs(t *testing.T) {
	h := topic.New(func(string) sluice.Log[int] { return failing{replay.New[int](replay.Options{})} })
	publish(t, h, "a", 1)
	publish(t, h, "b", 1)
	if err := h.Remove("a"); !errors.Is(err, errStuck) {
		t.Errorf("Remove() = %v, want %v", err, errStuck)
	}
	for range 2 {
		var e *topic.Error[string]
		if err := h.Close(); !errors.As(err, &e) || e.Key != "b" || !errors.Is(err, errStuck) {
			t.Errorf("Close() = %v, want %v of topic b", err, errStuck)
		}
	}
}

func TestMisusePanics(t *testing.T) {
	panics := func(want string, f func()) {
		t.Helper()
		defer func() {
			if p, ok := recover().(string); !ok || !strings.Contains(p, want) {
				t.Errorf("panic(%v), want one about %q", p, want)
			}
		}()
		f()
	}
	panics("got nil", func() { topic.New[string, int](nil) })
	h := topic.New(func(string) sluice.Log[int] { return nil })
	panics("no log for topic a", func() { h.Publish(t.Context(), "a", 1) })
	panics("no log for topic a", func() { h.Topic("a") }) // and no lock is held
}

// A topic is a log of its own: values that are appended to it reach subscriptions, and its own cursors read them.
func TestTopicIsALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		top, err := h.Topic("a")
		if err != nil || top.Key() != "a" {
			t.Fatalf("Topic(a) = %v, %v", top, err)
		}
		var log sluice.Log[int] = top
		got := make(chan message, 10)
		c := h.Subscribe(sluice.Oldest(), "a")
		go func() {
			defer close(got)
			for m := range c.All(context.Background()) {
				got <- m
			}
		}()
		synctest.Wait()
		log.Append(t.Context(), 1)
		log.AppendAll(t.Context(), []int{2, 3})
		synctest.Wait()
		if len(got) != 3 {
			t.Errorf("%d messages came through, want 3", len(got))
		}
		top.Log().Append(t.Context(), 4) // behind its back
		synctest.Wait()
		if len(got) != 3 {
			t.Errorf("%d messages came through, want 3 before Notify", len(got))
		}
		top.Notify()
		synctest.Wait()
		if len(got) != 4 {
			t.Errorf("%d messages came through, want 4 behind Notify", len(got))
		}
		if v, err := log.Cursor(sluice.Last(1)).Next(t.Context()); v != 4 || err != nil {
			t.Errorf("Next() = %v, %v, want 4, nil", v, err)
		}
		log.Close()
		for range 4 {
			<-got
		}
		if m, ok := <-got; ok {
			t.Errorf("got %v behind Close, want the end", m)
		}
		if _, err := h.Publish(t.Context(), "a", 5); err != sluice.ErrClosed {
			t.Errorf("Publish() = %v on a closed topic, want ErrClosed", err)
		}
		h.Remove("a")
		publish(t, h, "a", 5)
	})
}

func newRing(capacity int) sluice.Log[int] { return ring.New[int](capacity, ring.Options{}) }
