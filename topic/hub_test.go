package topic_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

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

func TestRemovedTopicDrainsAndIsLeftOut(t *testing.T) {
	h := newHub()
	both := h.Subscribe(sluice.Oldest(), "a", "b")
	alone := h.Subscribe(sluice.Oldest(), "a")
	publish(t, h, "a", 1, 2)
	wants(t, both, "a0=1 a1=2")
	publish(t, h, "a", 3)
	if err := errors.Join(h.Remove("a"), h.Remove("a"), h.Remove("never there")); err != nil {
		t.Errorf("Remove() = %v, want nil", err)
	}
	publish(t, h, "a", 10) // another topic a
	publish(t, h, "b", 20)
	wants(t, both, "a2=3 b0=20")
	nothing(t, both)
	wants(t, alone, "a0=1 a1=2 a2=3")
	ended(t, alone)
	h.Close()
	ended(t, both)
}

// A subscription by Match gets the rest of a removed topic before what is published to the next one of its name, however
// often that happens.
func TestMatchFollowsTheNextTopicOfAName(t *testing.T) {
	h := newHub()
	s := h.Follow(options{Match: func(key string) bool { return key != "no" }})
	defer s.Close()
	nothing(t, s.Cursor)
	for i := range 3 {
		publish(t, h, "a", 10*i, 10*i+1)
		publish(t, h, "no", i)
		h.Remove("a")
	}
	wants(t, s.Cursor, "a0=0 a1=1 a0=10 a1=11 a0=20 a1=21")
	publish(t, h, "a", 30)
	wants(t, s.Cursor, "a0=30")
	s.Drop("a")
	publish(t, h, "a", 31)
	nothing(t, s.Cursor)
	h.Remove("a")
	publish(t, h, "a", 40)
	wants(t, s.Cursor, "a0=40")
	h.Close()
	ended(t, s.Cursor)
}

func TestPublishToATopicThatIsRemovedMeanwhile(t *testing.T) {
	h := newHub()
	s := h.Follow(options{Match: func(string) bool { return true }})
	defer s.Close()
	const writers, each = 3, 2000
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				var err error
				if i%3 == 0 {
					_, err = h.PublishAll(t.Context(), "a", []int{w*each + i})
				} else {
					_, err = h.Publish(t.Context(), "a", w*each+i)
				}
				if err != nil {
					t.Errorf("Publish() = %v, want nil", err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var removing sync.WaitGroup
	removing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				h.Remove("a")
				runtime.Gosched()
			}
		}
	})
	go func() {
		writing.Wait()
		close(stop)
		removing.Wait()
		h.Close()
	}()
	var last [writers]int
	n, topics := 0, 0
	for m, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Offset == 0 {
			topics++
		}
		if w := m.Value / each; n > 0 && m.Value%each < last[w] {
			t.Fatalf("value %d of writer %d came behind its %d", m.Value%each, w, last[w])
		} else {
			last[w] = m.Value % each
		}
		n++
	}
	if n != writers*each {
		t.Errorf("got %d values, want %d", n, writers*each)
	}
	t.Logf("%d topics", topics)
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

func TestNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	h := newHub()
	defer h.Close()
	for i := range 200 {
		c := h.Subscribe(sluice.Oldest(), fmt.Sprint(i), fmt.Sprint(i+1))
		defer c.Close()
		publish(t, h, fmt.Sprint(i), 1)
		read(t, c, 1)
		nothing(t, c)
	}
	if n := runtime.NumGoroutine() - before; n > 0 {
		t.Errorf("%d goroutines for 200 topics and subscriptions, want none", n)
	}
}

// A removed topic is gone from memory once its subscriptions have read it, though they live on.
func TestRemovedTopicLeaksNothing(t *testing.T) {
	var logs []weak.Pointer[replay.Replay[int]]
	h := topic.New(func(string) sluice.Log[int] {
		log := replay.New[int](replay.Options{})
		logs = append(logs, weak.Make(log))
		return log
	})
	defer h.Close()
	c := h.Subscribe(sluice.Oldest(), "stays", "read", "closed")
	s := h.Follow(options{Match: func(string) bool { return true }})
	dropped := h.Follow(options{Keys: []string{"dropped"}})
	defer c.Close()
	defer s.Close()
	defer dropped.Close()
	for _, key := range []string{"read", "dropped", "closed"} {
		publish(t, h, key, 1)
	}
	top, _ := h.Topic("closed")
	top.Close()
	wants(t, c, "closed0=1 read0=1")
	wants(t, s.Cursor, "closed0=1 dropped0=1 read0=1")
	nothing(t, c)
	nothing(t, s.Cursor)
	dropped.Drop("dropped")
	h.Remove("read")
	h.Remove("dropped")
	h.Remove("closed")
	top = nil
	nothing(t, c)
	nothing(t, s.Cursor)
	wait(t, func() bool {
		gone := 0
		for _, log := range logs {
			if log.Value() == nil {
				gone++
			}
		}
		return gone == len(logs)-1 // "stays" stays
	})
	runtime.KeepAlive(h)
	runtime.KeepAlive(dropped)
}

