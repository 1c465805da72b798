package replay

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice/internal/notify"
)

// A reader that has caught up with a writer of many small pieces would be woken for each of them, which costs both sides far
// more than the bytes. So a reader that was given a trickle since it last slept does not park, where the next
// write must wake it, but looks again when napTime has passed: until then the writer finds nobody to wake. Whoever gets
// nothing that way, or one piece only, or large ones, parks and is woken at once: a question and its answer are not held up.
const (
	napTime    = time.Millisecond
	smallPiece = 4 << 10
)

// pace counts what a reader found since it last slept.
type pace struct {
	seen  int64 // the end, as far as this reader knows
	finds int64 // how often it had moved
	bytes int64 // by how much, in all
	timer *time.Timer
}

// note says that the reader found this end.
func (p *pace) note(end int64) {
	if end > p.seen {
		p.finds++
		p.bytes += end - p.seen
		p.seen = end
	}
}

// trickle reports whether small pieces came one after the other, and starts anew.
func (p *pace) trickle() bool {
	is := p.finds > 1 && p.bytes < p.finds*smallPiece
	p.finds, p.bytes = 0, 0
	return is
}

// place is where a reader waits.
type place struct {
	waiter  notify.Waiter
	parking notify.Parking

	// others is how many calls of ReadAt wait, each with a parking of its own. It is written before they park, and loaded by
	// Close after it has set closed; so either they find that, or Close finds them.
	others atomic.Int32
}

// sleep waits until there may be something new at off, or returns context.Cause(ctx). The caller has looked, and looks again.
func (r *BufferReader) sleep(ctx context.Context) error {
	if r.pace.trickle() {
		return r.pace.nap(ctx)
	}
	return r.b.waiters.Wait(ctx, &r.place.waiter, &r.place.parking, func() bool { return r.ready(r.off) })
}

func (p *pace) nap(ctx context.Context) error {
	if p.timer == nil {
		p.timer = time.NewTimer(napTime)
	} else {
		p.timer.Reset(napTime)
	}
	select {
	case <-p.timer.C:
		return nil
	case <-ctx.Done():
		p.timer.Stop()
		return context.Cause(ctx)
	}
}

// sleepAt is sleep for ReadAt.
func (r *BufferReader) sleepAt(off int64) {
	r.place.others.Add(1)
	defer r.place.others.Add(-1)
	var waiter notify.Waiter
	var parking notify.Parking
	r.b.waiters.Wait(context.Background(), &waiter, &parking, func() bool { return r.ready(off) })
}

// ready reports whether lookAt(off) would find anything.
func (r *BufferReader) ready(off int64) bool {
	return r.b.tail.Next() > off || r.b.ended.Load() != nil || r.hold.closed.Load()
}

// wakeUp makes those who wait see that the reader is closed.
func (r *BufferReader) wakeUp() {
	r.b.waiters.Kick(&r.place.parking)
	if r.place.others.Load() > 0 {
		r.b.waiters.Wake()
	}
}
