package topic

import (
	"github.com/sluice-go/sluice"
)

// Message is a value with where it comes from.
type Message[K comparable, T any] struct {
	Key    K             // the topic's name
	Offset sluice.Offset // in the topic
	Value  T
}

// Options say what a [Subscription] follows. The zero Options is one without topics.
type Options[K comparable] struct {
	// Keys are topics to follow; those that are not there are made.
	Keys []K

	// Match makes the subscription follow all topics for which it returns true as well, also those that are made later. It
	// is called once for each topic, by whoever makes it, and once for each name of Offsets. It must not use the
	// hub. Default: none.
	Match func(key K) bool

	// From is where topics begin, each by itself: Last(50) is the 50 newest values of each. For a topic that Match finds
	// later it is resolved before the first value comes. At is only for a subscription of one topic. Default: Oldest.
	From sluice.Position

	// Offsets are where topics begin instead: what [Subscription.Offsets] returned, with what was read since. Names that
	// the subscription does not follow are ignored. A topic that is made anew behind that begins at From. An offset says
	// nothing of a topic that was removed and made anew since it was noted: forget it when you remove a topic.
	Offsets map[K]sluice.Offset
}

// Subscription is a cursor over several topics that may change while it is read, see [Hub.Follow]. Its own methods may be
// called from any goroutine at any time; those of the cursor are for one, save Close.
type Subscription[K comparable, T any] struct {
	*sluice.Cursor[Message[K, T]]
	r *reader[K, T]
}

// Subscribe returns a cursor over the topics, each from p on; topics that are not there are made. It ends when all of them
// have ended and were read.
//
// Messages of one topic come in its order. Topics that have some take turns of at most 64, so a busy one delays a
// quiet one by that much. The offsets of the cursor itself are those of the subscription: they count messages and missed
// values, and begin at the sum of the topics' positions. So with one topic they are the topic's; with several, resume with
// [Hub.Follow] and the messages' own. Lag is the sum of the lags, and costs a look at each topic. Backlog hands out as many
// messages as there were when it began, and if others come meanwhile some may be among them.
//
// It costs some allocations for each topic, no goroutine, and nothing while a topic is quiet.
func (h *Hub[K, T]) Subscribe(p sluice.Position, keys ...K) *sluice.Cursor[Message[K, T]] {
	return h.newReader(Options[K]{Keys: keys, From: p}, true).cursor()
}

// Follow returns a subscription whose topics can change: by [Subscription.Add] and [Subscription.Drop], and because topics are
// made that match. So it does not end when it has none, but when the hub is closed and everything was read. Otherwise it is
// as [Hub.Subscribe].
func (h *Hub[K, T]) Follow(o Options[K]) *Subscription[K, T] {
	r := h.newReader(o, false)
	return &Subscription[K, T]{r.cursor(), r}
}

func (r *reader[K, T]) cursor() *sluice.Cursor[Message[K, T]] {
	return sluice.NewCursor[Message[K, T]](r)
}

// newReader returns a reader with all the topics that there are for it.
func (h *Hub[K, T]) newReader(o Options[K], fixed bool) *reader[K, T] {
	r := &reader[K, T]{hub: h, o: o, fixed: fixed, seats: make(map[K]*seat[K, T], len(o.Keys))}
	r.o.Offsets, r.inbox.begins = nil, o.begins()
	returned := false
	defer func() {
		if !returned { // one of the caller's functions panicked
			r.Close()
		}
	}()
	var found []*Topic[K, T]
	if !fixed {
		found = h.enlist(r)
	}
	for _, key := range o.Keys {
		if t, err := h.Topic(key); err == nil { // else the hub is closed, and the topic was never there
			r.follow(t, r.inbox.begin(key, o.From))
		}
	}
	for _, t := range found {
		if o.Match(t.key) {
			r.follow(t, r.inbox.begin(t.key, o.From))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sumLocked()
	r.bad = r.resolveLocked(o.From)
	returned = true
	return r
}

// begins returns the offsets of names that are followed, or will be.
func (o Options[K]) begins() map[K]begin {
	begins := make(map[K]begin, len(o.Offsets))
	for _, key := range o.Keys {
		if off, ok := o.Offsets[key]; ok {
			begins[key] = begin{off: off}
		}
	}
	for key, off := range o.Offsets {
		if o.Match != nil && o.Match(key) {
			begins[key] = begin{off: off}
		}
	}
	return begins
}

// follow takes a topic in, unless it is there.
func (r *reader[K, T]) follow(t *Topic[K, T], p sluice.Position) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	r.admitLocked(r.inbox.invited())
	r.joinLocked(newSeat(r, t, p))
	r.inbox.begun(t.key)
	return nil
}

// meet takes in a topic that was just made, if it matches. It never waits for who reads.
func (r *reader[K, T]) meet(t *Topic[K, T]) {
	if !r.o.Match(t.key) {
		return
	}
	if s := newSeat(r, t, r.inbox.begin(t.key, r.o.From)); !r.inbox.invite(s) {
		s.cur.Close()
	}
}

// Add makes the subscription follow more topics, each from p on; those that it follows already go on where they are. It stops
// at the first error: [sluice.ErrClosed] if the subscription is closed, or the hub is and the topic is not there; an
// [Error] with a *[sluice.RangeError] if p is no position in the topic.
func (s *Subscription[K, T]) Add(p sluice.Position, keys ...K) error {
	for _, key := range keys {
		t, err := s.r.hub.Topic(key)
		if err != nil {
			return err
		}
		if _, err := p.Resolve(t.log.Bounds()); err != nil {
			return &Error[K]{Key: key, Err: err}
		}
		if err := s.r.follow(t, p); err != nil {
			return err
		}
	}
	return nil
}

// Drop makes the subscription go on without topics; names that it does not follow are ignored. Messages that the cursor has
// already taken, up to 64 and what is in a channel, still come; a Backlog that runs meanwhile waits for as many others as
// are dropped. A topic that failed no longer fails the subscription.
// A dropped topic that matches stays away until it is removed and made anew.
func (s *Subscription[K, T]) Drop(keys ...K) {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.admitLocked(r.inbox.invited())
	for _, key := range keys {
		for s := r.seats[key]; s != nil; s = s.later {
			s.leave()
			if !s.ended {
				r.open--
			}
			if r.failed == s {
				r.failed, r.err = nil, nil
			}
		}
		delete(r.seats, key)
	}
}

// Offsets returns where the subscription stands in each of its topics: at the next message that the cursor will take from
// there. The cursor may have taken up to 64 that its reader has not seen yet, and more if it feeds a channel. So to
// resume exactly, call it before the first read, set the entry of a message's Key to its Offset+1 once that is dealt with,
// and that of a gap (see [Error]) to its To.
//
// Names of Options.Offsets whose topics have not been made yet are among them, as they were given.
func (s *Subscription[K, T]) Offsets() map[K]sluice.Offset {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return map[K]sluice.Offset{}
	}
	fresh, offsets := r.inbox.offsets()
	r.admitLocked(fresh)
	for key, s := range r.seats {
		offsets[key] = s.pos
	}
	return offsets
}
