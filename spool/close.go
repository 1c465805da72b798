package spool

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-go/sluice"
)

// flush queues what is in the active buffer and returns nil once everything accepted before the call is settled.
func (l *lane) flush(ctx context.Context) error {
	l.mu.Lock()
	l.sealLocked()
	before := l.sealed
	l.mu.Unlock()
	err := l.settled.wait(ctx, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.settledLocked(before)
	})
	if err != nil {
		return l.because(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return l.lost
	}
	return nil
}

// settledLocked reports whether the lane is done with every entry up to seq.
func (l *lane) settledLocked(seq uint64) bool {
	return (l.writing == nil || l.writing.seq > seq) && (len(l.queue) == 0 || l.queue[0].seq > seq)
}

// because adds what the sink fails with, if it does, to the reason for which somebody stopped waiting.
func (l *lane) because(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.becauseLocked(err)
}

func (l *lane) becauseLocked(err error) error {
	if l.failing != nil {
		return fmt.Errorf("%w; the sink fails: %w", err, l.failing)
	}
	return err
}

// await queues e and returns once the lane is done with it, with e.err. If ctx is done before the goroutine has taken it,
// e is taken back. After that a lent line stays lent while the sink is called with it, and until the end if it took a part.
func (l *lane) await(ctx context.Context, e *entry) error {
	if err := l.submit(e); err != nil {
		return err
	}
	err := l.result(ctx, e)
	if ctx.Err() != nil && l.withdraw(e) { // else the lane was done with it already, or will be
		return err
	}
	return l.result(context.Background(), e)
}

// result waits until the lane is done with e and returns e.err, or context.Cause(ctx) if that comes first.
func (l *lane) result(ctx context.Context, e *entry) error {
	err := l.settled.wait(ctx, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return e.over
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.err
}

// sync calls do behind everything accepted so far and returns its error, or the first one of the sink in the meantime.
func (l *lane) sync(do func() error) error {
	e := &entry{do: do}
	l.mu.Lock()
	before := l.retries
	l.mu.Unlock()
	if err := l.submit(e); err != nil {
		return err
	}
	var failure error
	l.settled.wait(context.Background(), func() bool { // can't fail
		l.mu.Lock()
		defer l.mu.Unlock()
		if failure = nil; l.retries > before {
			failure = l.failing
		}
		return e.over || failure != nil
	})
	if failure != nil && l.withdraw(e) {
		return failure
	}
	return l.result(context.Background(), e)
}

// shut makes the lane refuse lines from now on. last, if not nil, is queued behind all that was accepted.
func (l *lane) shut(last *entry) {
	l.mu.Lock()
	if !l.closed {
		l.sealLocked()
		if last != nil {
			l.queueLocked(last)
		}
		l.closed = true
		l.late.Stop()
		l.signal()
	}
	l.mu.Unlock()
	l.settled.wakeAll() // those who wait for room
}

// drain returns when the goroutine of a lane that was shut has ended; if ctx is done before that, it gives up.
func (l *lane) drain(ctx context.Context) error {
	select {
	case <-l.done:
	case <-ctx.Done():
		if busy := l.giveUp(context.Cause(ctx)); !busy {
			<-l.done // at once: nothing is attempted any more
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil { // not a nil *UndeliveredError in an error
		return l.lost
	}
	return nil
}

// giveUp drops everything that the sink has not begun, and lets the goroutine end when the sink returns. It reports whether
// the sink is being called.
func (l *lane) giveUp(cause error) (busy bool) {
	l.mu.Lock()
	if !l.gaveUp && (l.writing != nil || len(l.queue) > 0) {
		l.lost = &UndeliveredError{Err: l.becauseLocked(cause)}
		if e := l.writing; e != nil && e.do == nil {
			l.lost.add(e.lines, int64(len(e.data)-e.sent))
		} else if e != nil {
			l.lost.add(e.lines, e.size)
		}
		for _, e := range l.queue {
			l.dropLocked(e)
		}
		l.queue, l.gaveUp = nil, true
		close(l.stop)
	}
	busy = l.busy
	l.mu.Unlock()
	l.settled.wakeAll()
	return busy
}

// abandon is the end of a goroutine whose sink called runtime.Goexit, as a test's FailNow does: nobody waits in vain, and
// Close says what is left.
func (l *lane) abandon() {
	l.shut(nil)
	l.giveUp(errSinkEnded)
	l.mu.Lock()
	if e := l.writing; e != nil {
		e.err = errSinkEnded
		l.settleLocked(e)
	}
	l.busy = false
	l.mu.Unlock()
	l.settled.wakeAll()
}

var errSinkEnded = errors.New("spool: the sink ended its goroutine")

// dropLocked settles an entry that the goroutine did not take.
func (l *lane) dropLocked(e *entry) {
	e.over = true
	switch {
	case e.lent || e.do != nil: // not accepted yet: its caller waits, and is told
		e.err = sluice.ErrClosed
	default:
		l.lost.add(e.lines, int64(len(e.data)))
		l.dropped.add(e.lines, int64(len(e.data)))
	}
}

var errCloseTimeout = errors.New("spool: Options.CloseWithin is over")
