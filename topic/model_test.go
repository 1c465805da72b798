package topic_test

import (
	"context"
	"errors"
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

func (m *model) read(rt *rapid.T) {
	s := m.pick(rt, false)
	if s == nil {
		return
	}
	way := rapid.SampledFrom([]string{"TryNext", "TryBatch", "All", "Backlog"}).Draw(rt, "way")
	n := rapid.IntRange(1, 100).Draw(rt, "messages")
	switch way {
	case "TryNext":
		for more := true; more && n > 0; n-- {
			more = m.readOne(s)
		}
	case "TryBatch":
		batch, err := s.TryBatch()
		m.took(s, batch, err)
	case "All":
		if s.Lag() == 0 || len(s.dropped) > 0 {
			return // it would wait
		}
		for msg, err := range s.All(context.Background()) {
			if err != nil {
				m.took(s, nil, err)
				return
			}
			m.took(s, []message{msg}, nil)
			if n--; n == 0 || s.Lag() == 0 {
				return
			}
		}
	case "Backlog":
		if len(s.dropped) > 0 {
			return // it might wait for what was dropped
		}
		var got []message
		lag := s.Lag()
		values, why := s.Backlog(context.Background())
		for msg := range values {
			got = append(got, msg)
		}
		m.took(s, got, why())
		if why() == nil && !s.skips && int64(len(got)) != lag {
			m.Fatalf("Backlog() gave %d messages, want %d", len(got), lag)
		}
	}
}

// readOne reports whether there was something.
func (m *model) readOne(s *modelSub) bool {
	msg, ok, err := s.TryNext()
	switch {
	case ok:
		m.took(s, []message{msg}, err)
	case err == nil || err == sluice.ErrClosed:
		m.nothing(s, err)
		return false
	default:
		m.took(s, nil, err)
	}
	return true
}

func (m *model) readAll(s *modelSub) {
	for m.readOne(s) {
	}
}

// took checks what came.
func (m *model) took(s *modelSub, batch []message, err error) {
	for _, msg := range batch {
		at := m.at(s, msg)
		if s.skips && msg.Offset > at.pos && at.pos < at.first() && msg.Offset <= at.first() {
			m.passed(s, at, msg.Offset)
		}
		if msg.Offset != at.pos || msg.Value != at.id*million+int(at.pos) {
			m.Fatalf("got %v, want offset %d of topic %d", msg, at.pos, at.id)
		}
		at.pos++
		s.off++
	}
	if err != nil && err != sluice.ErrClosed {
		m.gap(s, err)
	}
}

func (m *model) passed(s *modelSub, at *modelPlace, to sluice.Offset) {
	s.missed += int64(to - at.pos)
	s.off += to - at.pos
	at.pos = to
}

// at returns the place that a message is of.
func (m *model) at(s *modelSub, msg message) *modelPlace {
	places := s.places[msg.Key]
	if i := slices.IndexFunc(s.dropped, func(at *modelPlace) bool { return at.id == msg.Value/million }); i >= 0 {
		return s.dropped[i]
	}
	for len(places) > 0 && places[0].removed && places[0].id != msg.Value/million {
		if left := places[0]; left.pos != left.n {
			m.Fatalf("got %v with %d left of the topic before", msg, left.n-left.pos)
		}
		places = places[1:]
	}
	s.places[msg.Key] = places
	if len(places) == 0 || places[0].id != msg.Value/million {
		m.Fatalf("got %v, which is of no topic that is followed", msg)
	}
	return places[0]
}

func (m *model) gap(s *modelSub, err error) {
	lag, ok := err.(*sluice.LagError)
	var of *topic.Error[string]
	if !ok || s.skips || !errors.As(err, &of) {
		m.Fatalf("got %v (%T), want a gap of a topic", err, err)
	}
	own := of.Err.(*sluice.LagError)
	for _, at := range s.places[of.Key] {
		if at.removed && at.pos == at.n {
			continue
		}
		if own.From != at.pos || own.To != at.first() || lag.From != s.off || lag.To-lag.From != own.To-own.From {
			m.Fatalf("got the gap %v, of it %v; want %d to %d, at %d", lag, own, at.pos, at.first(), s.off)
		}
		m.passed(s, at, own.To)
		return
	}
	m.Fatalf("got the gap %v of topic %s, which has nothing to read", lag, of.Key)
}

// nothing checks that there was nothing to read, or, with ErrClosed, never will be.
func (m *model) nothing(s *modelSub, err error) {
	open := 0
	for key, places := range s.places {
		for len(places) > 0 && places[0].removed && places[0].pos == places[0].n {
			places = places[1:]
		}
		s.places[key] = places
		if len(places) == 0 {
			delete(s.places, key)
		}
		for _, at := range places {
			if at.pos != at.n {
				m.Fatalf("nothing to read at %d of topic %d, want messages up to %d", at.pos, at.id, at.n)
			}
			if !at.closed {
				open++
			}
		}
	}
	s.dropped = nil
	ended := open == 0 && (s.sub == nil || m.closed)
	if ended != (err == sluice.ErrClosed) {
		m.Fatalf("nothing to read, and the error %v with %d open topics", err, open)
	}
}

// end closes the hub, and everybody gets the rest.
func (m *model) end() {
	m.closed = true
	m.hub.Close()
	for _, l := range m.logs {
		l.closed = true
	}
	for _, s := range m.subs {
		m.readAll(s)
		if _, _, err := s.TryNext(); err != sluice.ErrClosed {
			m.Fatalf("TryNext() = %v at the end, want ErrClosed", err)
		}
		s.Close()
	}
}
