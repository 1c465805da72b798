package topic_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
)

func TestPositionsOfSeveralTopics(t *testing.T) {
	h := newHub()
	defer h.Close()
	publish(t, h, "a", 0, 1, 2, 3)
	publish(t, h, "b", 0)
	for _, tt := range []struct {
		p    sluice.Position
		off  sluice.Offset
		want string
	}{
		{sluice.Oldest(), 0, "a0=0 a1=1 a2=2 a3=3 b0=0"},
		{sluice.Newest(), 5, ""},
		{sluice.Last(2), 2, "a2=2 a3=3 b0=0"},
	} {
		c := h.Subscribe(tt.p, "a", "b")
		check := func() {
			t.Helper()
			if off := c.Offset(); off != tt.off {
				t.Errorf("at %v: Offset() = %d, want %d", tt.p, off, tt.off)
			}
			wants(t, c, tt.want)
			nothing(t, c)
			if off := c.Offset(); off != 5 {
				t.Errorf("at %v: Offset() = %d behind the last, want 5", tt.p, off)
			}
		}
		check()
		if err := c.Seek(tt.p); err != nil {
			t.Errorf("Seek(%v) = %v, want nil", tt.p, err)
		}
		check()
		c.Close()
	}
}

// At means nothing where there are several topics, or may be.
func TestAtOfSeveralTopics(t *testing.T) {
	h := newHub()
	defer h.Close()
	publish(t, h, "a", 0, 1)
	publish(t, h, "b", 0)
	any := func(string) bool { return true }
	for _, c := range []*sluice.Cursor[message]{
		h.Subscribe(sluice.At(1), "a", "b"),
		h.Follow(options{Match: any, From: sluice.At(1)}).Cursor,
	} {
		for range 2 {
			if m, ok, err := c.TryNext(); ok || err == nil {
				t.Errorf("TryNext() = %v, %v, %v, want an error", m, ok, err)
			}
		}
		if err := c.Seek(sluice.At(1)); err == nil {
			t.Error("Seek(At(1)) = nil, want an error")
		}
		var bad *sluice.RangeError
		if err := c.Seek(sluice.At(9)); !errors.As(err, &bad) || bad.Next != 3 {
			t.Errorf("Seek(At(9)) = %v, want a *RangeError with Next 3", err)
		}
		if err := c.Seek(sluice.Last(1)); err != nil {
			t.Errorf("Seek(Last(1)) = %v, want nil", err)
		}
		wants(t, c, "a1=1 b0=0")
	}
}

func TestAddAndDrop(t *testing.T) {
	h := newHub()
	defer h.Close()
	publish(t, h, "a", 0, 1)
	publish(t, h, "b", 0, 1)
	s := h.Follow(options{})
	defer s.Close()
	nothing(t, s.Cursor)
	if err := s.Add(sluice.Last(1), "a", "new"); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Cursor, "a1=1")
	if err := s.Add(sluice.Oldest(), "b", "a"); err != nil { // a stays where it is
		t.Fatal(err)
	}
	publish(t, h, "new", 7)
	wants(t, s.Cursor, "b0=0 b1=1 new0=7")
	if off, lag := s.Offset(), s.Lag(); off != 4 || lag != 0 {
		t.Errorf("Offset() = %d, Lag() = %d behind four messages, want 4, 0", off, lag)
	}
	publish(t, h, "a", 2)
	publish(t, h, "b", 2)
	s.Drop("a", "not there")
	publish(t, h, "a", 3)
	if lag := s.Lag(); lag != 1 {
		t.Errorf("Lag() = %d, want 1: a was dropped", lag)
	}
	wants(t, s.Cursor, "b2=2")
	nothing(t, s.Cursor)
	s.Add(sluice.At(2), "a")
	wants(t, s.Cursor, "a2=2 a3=3")

	var bad *sluice.RangeError
	var of *topic.Error[string]
	if err := s.Add(sluice.At(9), "c"); !errors.As(err, &bad) || !errors.As(err, &of) || of.Key != "c" || bad.Offset != 9 {
		t.Errorf("Add(At(9), c) = %v, want a *RangeError of topic c", err)
	}
	publish(t, h, "c", 1)
	nothing(t, s.Cursor)
	s.Close()
	if err := s.Add(sluice.Oldest(), "c"); err != sluice.ErrClosed {
		t.Errorf("Add() = %v on a closed subscription, want ErrClosed", err)
	}
	s.Drop("a")
	if got := s.Offsets(); len(got) != 0 {
		t.Errorf("Offsets() = %v on a closed subscription, want none", got)
	}
}

func TestMatchIsResolvedBeforeTheFirstValue(t *testing.T) {
	h := newHub()
	defer h.Close()
	publish(t, h, "old", 1, 2)
	all := func(string) bool { return true }
	fromNow := h.Follow(options{Match: all, From: sluice.Newest(), Keys: []string{"key"}})
	last := h.Follow(options{Match: all, From: sluice.Last(1)})
	defer fromNow.Close()
	defer last.Close()
	publish(t, h, "new", 3, 4)
	publish(t, h, "old", 5)
	wants(t, fromNow.Cursor, "new0=3 new1=4 old2=5")
	wants(t, last.Cursor, "new0=3 new1=4 old1=2 old2=5")
	nothing(t, fromNow.Cursor)
	nothing(t, last.Cursor)
}

