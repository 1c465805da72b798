package topic

import (
	"context"
	"sync"
)

// An inbox is where a subscription hears of its topics. Only nanoseconds are spent under its mutex, whatever the reader
// does, so a slow reader never holds up a publisher.
type inbox[K comparable, T any] struct {
	mu sync.Mutex // see bell for the lock order

	ready   seatList[K, T] // topics with news, in the order in which they get their turns
	fresh   []*seat[K, T]  // topics that were made and match; the reader admits them
	ended   bool           // the hub is closed: nothing fresh will come
	closed  bool           // the cursor is
	stirred bool           // Poll has something to look at beside topics

	// asleep says that the reader is in wait's select, or on its way into or out of it. While it is, duties are the bells
	// that woke it; while it is not, they are the reader's own: nobody adds to them.
	asleep bool
	duties []*bell[K, T]

	// signal has capacity 1: all that it says is "look again". It is made by the first wait, so inside of the synctest
	// bubble of the goroutine that waits, and sent to only while asleep is set.
	signal chan struct{}
}

// news puts s, which is taken off its bell, among the ready, and reports whether that woke the reader, which then owes the
// bell a round of telling. The caller holds the bell's mu.
func (in *inbox[K, T]) news(s *seat[K, T]) (woke bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	s.where = inReady
	in.ready.push(s)
	if !in.asleep {
		return false
	}
	in.duties = append(in.duties, &s.topic.bell)
	in.wakeLocked()
	return true
}

// wakeLocked wakes the reader if it sleeps. A full channel says the same already.
func (in *inbox[K, T]) wakeLocked() {
	if in.asleep {
		select {
		case in.signal <- struct{}{}:
		default:
		}
	}
}

// invite hands over a seat in a topic that was just made, and reports whether the cursor is still open.
func (in *inbox[K, T]) invite(s *seat[K, T]) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	in.fresh = append(in.fresh, s)
	in.wakeLocked()
	return true
}

// end says that the hub is closed.
func (in *inbox[K, T]) end() {
	in.mu.Lock()
	in.ended, in.stirred = true, true
	in.wakeLocked()
	in.mu.Unlock()
}

// close says that the cursor is closed, and returns the seats that nobody admitted.
func (in *inbox[K, T]) close() (fresh []*seat[K, T]) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed, in.stirred = true, true
	in.wakeLocked()
	fresh, in.fresh = in.fresh, nil
	return fresh
}

// turn puts s, which is nowhere, behind the others that are ready.
func (in *inbox[K, T]) turn(s *seat[K, T]) {
	in.mu.Lock()
	s.where = inReady
	in.ready.push(s)
	in.wakeLocked() // it may be Add that calls
	in.mu.Unlock()
}

// take returns the seat whose turn it is, which is nowhere then, or nil if no topic has news, and the seats to be admitted.
// With neither, ended says that none will come but from Add.
func (in *inbox[K, T]) take() (s *seat[K, T], fresh []*seat[K, T], ended bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stirred = false
	if s = in.ready.first; s != nil {
		in.ready.remove(s)
		s.where = nowhere
	}
	fresh, in.fresh = in.fresh, nil
	return s, fresh, in.ended
}

// invited returns the seats to be admitted.
func (in *inbox[K, T]) invited() (fresh []*seat[K, T]) {
	in.mu.Lock()
	defer in.mu.Unlock()
	fresh, in.fresh = in.fresh, nil
	return fresh
}

// wait sleeps until there is something to take, or returns context.Cause(ctx).
func (in *inbox[K, T]) wait(ctx context.Context) error {
	in.mu.Lock()
	if in.stirred || in.ready.first != nil || len(in.fresh) > 0 {
		in.mu.Unlock()
		return nil
	}
	if in.signal == nil {
		in.signal = make(chan struct{}, 1)
	}
	in.asleep = true
	in.mu.Unlock()
	defer in.awake() // also if ctx panics: nobody may keep a duty
	select {
	case <-in.signal:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// awake ends a sleep, and pays what it owes: also when the reader woke for another reason, so that a cancelled reader never
// swallows the news of those behind it.
func (in *inbox[K, T]) awake() {
	in.mu.Lock()
	in.asleep = false
	select {
	case <-in.signal: // sent after the reader had stopped listening
	default:
	}
	in.mu.Unlock()
	for _, b := range in.duties {
		b.tell()
	}
	clear(in.duties)
	in.duties = in.duties[:0]
}
