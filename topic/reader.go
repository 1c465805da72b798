package topic

import (
	"context"
	"errors"
	"iter"
	"math"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice"
)

var _ sluice.Reader[Message[string, int]] = (*reader[string, int])(nil)

// errManyAt is what becomes of a position At where it can't mean anything.
var errManyAt = errors.New("topic: At is an offset of one topic: a subscription of several starts at Oldest, Newest or " +
	"Last, and resumes with Options.Offsets")

// A reader merges the topics of a subscription. It is the [sluice.Reader] of its cursor.
//
// Its offsets count what it hands out, one for each message and each missed value. They start, at first and after a Seek, at
// the sum of the positions in its topics; so with one topic that never changes they are the topic's own. Its bounds are where
// it stands, plus what the topics still have for it; so the cursor's Lag is the sum of the lags.
type reader[K comparable, T any] struct {
	hub   *Hub[K, T]
	o     Options[K] // constant, without Offsets: see inbox.begins
	fixed bool       // constant: it ends with the last of its topics

	closed atomic.Bool
	inbox  inbox[K, T]
	pace   pace // used by Poll only

	// mu belongs to whoever reads, and to Add, Drop and Close: it guards what follows and the cursors of the seats. Publishers
	// never take it.
	mu     sync.Mutex // lock order: mu, then those of bell
	seats  map[K]*seat[K, T]
	open   int // seats that have not ended
	off    sluice.Offset
	bad    error       // the position could not be resolved; cleared by Seek
	failed *seat[K, T] // its log ended with err
	err    error
	buf    []Message[K, T] // what is lent
	used   int             // how much of buf was, since it was cleared
}

func (r *reader[K, T]) Bounds() (first, next sluice.Offset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.admitLocked(r.inbox.invited())
	return r.boundsLocked()
}

func (r *reader[K, T]) boundsLocked() (first, next sluice.Offset) {
	first, next = r.off, r.off
	for s := range r.allLocked() {
		f, n := s.topic.log.Bounds()
		first += f - s.pos
		next += n - s.pos
	}
	return first, next
}

// allLocked returns the seats, those that wait for others included.
func (r *reader[K, T]) allLocked() iter.Seq[*seat[K, T]] {
	return func(yield func(*seat[K, T]) bool) {
		for _, s := range r.seats {
			for ; s != nil; s = s.later {
				if !yield(s) {
					return
				}
			}
		}
	}
}

func (r *reader[K, T]) Offset() sluice.Offset {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.off
}

func (r *reader[K, T]) Poll() ([]Message[K, T], error) {
	r.pace.keep() // before mu, so that nobody waits for it
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed.Load():
		return nil, sluice.ErrClosed
	case r.bad != nil:
		return nil, r.bad
	case r.failed != nil:
		return nil, r.err
	}
	for {
		s, fresh, ended := r.inbox.take()
		r.admitLocked(fresh)
		switch {
		case s != nil:
			if batch, err := r.pollLocked(s); len(batch) > 0 || err != nil {
				return batch, err
			}
		case len(fresh) > 0: // they are ready now
		default:
			r.pace.caught()
			clear(r.buf[:r.used]) // a subscription that waits holds nothing
			r.used = 0
			if r.open == 0 && (r.fixed || ended) {
				return nil, sluice.ErrClosed
			}
			return nil, nil
		}
	}
}

// pollLocked returns what one topic has, which stands nowhere.
func (r *reader[K, T]) pollLocked(s *seat[K, T]) ([]Message[K, T], error) {
	returned := false
	defer func() {
		if !returned { // the log panicked: its topic keeps its turn, so that who recovers misses nothing of it
			s.detach()
			r.inbox.turn(s)
		}
	}()
	vs, err := s.pollOrListen()
	returned = true
	gap, isGap := err.(sluice.Gap)
	switch {
	case isGap:
		r.inbox.turn(s)
		return nil, r.gapLocked(s, gap)
	case err == sluice.ErrClosed:
		r.endLocked(s)
		return nil, nil
	case err != nil:
		r.failed, r.err = s, &Error[K]{Key: s.topic.key, Err: err}
		return nil, r.err
	case len(vs) == 0:
		return nil, nil
	}
	r.inbox.turn(s) // again until nothing comes: only that says that the last batch was consumed
	return r.lendLocked(s, vs), nil
}

