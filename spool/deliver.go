package spool

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sluice-go/sluice/internal/spawn"
)

var errInvalidWrite = errors.New("spool: the sink's Write returned an impossible count")

// run starts the lane's goroutine. It ends when the lane is closed and nothing is left, or when the lane gives up.
func (l *lane) run() {
	returned := false
	spawn.Go(func() {
		for e := l.next(); e != nil; e = l.next() {
			l.deliver(e)
		}
		returned = true
	}, func() {
		if !returned {
			l.abandon()
		}
		if l.onEnd != nil {
			l.onEnd()
		}
		close(l.done)
	})
}

// next waits for the next entry and returns it; nil: there will be none.
//
// What is queued or becomes due while it looks is not missed: queueing leaves a token in wake, and the timer one in its
// channel. A timer that was reset after it fired has no token of before.
func (l *lane) next() *entry {
	for {
		l.mu.Lock()
		e, ended := l.takeLocked(), l.closed
		l.mu.Unlock()
		if e != nil || ended {
			return e
		}
		select {
		case <-l.wake:
		case <-l.late.C:
		}
	}
}

// takeLocked returns the entry that is written next. If nothing is queued, it is the active buffer once that is due.
func (l *lane) takeLocked() *entry {
	if len(l.queue) == 0 && l.active != nil && l.flushEvery > 0 && time.Since(l.active.first) >= l.flushEvery {
		l.sealLocked()
	}
	if len(l.queue) == 0 {
		return nil
	}
	e := l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	if e.lent || e.do != nil {
		l.accepted.add(e.lines, e.size)
	}
	l.writing = e
	return e
}

// deliver hands e to the sink, again and again until all of it is taken or the lane gives up.
func (l *lane) deliver(e *entry) {
	for wait := l.retryAfter; ; wait = min(2*wait, l.retryMost) {
		over, progress := l.attempt(e)
		for progress && !over { // a short write: the rest can go at once
			wait = l.retryAfter
			over, progress = l.attempt(e)
		}
		if over {
			break
		}
		l.settled.wakeAll() // Sync wants to know of failures
		if !l.pause(wait) || l.unwanted(e) {
			break
		}
	}
	l.mu.Lock()
	l.settleLocked(e)
	l.mu.Unlock()
	l.settled.wakeAll()
}

// pause waits before the next attempt and reports whether there is one: not when the lane gives up.
func (l *lane) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.stop:
		return false
	}
}

// unwantedLocked reports whether e need not be written any more: its caller has lost patience, and the sink took nothing.
func (e *entry) unwantedLocked() bool { return e.late && e.sent == 0 && !e.begun }

func (l *lane) unwanted(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.unwantedLocked()
}

// attempt does e once, and reports whether that was the last attempt, and otherwise whether the sink took a part of it.
func (l *lane) attempt(e *entry) (over, progress bool) {
	if !l.begin(e) {
		return true, false
	}
	if e.do != nil {
		err := e.do()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.busy = false
		e.err = err
		if e.must {
			l.noteLocked(err)
		}
		return err == nil || !e.must || l.gaveUp, false
	}
	n, err := l.sink(e.data[e.sent:])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	if rest := len(e.data) - e.sent; n < 0 || n > rest {
		n, err = 0, fmt.Errorf("%w: %d of %d bytes", errInvalidWrite, n, rest)
	}
	e.sent += n
	l.written.Bytes += int64(n)
	if e.sent == len(e.data) {
		l.noteLocked(nil)
		return true, false
	}
	if n > 0 && err == nil {
		l.retries++
		l.lastErr = io.ErrShortWrite
		return l.gaveUp, true
	}
	if err == nil {
		err = io.ErrShortWrite
	}
	l.noteLocked(err)
	return l.gaveUp || e.unwantedLocked(), false
}

// begin notes that the sink is being called, and returns true; or that e is lost, as the lane has given up.
func (l *lane) begin(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gaveUp && e.err == nil {
		e.err = l.lost
	}
	l.busy = !l.gaveUp
	return l.busy
}

// noteLocked remembers how the last attempt went.
func (l *lane) noteLocked(err error) {
	if l.failing = err; err == nil {
		l.full = ErrFull
		return
	}
	l.retries++
	l.lastErr = err
	l.full = fmt.Errorf("%w: %w", ErrFull, err)
}

// note remembers a failure that was made good.
func (l *lane) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retries++
	l.lastErr = err
}

// settleLocked ends the writing of e: what is not written by now is dropped.
func (l *lane) settleLocked(e *entry) {
	l.writing, e.over = nil, true
	switch {
	case e.do != nil && e.err == nil:
		l.written.add(e.lines, e.size)
	case e.lines > 0 && e.unwantedLocked(): // its caller is told, and counts it as refused
		l.accepted = l.accepted.minus(Count{e.lines, e.size})
		e.err = ErrFull
	case e.do != nil:
		l.dropped.add(e.lines, e.size)
	case e.sent == len(e.data):
		l.written.Lines += e.lines
	default:
		l.dropped.add(e.lines, int64(len(e.data)-e.sent))
		e.err = l.lost
	}
	if !e.lent && e.do == nil {
		l.recycleLocked(e)
	}
}
