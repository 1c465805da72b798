package topic_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
	"pgregory.net/rapid"
)

// Topics come and go, and names are found as a map finds them, however the table grows and shrinks.
func TestNamesAreFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := topic.New(func(int) sluice.Log[int] { return new(plainLog) })
		defer h.Close()
		want := map[int]*topic.Topic[int, int]{}
		names := rapid.IntRange(0, 60)
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) {
				keys := slices.Sorted(maps.Keys(want))
				if got := slices.Sorted(h.Keys()); !slices.Equal(got, keys) || h.Len() != len(want) {
					rt.Fatalf("Keys() = %v, Len() = %d, want %v, %d", got, h.Len(), keys, len(want))
				}
				for key, top := range want {
					if got, err := h.Topic(key); got != top || err != nil {
						rt.Fatalf("Topic(%d) = %p, %v, want %p", key, got, err, top)
					}
				}
			},
			"make": func(rt *rapid.T) {
				for _, key := range rapid.SliceOfN(names, 1, 30).Draw(rt, "keys") {
					top, err := h.Topic(key)
					if was := want[key]; err != nil || top.Key() != key || was != nil && top != was {
						rt.Fatalf("Topic(%d) = %v, %v, want the one that is there: %v", key, top, err, was)
					}
					want[key] = top
				}
			},
			"remove": func(rt *rapid.T) {
				for _, key := range rapid.SliceOfN(names, 1, 30).Draw(rt, "keys") {
					if err := h.Remove(key); err != nil {
						rt.Fatalf("Remove(%d) = %v", key, err)
					}
					delete(want, key)
				}
			},
		})
	})
}

// While others come and go, and the table with them, a topic that stays is found by everybody: nobody makes a second one.
func TestTopicThatStaysIsFoundWhileOthersComeAndGo(t *testing.T) {
	h := newHub()
	defer h.Close()
	stays := must(h.Topic("stays"))
	done := make(chan struct{})
	var finding, churning sync.WaitGroup
	for range 2 {
		finding.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got, err := h.Topic("stays"); got != stays || err != nil {
					t.Errorf("Topic(stays) = %p, %v, want %p", got, err, stays)
					return
				}
			}
		})
		churning.Go(func() {
			for n := range 300 {
				for i := range n % 70 {
					must(h.Topic(strconv.Itoa(i)))
				}
				for i := range n % 70 {
					h.Remove(strconv.Itoa(i))
				}
			}
		})
	}
	churning.Wait()
	close(done)
	finding.Wait()
	for i := range 70 {
		h.Remove(strconv.Itoa(i))
	}
	if keys := slices.Collect(h.Keys()); !slices.Equal(keys, []string{"stays"}) || h.Len() != 1 {
		t.Errorf("Keys() = %v, Len() = %d, want stays, 1", keys, h.Len())
	}
}

// Any comparable type names topics, a nil interface too, and finding one allocates nothing.
func TestKindsOfNames(t *testing.T) {
	type point struct {
		x int
		s string
		p *int
	}
	h := topic.New(func(any) sluice.Log[int] { return newRing(4) })
	defer h.Close()
	at := new(int)
	names := []any{nil, 0, "", "0", 0.5, point{1, "a", at}, point{1, "a", nil}, [2]string{"a", "b"}, at}
	for i, name := range names {
		if off, err := h.Publish(t.Context(), name, i); off != 0 || err != nil {
			t.Errorf("Publish(%v) = %v, %v, want 0, nil", name, off, err)
		}
	}
	for i, name := range names {
		if off, err := h.Publish(t.Context(), name, i); off != 1 || err != nil {
			t.Errorf("Publish(%v) = %v, %v, want 1, nil: the same topic", name, off, err)
		}
	}
	if h.Len() != len(names) || len(slices.Collect(h.Keys())) != len(names) {
		t.Errorf("Len() = %d, want %d", h.Len(), len(names))
	}
	points := topic.New(func(point) sluice.Log[int] { return newRing(4) })
	defer points.Close()
	if got := testing.AllocsPerRun(100, func() { points.Publish(t.Context(), point{1, "a", at}, 1) }); got != 0 {
		t.Errorf("publishing allocates %v times, want 0", got)
	}
}

// A key that no map takes is a panic, of a hub that has no topics too, and leaves nothing behind.
func TestKeyThatCanNotBeCompared(t *testing.T) {
	opened := 0
	h := topic.New(func(any) sluice.Log[int] { opened++; return newRing(4) })
	defer h.Close()
	for range 6 { // few topics, and more
		made := opened
		for _, use := range []func(){
			func() { h.Topic([]int{1}) },
			func() { h.Publish(t.Context(), []int{1}, 1) },
			func() { h.Subscribe(sluice.Oldest(), any([]int{1})) },
			func() { h.Follow(topic.Options[any]{Keys: []any{[]int{1}}}) },
		} {
			if panics(use) == nil {
				t.Error("a slice names a topic, want a panic")
			}
		}
		if opened != made || h.Len() != made {
			t.Errorf("%d logs opened, %d topics, want %d", opened, h.Len(), made)
		}
		must(h.Topic(made))
	}
}

func panics(f func()) (thrown any) {
	defer func() { thrown = recover() }()
	f()
	return nil
}

// What thousands of topics took is given back when they are removed.
func TestManyTopicsComeAndGo(t *testing.T) {
	h := topic.New(func(string) sluice.Log[int] { return new(plainLog) })
	defer h.Close()
	for range 3 {
		for i := range 5000 {
			must(h.Topic(fmt.Sprint(i)))
		}
		if h.Len() != 5000 {
			t.Fatalf("Len() = %d, want 5000", h.Len())
		}
		for i := range 5000 {
			h.Remove(fmt.Sprint(i))
		}
		if n := topic.Slots(h); h.Len() != 0 || n > 8 {
			t.Fatalf("Len() = %d with %d slots, want 0 with 8", h.Len(), n)
		}
	}
}
