package spool

import (
	"context"
	"sync"

	"github.com/sluice-go/sluice/internal/notify"
)

// waitlist is where goroutines wait for a lane to settle something: a blocked Write for room, a Flush for what is before it.
// It keeps what they park with, so that waiting allocates nothing once as many have waited at once before.
type waitlist struct {
	notify.List

	mu   sync.Mutex
	idle []*waiter
}

type waiter struct {
	notify.Waiter
	notify.Parking
}

// wait returns nil once ready reports true, or context.Cause(ctx). Whoever makes ready true calls wakeAll afterwards.
func (w *waitlist) wait(ctx context.Context, ready func() bool) error {
	me := w.get()
	defer w.put(me)
	for !ready() {
		if err := w.Wait(ctx, &me.Waiter, &me.Parking, ready); err != nil {
			return err
		}
	}
	return nil
}

func (w *waitlist) wakeAll() {
	if w.Waiting() {
		w.Wake()
	}
}

func (w *waitlist) get() *waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.idle)
	if n == 0 {
		return new(waiter)
	}
	me := w.idle[n-1]
	w.idle = w.idle[:n-1]
	return me
}

func (w *waitlist) put(me *waiter) {
	w.mu.Lock()
	w.idle = append(w.idle, me)
	w.mu.Unlock()
}
