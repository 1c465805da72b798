package topic_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
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

func TestGapsSayTheirTopic(t *testing.T) {
	h := limitedHub(4)
	defer h.Close()
	c := h.Subscribe(sluice.Oldest(), "a", "b")
	defer c.Close()
	publish(t, h, "b", 0)
	read(t, c, 1)
	for i := range 1000 {
		publish(t, h, "a", i)
	}
	first, next := must(h.Topic("a")).Bounds()
	_, _, err := c.TryNext()
	lag, ok := err.(*sluice.LagError)
	if !ok || lag.From != 1 || lag.To != 1+first {
		t.Fatalf("TryNext() = %v, want a *LagError from 1 to %d", err, 1+first)
	}
	var of *topic.Error[string]
	if !errors.As(err, &of) || of.Key != "a" {
		t.Fatalf("the gap %v is of %v, want topic a", err, of)
	}
	own, ok := of.Err.(*sluice.LagError)
	if !ok || own.From != 0 || own.To != first {
		t.Errorf("the topic's own gap is %v, want one from 0 to %d", of.Err, first)
	}
	want := fmt.Sprintf("sluice: missed %[1]d values: topic a: sluice: missed %[1]d values: offsets 0 to %d were dropped before they were read", first, first-1)
	if err.Error() != want {
		t.Errorf("Error() = %q, want %q", err, want)
	}
	if m, err := c.Next(t.Context()); m != (message{"a", first, int(first)}) || err != nil {
		t.Errorf("Next() = %v, %v, want the oldest of a", m, err)
	}
	if c.Missed() != int64(first) || c.Offset() != 2+first || c.Lag() != int64(next-first-1) {
		t.Errorf("Missed() = %d, Offset() = %d, Lag() = %d, want %d, %d, %d", c.Missed(), c.Offset(), c.Lag(), first, 2+first, next-first-1)
	}
}

// damaged is a log whose third value can't be read.
type damaged struct{ sluice.Log[int] }

type damagedReader struct{ plainReader }

var errRot = errors.New("rot")

func (d *damagedReader) Poll() (vs []int, err error) {
	if d.off == 2 {
		d.off++
		return nil, &sluice.CorruptError{From: 2, To: 3, Err: errRot}
	}
	if vs, err = d.plainReader.Poll(); len(vs) > 1 {
		d.off -= sluice.Offset(len(vs) - 1) // one at a time
		vs = vs[:1]
	}
	return vs, err
}

func (d damaged) Cursor(p sluice.Position) *sluice.Cursor[int] {
	return sluice.NewCursor[int](&damagedReader{plainReader{plainLog: d.Log.(*plainLog)}})
}

func TestDamageSaysItsTopic(t *testing.T) {
	h := topic.New(func(string) sluice.Log[int] { return damaged{new(plainLog)} })
	defer h.Close()
	publish(t, h, "a", 0, 1, 2, 3)
	c := h.Subscribe(sluice.Oldest(), "a")
	wants(t, c, "a0=0 a1=1")
	_, _, err := c.TryNext()
	var of *topic.Error[string]
	if gap, ok := err.(*sluice.CorruptError); !ok || gap.From != 2 || gap.To != 3 ||
		!errors.As(err, &of) || of.Key != "a" || !errors.Is(err, errRot) {
		t.Errorf("TryNext() = %v, want a *CorruptError of topic a: %v", err, errRot)
	}
	wants(t, c, "a3=3")
}

// A topic that fails fails the subscription, until it is dropped; the others lose nothing by that.
func TestFailingTopic(t *testing.T) {
	h := newHub()
	defer h.Close()
	s := h.Follow(options{Keys: []string{"a", "b"}})
	defer s.Close()
	publish(t, h, "a", 1)
	publish(t, h, "b", 1)
	broke := errors.New("the pump broke")
	a := must(h.Topic("a"))
	a.Log().(*replay.Replay[int]).CloseWithError(broke)
	a.Notify()
	wants(t, s.Cursor, "a0=1 b0=1")
	publish(t, h, "b", 2)
	var of *topic.Error[string]
	got := 0
	for range 3 {
		for m, err := range s.All(t.Context()) {
			if err == nil && m.Key == "b" {
				got++
				continue
			}
			if !errors.As(err, &of) || of.Key != "a" || !errors.Is(err, broke) {
				t.Errorf("All() yields %v, %v, want %v of topic a", m, err, broke)
			}
		}
	}
	s.Drop("a")
	wants(t, s.Cursor, []string{"b1=2", ""}[got])
	nothing(t, s.Cursor)
	publish(t, h, "b", 3)
	wants(t, s.Cursor, "b2=3")
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
		synctest.Test(t, func(t *testing.T) {
			h := newHub()
			var wg, wgBusy sync.WaitGroup
			busy := make(chan struct{})
			var closing []*sluice.Cursor[message]
			for i := range 200 {
				c := h.Subscribe(sluice.Oldest(), "a", fmt.Sprint(i%7))
				switch i % 5 {
				case 0: // in the body of a loop
					wgBusy.Go(func() {
						for m := range c.All(t.Context()) {
							if m.Key != "a" {
								<-busy
								continue
							}
							return
						}
					})
				case 1:
					closing = append(closing, c)
					wg.Go(func() {
						for range c.All(t.Context()) {
						}
					})
				default:
					wg.Go(func() {
						defer c.Close()
						for m, err := range c.All(t.Context()) {
							if err != nil {
								t.Errorf("All() yields %v", err)
							}
							if m.Key == "a" {
								return
							}
						}
						t.Error("All() ended")
					})
				}
			}
			synctest.Wait()
			for i := range 7 {
				publish(t, h, fmt.Sprint(i), 1)
			}
			synctest.Wait()
			// Now those of case 0 are busy, and the others sleep.
			wg.Go(func() {
				for i, c := range closing {
					if i%(round+1) == 0 {
						c.Close()
					}
				}
			})
			publish(t, h, "a", 1)
			synctest.Wait()
			for _, c := range closing {
				c.Close()
			}
			wg.Wait() // news that is lost is a deadlock, which the bubble reports
			close(busy)
			wgBusy.Wait()
		})
	}
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
