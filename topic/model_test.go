package topic_test

import (
	"context"
	"slices"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
	"pgregory.net/rapid"
)

// TestModel does random things to a hub of many topics and its subscriptions, and compares with what plain lists say.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{T: rt, logs: map[string]*modelLog{}}
		m.limit = rapid.SampledFrom([]int64{0, 3, 40}).Draw(rt, "limit")
		m.hub = limitedHub(m.limit)
		defer m.hub.Close()
		rt.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) { m.check() },
			"publish": m.publish,
			"more":    m.publish, // the more often, the better
			"read":    m.read,
			"read on": m.read,
			"open":    m.open,
			"add":     m.add,
			"drop":    m.drop,
			"seek":    m.seek,
			"resume":  m.resume,
			"remove":  m.remove,
			"close topic": func(rt *rapid.T) {
				if l := m.logs[m.key(rt)]; l != nil {
					l.top.Close()
					l.closed = true
				}
			},
			"close": m.close,
		})
		m.end()
	})
}

var modelKeys = []string{"a", "b", "c", "d", "e"}

// A modelLog is one topic. The value at an offset is id*million + offset, so it says which topic it is of, though another
// had the same name.
type modelLog struct {
	key             string
	id              int
	top             *topic.Topic[string, int]
	n               sluice.Offset
	removed, closed bool
}

const million = 1_000_000

func (l *modelLog) first() sluice.Offset {
	first, _ := l.top.Bounds()
	return first
}

// A modelPlace is where a subscription stands in a topic.
type modelPlace struct {
	*modelLog
	pos sluice.Offset
}

// A modelSub is a subscription with what must be true of it.
type modelSub struct {
	*sluice.Cursor[message]
	sub     *topic.Subscription[string, int] // nil if it is fixed
	match   func(string) bool
	from    sluice.Position
	places  map[string][]*modelPlace // of topics that had the same name one after the other
	dropped []*modelPlace            // of which messages may be in the cursor still
	off     sluice.Offset
	missed  int64
	skips   bool
}

type model struct {
	*rapid.T
	limit  int64
	hub    *intHub
	logs   map[string]*modelLog
	made   int
	subs   []*modelSub
	closed bool
}

func (m *model) key(rt *rapid.T) string { return rapid.SampledFrom(modelKeys).Draw(rt, "key") }

// log returns the topic of that name, noting what its making does to subscriptions.
func (m *model) log(key string) *modelLog {
	if l := m.logs[key]; l != nil {
		return l
	}
	top, err := m.hub.Topic(key)
	if err != nil {
		m.Fatalf("Topic(%s) = %v", key, err)
	}
	l := &modelLog{key: key, id: m.made, top: top}
	m.made++
	m.logs[key] = l
	for _, s := range m.subs {
		if s.match != nil && s.match(key) {
			s.follow(l, s.from)
		}
	}
	return l
}

// follow notes that s follows l, unless it does.
func (s *modelSub) follow(l *modelLog, p sluice.Position) {
	for _, at := range s.places[l.key] {
		if at.modelLog == l {
			return
		}
	}
	pos, err := p.Resolve(l.first(), l.n)
	if err != nil {
		panic(err)
	}
	s.places[l.key] = append(s.places[l.key], &modelPlace{l, pos})
}

func (s *modelSub) all() (places []*modelPlace) {
	for _, at := range s.places {
		places = append(places, at...)
	}
	return places
}

func (s *modelSub) sum() (sum sluice.Offset) {
	for _, at := range s.all() {
		sum += at.pos
	}
	return sum
}

// left returns how much there is to read.
func (s *modelSub) left() (n int64) {
	for _, at := range s.all() {
		n += int64(at.n - at.pos)
	}
	return n
}

func (m *model) publish(rt *rapid.T) {
	key := m.key(rt)
	l := m.log(key)
	n := rapid.IntRange(1, 3).Draw(rt, "values")
	if rapid.IntRange(0, 9).Draw(rt, "many at 9") == 9 {
		n = 150
	}
	want, wantErr := l.n, error(nil)
	if l.closed {
		want, wantErr = 0, sluice.ErrClosed
	}
	var off sluice.Offset
	var err error
	if n == 1 {
		off, err = m.hub.Publish(context.Background(), key, l.id*million+int(l.n))
	} else {
		vs := make([]int, n)
		for i := range vs {
			vs[i] = l.id*million + int(l.n) + i
		}
		off, err = m.hub.PublishAll(context.Background(), key, vs)
	}
	if off != want || err != wantErr {
		m.Fatalf("Publish(%s) = %v, %v, want %v, %v", key, off, err, want, wantErr)
	}
	if err == nil {
		l.n += sluice.Offset(n)
	}
}

func (m *model) remove(rt *rapid.T) {
	key := m.key(rt)
	if err := m.hub.Remove(key); err != nil {
		m.Fatalf("Remove(%s) = %v", key, err)
	}
	if l := m.logs[key]; l != nil {
		l.removed, l.closed = true, true
		delete(m.logs, key)
	}
}

func (m *model) position(rt *rapid.T) sluice.Position {
	return rapid.SampledFrom([]sluice.Position{sluice.Oldest(), sluice.Newest(), sluice.Last(2), sluice.Last(100)}).Draw(rt, "position")
}

