package topic_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
)

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
