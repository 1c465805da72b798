package topic_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

func TestNoGoroutines(t *testing.T) {
	mine := pprof.WithLabels(t.Context(), pprof.Labels("started by", "TestNoGoroutines")) // others may come and go
	pprof.SetGoroutineLabels(mine)
	defer pprof.SetGoroutineLabels(t.Context())
	h := newHub()
	defer h.Close()
	for i := range 200 {
		c := h.Subscribe(sluice.Oldest(), fmt.Sprint(i), fmt.Sprint(i+1))
		defer c.Close()
		publish(t, h, fmt.Sprint(i), 1)
		read(t, c, 1)
		nothing(t, c)
	}
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 1)
	found := 0
	for stacks := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stacks, `"started by":"TestNoGoroutines"`) {
			found++
		}
	}
	if found != 1 { // this one
		t.Errorf("goroutines for 200 topics and subscriptions, want none but the test's:\n%s", &profile)
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

// A gated topic waits for a subscription only as long as that follows it, and for one that is told to follow it twice only once.
func TestGatedTopicWaitsForWhoFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := topic.New(func(string) sluice.Log[int] { return ring.New[int](2, ring.Options{Policy: ring.Gated}) })
		defer h.Close()
		s := h.Follow(options{Keys: []string{"a", "a"}})
		defer s.Close()
		s.Add(sluice.Oldest(), "a")
		publish(t, h, "a", 1, 2)
		went := make(chan struct{}, 3)
		more := func() {
			publish(t, h, "a", 3, 4)
			went <- struct{}{}
		}
		goesOn := func(want int) {
			t.Helper()
			if synctest.Wait(); len(went) != want {
				t.Errorf("%d publishers went on, want %d", len(went), want)
			}
		}
		go more()
		goesOn(0)
		wants(t, s.Cursor, "a0=1 a1=2")
		goesOn(0)
		wants(t, s.Cursor, "a2=3") // asking for it says that the two before were consumed
		goesOn(1)
		go more()
		goesOn(1)
		s.Drop("a")
		goesOn(2)
		go more()
		goesOn(3)
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
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // who needs no room is not waiting for it
	wait(t, func() bool {
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
	for deadline := time.Now().Add(time.Minute); ; {
		runtime.GC()
		if done() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in a minute of collections")
		}
		time.Sleep(time.Millisecond) // cleanups run on a goroutine of their own, which nothing tells about
	}
}