func (m *model) matcher(rt *rapid.T) func(string) bool {
	matching := rapid.SliceOfDistinct(rapid.SampledFrom(modelKeys), rapid.ID[string]).Draw(rt, "matching")
	if len(matching) == 0 {
		return nil
	}
	return func(key string) bool { return slices.Contains(matching, key) }
}

func (m *model) open(rt *rapid.T) {
	if len(m.subs) == 4 {
		m.close(rt)
	}
	s := &modelSub{from: m.position(rt), places: map[string][]*modelPlace{}}
	keys := rapid.SliceOf(rapid.SampledFrom(modelKeys)).Draw(rt, "keys")
	fixed := rapid.Bool().Draw(rt, "fixed")
	if !fixed {
		s.match = m.matcher(rt)
	}
	// The topics that it makes are made for others, too.
	for _, key := range keys {
		s.follow(m.log(key), s.from)
	}
	if fixed {
		s.Cursor = m.hub.Subscribe(s.from, keys...)
	} else {
		s.sub = m.hub.Follow(topic.Options[string]{Keys: keys, Match: s.match, From: s.from})
		s.Cursor = s.sub.Cursor
		for key, l := range m.logs {
			if s.match != nil && s.match(key) {
				s.follow(l, s.from)
			}
		}
	}
	s.off = s.sum()
	if rapid.Bool().Draw(rt, "skip gaps") {
		s.SkipGaps()
		s.skips = true
	}
	m.subs = append(m.subs, s)
}

// resume replaces a subscription by one that goes on where it was.
func (m *model) resume(rt *rapid.T) {
	s := m.pick(rt, true)
	if s == nil || slices.ContainsFunc(s.all(), func(at *modelPlace) bool { return at.removed }) {
		return
	}
	offsets := map[string]sluice.Offset{}
	var keys []string
	for key, at := range s.places {
		offsets[key] = at[0].pos
		if s.match == nil || !s.match(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for key, l := range m.logs { // dropped ones come back
		if s.match != nil && s.match(key) {
			s.follow(l, s.from)
		}
	}
	s.Close()
	s.sub = m.hub.Follow(topic.Options[string]{Keys: keys, Match: s.match, From: s.from, Offsets: offsets})
	s.Cursor, s.skips, s.missed, s.dropped = s.sub.Cursor, false, 0, nil
	s.off = s.sum()
}

// pick returns a subscription, or nil if there is none.
func (m *model) pick(rt *rapid.T, dynamic bool) *modelSub {
	subs := slices.DeleteFunc(slices.Clone(m.subs), func(s *modelSub) bool { return dynamic && s.sub == nil })
	if len(subs) == 0 {
		return nil
	}
	return subs[rapid.IntRange(0, len(subs)-1).Draw(rt, "subscription")]
}

func (m *model) add(rt *rapid.T) {
	if s := m.pick(rt, true); s != nil {
		key, p := m.key(rt), m.position(rt)
		l := m.log(key)
		if slices.ContainsFunc(s.dropped, func(at *modelPlace) bool { return at.modelLog == l }) {
			m.readAll(s) // or nobody knows which of two places a message is of
		}
		if err := s.sub.Add(p, key); err != nil {
			m.Fatalf("Add(%v, %s) = %v", p, key, err)
		}
		s.follow(l, p)
	}
}

func (m *model) drop(rt *rapid.T) {
	if s := m.pick(rt, true); s != nil {
		key := m.key(rt)
		if s.skips {
			m.readAll(s) // or nobody knows whether it has stepped over a gap of that topic
		}
		s.sub.Drop(key)
		dropped := s.places[key]
		if delete(s.places, key); s.Lag() > s.left() { // it has taken some
			s.dropped = append(s.dropped, dropped...)
		}
	}
}

func (m *model) seek(rt *rapid.T) {
	s := m.pick(rt, false)
	if s == nil {
		return
	}
	m.readAll(s) // so that it has left out what was removed, and stepped over nothing
	p := m.position(rt)
	if err := s.Seek(p); err != nil {
		m.Fatalf("Seek(%v) = %v", p, err)
	}
	for _, at := range s.all() {
		at.pos, _ = p.Resolve(at.first(), at.n)
	}
	s.off = s.sum()
}

func (m *model) close(rt *rapid.T) {
	if s := m.pick(rt, false); s != nil {
		s.Close()
		if _, _, err := s.TryNext(); err != sluice.ErrClosed {
			m.Fatalf("TryNext() = %v on a closed cursor, want ErrClosed", err)
		}
		m.subs = slices.DeleteFunc(m.subs, func(o *modelSub) bool { return o == s })
	}
}

// check looks at everything that can be seen without changing it.
func (m *model) check() {
	for i, s := range m.subs {
		over := s.Missed() - s.missed // gaps that it has stepped over, and nothing has come from behind them
		if int64(s.Offset()-s.off) != over || over < 0 || over > 0 && !s.skips {
			m.Fatalf("subscription %d: Offset() = %d, Missed() = %d, want %d, %d", i, s.Offset(), s.Missed(), s.off, s.missed)
		}
		if got, want := s.Lag(), s.left()-over; got < want || got > want && len(s.dropped) == 0 {
			m.Fatalf("subscription %d: Lag() = %d, want %d", i, got, want)
		}
	}
}
