// Package notify is the one way in which readers wait for writers: a list of parked readers for each store.
//
// # The handshake
//
// A reader that finds nothing parks itself on the store's [List] (which counts it in an atomic word), looks at the store
// once more, and only then sleeps. A writer publishes its value with an atomic store, and then loads that word. Go's
// atomics are sequentially consistent, so of the two loads, the reader's of the published end and the writer's of the
// word, at least one sees the other side's store: either the reader finds the value, or the writer finds the reader.
// The wrong order (look, then park) loses the wake-up that falls between; so does a writer that loads the word before it
// publishes.
//
// # Waking
//
// A writer that finds the word non-zero calls [List.Wake]. It marks everybody parked as due, resets the word and signals
// a few of them; each woken reader signals the next few (package constant fan). So a writer pays for one wake, not for
// ten thousand, and the appends that come while the wake spreads find the word at zero and pay nothing: everybody due
// will look at the store after the append. A signal is one send into a channel of capacity 1 that the reader keeps, so
// waking allocates nothing, can be selected on beside a context, and blocks durably in a testing/synctest bubble.
//
// # Concurrency
//
// A List is safe for concurrent use. A [Waiter] belongs to one goroutine, which may park it on many lists at once through
// one [Parking] for each.
package notify

import (
	"context"
	"sync"
	"sync/atomic"
)

// fan is how many readers each wake signals on: more spreads faster over many cores, one is cheapest for the writer.
const fan = 2

// List holds the parked readers of one store. The zero List is ready; it must not be copied.
type List struct {
	// waiting is how many parkings no Wake has covered yet. It is written under mu and loaded by writers without:
	// the word of the handshake.
	waiting atomic.Int32

	mu sync.Mutex
	// The parkings, in the order in which they parked, so also in the order of their tickets. Those up to due are
	// covered: a signalled reader that has not left yet will pass the signal on to them.
	head, tail *Parking
	ticket     uint64 // of the last one parked
	due        uint64
}

// Waiter is a goroutine that can sleep until one of many lists wakes it. The zero Waiter is ready.
type Waiter struct {
	// signal has capacity 1: all that a signal says is "look again". It is made by the first Park, so inside the
	// synctest bubble of the goroutine that waits. Writers reach it only through a parking, under a list's mu.
	signal chan struct{}
}

// Parking is the place of one waiter on one list. The zero Parking is ready; it must not be copied while parked.
type Parking struct {
	// Guarded by List.mu. A parking goes unparked -> parked -> signalled (taken off the list, signal sent) or back;
	// signalled stays set until Leave, which then owes the list a Wake of the next.
	next, prev *Parking
	ticket     uint64
	parked     bool
	signalled  bool
	waiter     *Waiter
}

// Waiting reports whether a Wake would find anybody: what a writer asks after publishing. One atomic load.
func (l *List) Waiting() bool { return l.waiting.Load() != 0 }

// Wake makes everybody parked look again. It signals a few; they signal the rest.
func (l *List) Wake() {
	l.mu.Lock()
	l.due = l.ticket
	l.waiting.Store(0)
	l.passOn()
	l.mu.Unlock()
}

// passOn signals the next few that are due. The caller holds mu.
func (l *List) passOn() {
	for n := 0; n < fan && l.head != nil && l.head.ticket <= l.due; n++ {
		l.signal(l.head)
	}
}

// signal takes p off the list and wakes its waiter. The caller holds mu. The send never blocks: a full channel says the
// same already, sent by another list.
func (l *List) signal(p *Parking) {
	l.remove(p)
	p.signalled = true
	select {
	case p.waiter.signal <- struct{}{}:
	default:
	}
}

// Park puts p on the list. Afterwards the caller must look at the store again before it sleeps, and Leave in any case.
func (l *List) Park(p *Parking, w *Waiter) {
	if w.signal == nil {
		w.signal = make(chan struct{}, 1)
	}
	l.mu.Lock()
	l.ticket++
	p.ticket, p.waiter, p.parked = l.ticket, w, true
	if p.prev = l.tail; p.prev != nil {
		p.prev.next = p
	} else {
		l.head = p
	}
	l.tail = p
	l.waiting.Add(1)
	l.mu.Unlock()
}

// Leave takes p off the list. If it was signalled it passes the wake on: also when the reader leaves for another reason,
// so that a cancelled reader never swallows the wake of those behind it.
func (l *List) Leave(p *Parking) {
	l.mu.Lock()
	switch {
	case p.signalled:
		p.signalled = false
		l.passOn()
	case p.parked:
		if p.ticket > l.due {
			l.waiting.Add(-1)
		}
		l.remove(p)
	}
	l.mu.Unlock()
}

// Kick wakes the waiter of p alone, if it is parked: for a Close from another goroutine, which sets its flag first.
func (l *List) Kick(p *Parking) {
	l.mu.Lock()
	if p.parked {
		if p.ticket > l.due {
			l.waiting.Add(-1)
		}
		l.signal(p)
	}
	l.mu.Unlock()
}

// remove unlinks p. The caller holds mu.
func (l *List) remove(p *Parking) {
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		l.head = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		l.tail = p.prev
	}
	p.next, p.prev, p.parked = nil, nil, false
}

// Sleep waits until w is signalled, or returns context.Cause(ctx) when ctx is done. The caller has parked and looked.
func (w *Waiter) Sleep(ctx context.Context) error {
	select {
	case <-w.signal:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Clear forgets a signal that came after the waiter had stopped looking; call it when every parking has left.
func (w *Waiter) Clear() {
	select {
	case <-w.signal:
	default:
	}
}

// Wait sleeps on l until it is woken, unless ready reports true once w is parked; it may return too early. Or it returns
// context.Cause(ctx). It is the whole dance for one list; the caller has looked before, and looks again. It allocates
// nothing after the first call of w.
func (l *List) Wait(ctx context.Context, w *Waiter, p *Parking, ready func() bool) (err error) {
	l.Park(p, w)
	defer func() { // also if ctx or ready panics: nobody may stay behind, and swallow a wake
		l.Leave(p)
		w.Clear()
	}()
	if !ready() {
		err = w.Sleep(ctx)
	}
	return err
}
