package topic_test

import (
	"context"
	"errors"
	"slices"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/topic"
	"pgregory.net/rapid"
)

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
	var lag *sluice.LagError
	var of *topic.Error[string]
	if !errors.As(err, &lag) || s.skips || !errors.As(err, &of) {
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
