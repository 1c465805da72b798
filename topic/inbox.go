package topic

import (
	"context"
	"sync"

	"github.com/sluice-go/sluice"
)

// A begin is an offset of Options.Offsets. It is for one topic, not for the next one of its name.
type begin struct {
	off  sluice.Offset
	used bool // by a topic that is about to be a seat
}

// An inbox is where a subscription hears of its topics. Only nanoseconds are spent under its mutex, whatever the reader
// does, so a slow reader never holds up a publisher.
type inbox[K comparable, T any] struct {
	mu sync.Mutex // see bell for the lock order

	ready   seatList[K, T] // topics with news, in the order in which they get their turns
	begins  map[K]begin    // of Options.Offsets, those that are not seats yet
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
	in.begunLocked(s.topic.key)
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

// offsets returns where topics begin that are not seats yet, and the seats to be admitted: at one moment, so that each
// topic is in one of them or with the reader.
func (in *inbox[K, T]) offsets() (fresh []*seat[K, T], offsets map[K]sluice.Offset) {
	in.mu.Lock()
	defer in.mu.Unlock()
	offsets = make(map[K]sluice.Offset, len(in.begins))
	for key, b := range in.begins {
		offsets[key] = b.off
	}
	fresh, in.fresh = in.fresh, nil
	return fresh, offsets
}

// begin returns where a topic begins that is to be a seat.
func (in *inbox[K, T]) begin(key K, from sluice.Position) sluice.Position {
	in.mu.Lock()
	defer in.mu.Unlock()
	b, ok := in.begins[key]
	if !ok || b.used {
		return from
	}
	b.used = true
	in.begins[key] = b
	return sluice.At(b.off)
}

// begun says that a topic is a seat now. The caller holds reader.mu.
func (in *inbox[K, T]) begun(key K) {
	in.mu.Lock()
	in.begunLocked(key)
	in.mu.Unlock()
}

func (in *inbox[K, T]) begunLocked(key K) {
	if in.begins[key].used {
		delete(in.begins, key)
	}
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