// A subscription that has read everything holds no message.
func TestWaitingSubscriptionHoldsNothing(t *testing.T) {
	h := topic.New(func(string) sluice.Log[*[100]int] { return replay.New[*[100]int](replay.Options{}) })
	defer h.Close()
	s := h.Follow(options{Match: func(string) bool { return true }})
	defer s.Close()
	var values []weak.Pointer[[100]int]
	for range 10 {
		v := new([100]int)
		values = append(values, weak.Make(v))
		h.Publish(t.Context(), "a", v)
	}
	for range 10 {
		if _, ok, err := s.TryNext(); !ok || err != nil {
			t.Fatalf("TryNext() = _, %v, %v, want a message", ok, err)
		}
	}
	h.Remove("a")
	if _, ok, err := s.TryNext(); ok || err != nil {
		t.Fatalf("TryNext() = _, %v, %v, want nothing", ok, err)
	}
	wait(t, func() bool {
		return !slices.ContainsFunc(values, func(v weak.Pointer[[100]int]) bool { return v.Value() != nil })
	})
}

// hooked is a log that calls back when it is asked for its bounds.
type hooked struct {
	plainLog
	onBounds func()
}

func (l *hooked) Bounds() (first, next sluice.Offset) {
	if l.onBounds != nil {
		l.onBounds()
	}
	return l.plainLog.Bounds()
}

// A topic that is removed and made anew while it is being added comes behind its successor, and does not keep the
// subscription from its end.
func TestTopicIsReplacedWhileItIsAdded(t *testing.T) {
	first := new(hooked)
	logs := []sluice.Log[int]{first, new(plainLog)}
	h := topic.New(func(string) sluice.Log[int] {
		log := logs[0]
		logs = logs[1:]
		return log
	})
	publish(t, h, "a", 1)
	s := h.Follow(options{Match: func(string) bool { return true }})
	defer s.Close()
	s.Drop("a")
	first.onBounds = func() {
		first.onBounds = nil
		h.Remove("a")
		publish(t, h, "a", 2)
	}
	if err := s.Add(sluice.Oldest(), "a"); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Cursor, "a0=2")
	h.Close()
	ended(t, s.Cursor)
}

// A subscription that is closed while a topic is made for it does not hold the topic back.
func TestCloseWhileATopicIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := topic.New(func(string) sluice.Log[int] { return ring.New[int](2, ring.Options{Policy: ring.Gated}) })
		var s *topic.Subscription[string, int]
		s = h.Follow(options{Match: func(string) bool {
			s.Close()
			return true
		}})
		publish(t, h, "a", 1, 2, 3, 4, 5) // waiting for ever is a deadlock, which the bubble reports
		h.Close()
	})
}

// A subscription that nobody refers to is closed, though its topics know it: so a gated topic goes on.
func TestForgottenSubscriptionIsClosed(t *testing.T) {
	h := topic.New(func(string) sluice.Log[int] { return ring.New[int](2, ring.Options{Policy: ring.Gated}) })
	defer h.Close()
	publish(t, h, "a", 1)
	func() {
		nothing(t, h.Subscribe(sluice.Newest(), "a", "b"))
		nothing(t, h.Follow(options{Match: func(string) bool { return true }, From: sluice.Newest()}).Cursor)
	}()
	wait(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := h.Publish(ctx, "a", 1)
		for range 10 {
			if err == nil {
				_, err = h.Publish(ctx, "a", 1)
			}
		}
		return err == nil
	})
}

// wait collects garbage until done.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	for range 100 {
		runtime.GC()
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond) // cleanups run on a goroutine of their own, which nothing tells about
	}
	t.Error("it did not happen after 100 collections")
}

func newRing(capacity int) sluice.Log[int] { return ring.New[int](capacity, ring.Options{}) }