// lendLocked copies vs, which the topic's log may take back at the next poll of s, into messages.
func (r *reader[K, T]) lendLocked(s *seat[K, T], vs []T) []Message[K, T] {
	r.buf = r.buf[:0]
	for i, v := range vs {
		r.buf = append(r.buf, Message[K, T]{Key: s.topic.key, Offset: s.pos + sluice.Offset(i), Value: v})
	}
	r.used = max(r.used, len(vs))
	r.pace.took(len(vs))
	s.pos += sluice.Offset(len(vs))
	r.off += sluice.Offset(len(vs))
	return r.buf
}

// gapLocked moves over a gap of one topic and returns it as one of the subscription.
func (r *reader[K, T]) gapLocked(s *seat[K, T], gap sluice.Gap) error {
	from, to := gap.Gap()
	start, end := r.off, r.off+to-from
	s.pos, r.off = to, end
	of := &Error[K]{Key: s.topic.key, Err: gap}
	if damage := (*sluice.CorruptError)(nil); errors.As(gap, &damage) {
		return &sluice.CorruptError{From: start, To: end, Err: of}
	}
	return &lagError[K]{sluice.LagError{From: start, To: end}, of}
}

// endLocked notes that s, which is nowhere, has read its topic to the end. It stays, for a Seek, until its topic is removed:
// then it is rung for, and comes back here.
func (r *reader[K, T]) endLocked(s *seat[K, T]) {
	if !s.ended {
		s.ended = true
		r.open--
	}
	s.topic.bell.listen(s)
	if !s.topic.removed.Load() { // loaded behind listen: Remove stores it, and then rings
		return
	}
	s.leave()
	delete(r.seats, s.topic.key)
	if s.later != nil {
		r.seats[s.topic.key] = s.later
		r.inbox.turn(s.later)
	}
}

// admitLocked takes in the seats of topics that were made.
func (r *reader[K, T]) admitLocked(fresh []*seat[K, T]) {
	for _, s := range fresh {
		r.joinLocked(s)
	}
}

// joinLocked takes in s, unless the topic is there already. A topic that follows a removed one of its name waits until that
// has ended. One that comes behind its own successor was removed while somebody added it, and is left out.
func (r *reader[K, T]) joinLocked(s *seat[K, T]) {
	last := r.seats[s.topic.key]
	if last == nil {
		r.seats[s.topic.key] = s
		r.open++
		r.inbox.turn(s)
		return
	}
	for last.later != nil {
		last = last.later
	}
	if s.topic.number <= last.topic.number {
		s.leave()
		return
	}
	last.later = s
	r.open++
}

func (r *reader[K, T]) Wait(ctx context.Context) error {
	if err := r.inbox.wait(ctx); err != nil {
		return err
	}
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	return nil
}

// Seek moves all topics to p.
func (r *reader[K, T]) Seek(p sluice.Position) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	r.admitLocked(r.inbox.invited())
	if err := r.resolveLocked(p); err != nil {
		return err
	}
	for s := range r.allLocked() {
		if err := s.seek(p); err != nil {
			return &Error[K]{Key: s.topic.key, Err: err}
		}
	}
	r.open = 0
	for _, s := range r.seats {
		s.detach()
		r.inbox.turn(s)
	}
	for s := range r.allLocked() {
		s.ended = false
		r.open++
	}
	r.bad, r.failed, r.err = nil, nil, nil
	r.sumLocked()
	return nil
}

// resolveLocked returns what is wrong with p.
func (r *reader[K, T]) resolveLocked(p sluice.Position) error {
	first, next := r.boundsLocked()
	var last *seat[K, T]
	n := 0
	for s := range r.allLocked() {
		last, n = s, n+1
	}
	one := r.o.Match == nil && n == 1
	if one { // its own: the subscription's offsets are others if it had more topics once
		first, next = last.topic.log.Bounds()
	}
	if _, err := p.Resolve(first, next); err != nil {
		return err
	}
	if off, err := p.Resolve(0, math.MaxInt64); !one && err == nil && p == sluice.At(off) {
		return errManyAt
	}
	return nil
}

// sumLocked sets the offset to what the positions make together.
func (r *reader[K, T]) sumLocked() {
	r.off = 0
	for s := range r.allLocked() {
		r.off += s.pos
	}
}

func (r *reader[K, T]) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.hub.forget(r)
	for _, s := range r.inbox.close() {
		s.cur.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.allLocked() {
		s.leave()
	}
	r.seats, r.open, r.buf, r.failed = nil, 0, nil, nil
	return nil
}
