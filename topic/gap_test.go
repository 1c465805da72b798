package topic_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/topic"
)

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
	var lag *sluice.LagError
	if !errors.As(err, &lag) || lag.From != 1 || lag.To != 1+first {
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
