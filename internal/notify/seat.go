package notify

import (
	"context"
	"sync"
)

// Seat is the place of one reader on one list, on which it sleeps again and again. It is a [Waiter] and a [Parking], and
// sleeps cheaper: to select on two channels costs far more than to receive from one, above all when the reader is taken to
// another processor. So the second time that it sleeps with a context it has the context's end sent into its signal too, and
// from then on it only receives. The zero Seat is ready; it must not be copied.
type Seat struct {
	waiter  Waiter
	parking Parking

	// Owned by the goroutine that waits.
	done   <-chan struct{} // of the context that it slept with last
	joined bool            // the end of that context is sent into the signal

	mu     sync.Mutex
	ending *ending // of the context that it joined last; guarded by mu
	closed bool    // guarded by mu
}

// An ending is the end of a context on its way into a signal. Behind that it holds nothing of the context: whoever left the
// cursor without Close, and with the context all that refers to it, must leave it to the collector, which then closes it.
type ending struct {
	mu   sync.Mutex
	part func() bool // takes it off the context; nil if it has come, or was taken off
}

func (e *ending) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.part != nil {
		e.part()
		e.part = nil
	}
}

// Wait is [List.Wait]. In a bubble of testing/synctest a context from outside must not end before Close.
func (s *Seat) Wait(ctx context.Context, l *List, ready func() bool) (err error) {
	l.Park(&s.parking, &s.waiter)
	defer func() { // also if ctx or ready panics: nobody may stay behind, and swallow a wake
		l.Leave(&s.parking)
		s.waiter.Clear()
	}()
	if !ready() {
		err = s.sleep(ctx)
	}
	return err
}

// Close wakes the reader, whose ready must report true from now on, so that it never sleeps again, and lets go of its
// context. It may be called from any goroutine.
func (s *Seat) Close(l *List) {
	l.Kick(&s.parking)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.leaveLocked()
}

// leaveLocked takes the end of the context off.
func (s *Seat) leaveLocked() {
	if s.ending != nil {
		s.ending.drop()
		s.ending = nil
	}
}

// sleep is [Waiter.Sleep].
func (s *Seat) sleep(ctx context.Context) error {
	switch done := ctx.Done(); {
	case done == nil:
		<-s.waiter.signal
		return nil
	case done != s.done: // often it is the only sleep with this context
		s.done, s.joined = done, false
		return s.waiter.Sleep(ctx)
	case !s.joined && !s.join(ctx):
		return s.waiter.Sleep(ctx)
	}
	// The error of a context is there before its end is sent. So if it is not there yet, the end is still to come, and
	// nobody but this receive takes it. Or the signal is full, and then this receive returns too.
	if ctx.Err() == nil {
		<-s.waiter.signal
	}
	if ctx.Err() == nil { // before Cause, which up to Go 1.25 takes a lock, and may be that of a context with another end
		return nil
	}
	return context.Cause(ctx)
}

// join has the end of ctx sent into the signal, in place of that of the context before. It reports false after Close.
func (s *Seat) join(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.leaveLocked()
	signal, e := s.waiter.signal, new(ending) // not s: until Close, ctx keeps no more than these
	e.mu.Lock()                               // the end may come at once
	defer e.mu.Unlock()
	e.part = context.AfterFunc(ctx, func() {
		select {
		case signal <- struct{}{}:
		default:
		}
		e.drop()
	})
	s.ending, s.joined = e, true
	return true
}