// What was read and what is read after a resume are together everything, once.
func TestResume(t *testing.T) {
	h := newHub()
	defer h.Close()
	publish(t, h, "a", 0, 1, 2)
	publish(t, h, "b", 0)
	match := func(key string) bool { return key != "no" }
	s := h.Follow(options{Keys: []string{"a", "b"}, From: sluice.Last(2)})
	next := s.Offsets()
	if want := map[string]sluice.Offset{"a": 1, "b": 0}; !maps.Equal(next, want) {
		t.Fatalf("Offsets() = %v, want %v", next, want)
	}
	for m, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		next[m.Key] = m.Offset + 1
		if m.Key == "a" {
			break
		}
	}
	s.Close()
	publish(t, h, "b", 1)
	publish(t, h, "new", 5)
	publish(t, h, "no", 5)
	next["no"], next["later"] = 0, 1
	s = h.Follow(options{Match: match, Offsets: next, From: sluice.Newest(), Keys: []string{"new"}})
	next["a"] = 0 // it has its own
	publish(t, h, "new", 6)
	wants(t, s.Cursor, "a2=2 b0=0 b1=1 new1=6")
	nothing(t, s.Cursor)

	// A place that a topic does not have is an error of that topic.
	publish(t, h, "later", 0)
	var bad *sluice.RangeError
	var of *topic.Error[string]
	for range 2 {
		_, _, err := s.TryNext()
		if !errors.As(err, &of) || of.Key != "later" || !errors.As(err, &bad) || *bad != (sluice.RangeError{Offset: 1}) {
			t.Errorf("TryNext() = %v, want a *RangeError of topic later, 1 beyond [0, 0)", err)
		}
	}
	s.Drop("later")
	publish(t, h, "a", 3)
	wants(t, s.Cursor, "a3=3")
	s.Close()
}

// A name whose topic is not made yet keeps its offset through as many resumes as it takes.
func TestOffsetsOfTopicsToCome(t *testing.T) {
	h := newHub()
	defer h.Close()
	o := options{
		Match:   func(key string) bool { return key != "no" },
		From:    sluice.Newest(),
		Offsets: map[string]sluice.Offset{"a": 0, "b": 2, "d": 0, "no": 3},
	}
	publish(t, h, "a", 1)
	for range 3 {
		s := h.Follow(o)
		o.Offsets = s.Offsets()
		if want := map[string]sluice.Offset{"a": 0, "b": 2, "d": 0}; !maps.Equal(o.Offsets, want) {
			t.Errorf("Offsets() = %v, want %v", o.Offsets, want)
		}
		wants(t, s.Cursor, "a0=1")
		s.Close()
	}
	s := h.Follow(o)
	defer s.Close()
	publish(t, h, "c", 1)
	publish(t, h, "d", 1)
	s.Drop("a", "d")
	if got, want := s.Offsets(), (map[string]sluice.Offset{"b": 2, "c": 0}); !maps.Equal(got, want) {
		t.Errorf("Offsets() = %v, want %v", got, want)
	}
	wants(t, s.Cursor, "c0=1")
}

// An offset of Options.Offsets is somewhere at every moment: while a topic is made and begins there, too.
func TestOffsetsWhileATopicIsMade(t *testing.T) {
	const n = 500
	logs := topic.New(func(string) sluice.Log[int] {
		l := new(plainLog)
		l.values = make([]int, n)
		return l
	})
	defer logs.Close()
	offsets := map[string]sluice.Offset{}
	for i := range n {
		offsets[fmt.Sprint(i)] = sluice.Offset(i)
	}
	s := logs.Follow(options{Match: func(string) bool { return true }, Offsets: offsets})
	defer s.Close()
	var making sync.WaitGroup
	making.Go(func() {
		for key := range offsets {
			must(logs.Topic(key))
		}
	})
	for range 200 {
		if got := s.Offsets(); !maps.Equal(got, offsets) {
			t.Fatalf("Offsets() has %d names, want %d as they were given", len(got), n)
		}
	}
	making.Wait()
}

// With one topic At is an offset of that, whatever the subscription has counted.
func TestSeekAtOfTheOnlyTopic(t *testing.T) {
	h := newHub()
	defer h.Close()
	publish(t, h, "a", 0, 1, 2)
	publish(t, h, "b", 0, 1, 2)
	left := h.Follow(options{Keys: []string{"a", "b"}})
	wants(t, left.Cursor, "a0=0 a1=1 a2=2 b0=0 b1=1 b2=2") // it counts more than the topic
	left.Drop("a")
	added := h.Follow(options{}) // and this one less
	added.Add(sluice.Newest(), "b")
	for _, s := range []*topic.Subscription[string, int]{left, added} {
		var bad *sluice.RangeError
		if err := s.Seek(sluice.At(4)); !errors.As(err, &bad) || bad.Next != 3 {
			t.Errorf("Seek(At(4)) = %v, want a *RangeError with Next 3", err)
		}
		if err := s.Seek(sluice.At(2)); err != nil {
			t.Errorf("Seek(At(2)) = %v, want nil", err)
		}
		if off := s.Offset(); off != 2 {
			t.Errorf("Offset() = %d, want 2", off)
		}
		wants(t, s.Cursor, "b2=2")
		s.Close()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
