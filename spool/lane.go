package spool

import (
	"slices"
	"sync"
	"time"

	"github.com/sluice-go/sluice"
)

// A lane is a queue of buffers in front of a sink, and the one goroutine that empties it. [Writer] has one, and each worker
// of a [Dir] has one.
//
// A buffer goes free -> active -> queued -> writing -> free. While it is active, lines are added under mu. Once it is
// queued (sealed) its bytes don't change any more, so the goroutine reads them without mu while it writes them. There are
// at most max buffers, and that is the whole memory.
//
// Accepting a line, sealing and closing happen under mu. So a line is either in a buffer before the lane is closed, and then
// the goroutine, which ends only when the lane is closed and nothing is left, writes it; or it is refused.
//
// Nobody blocks while holding mu.
type lane struct {
	laneOptions
	sink    func(p []byte) (int, error) // as io.Writer's; called by the goroutine only
	onEnd   func()                      // the last thing that the goroutine calls; may be nil
	settled *waitlist                   // woken when an entry is settled and when the lane is closed

	wake chan struct{} // capacity 1: something was queued, or the lane was closed
	late *time.Timer   // fires flushEvery after a buffer became active
	stop chan struct{} // closed when the lane gives up: ends a backoff
	done chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	active  *entry // nil or not empty; always nil once closed
	free    []*entry
	made    int // buffers that exist
	queue   []*entry
	writing *entry
	sealed  uint64 // seq of the entry queued last
	closed  bool   // no more lines
	busy    bool   // the sink is being called
	gaveUp  bool   // no more attempts
	lost    *UndeliveredError

	accepted, written, dropped, refused Count // accepted is without active
	retries                             int64
	failing, lastErr                    error
	full                                error // what a line is refused with for want of room
}

type laneOptions struct {
	size       int // bytes of a buffer
	max        int // buffers
	flushEvery time.Duration
	retryAfter time.Duration
	retryMost  time.Duration
}

// An entry is a run of whole lines on its way to the sink, or something to be done in between.
type entry struct {
	data  []byte
	lines int64
	first time.Time // when its first line was accepted
	seq   uint64    // place in the queue

	lent  bool         // data is not a buffer of the lane but a line of a caller who waits
	do    func() error // to be done instead of writing data
	must  bool         // do is tried again until it succeeds
	begun bool         // do can't be taken back; set by do itself
	size  int64        // bytes that lent or do stand for; they are accepted when the goroutine takes the entry

	// Guarded by lane.mu once queued.
	sent int   // bytes that the sink took
	late bool  // the caller of a lent line wants it back, if the sink took nothing yet
	over bool  // the lane is done with it
	err  error // what do returned, or why a lent line was not written
}

func (l *lane) init(o laneOptions, sink func([]byte) (int, error), settled *waitlist) {
	l.laneOptions, l.sink, l.settled = o, sink, settled
	l.full = ErrFull
	l.wake, l.stop, l.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	l.late = time.NewTimer(time.Hour)
	l.late.Stop()
}

// roomLocked returns the active buffer if n more bytes fit in, or makes another one active. Nil: the lane is closed or
// full, or n is more than a buffer holds.
func (l *lane) roomLocked(n int) *entry {
	if e := l.active; e != nil && n <= cap(e.data)-len(e.data) {
		return e
	}
	return l.openLocked(n)
}

func (l *lane) openLocked(n int) *entry {
	if l.closed || n > l.size {
		return nil
	}
	l.sealLocked()
	if !l.sparesLocked() {
		return nil
	}
	e := l.spareLocked()
	e.first = time.Now()
	if l.flushEvery > 0 {
		l.late.Reset(l.flushEvery)
	}
	l.active = e
	return e
}

// sparesLocked reports whether a buffer is free.
func (l *lane) sparesLocked() bool { return len(l.free) > 0 || l.made < l.max }

func (l *lane) spareLocked() *entry {
	if n := len(l.free); n > 0 {
		e := l.free[n-1]
		l.free = l.free[:n-1]
		return e
	}
	l.made++
	return &entry{data: make([]byte, 0, l.size)}
}

// fitsLocked reports whether a line of n bytes would be accepted now.
func (l *lane) fitsLocked(n int) bool {
	return l.sparesLocked() || l.active != nil && n <= cap(l.active.data)-len(l.active.data)
}

func (l *lane) fits(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed || l.fitsLocked(n)
}

// open returns [sluice.ErrClosed] if no more lines are accepted.
func (l *lane) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return sluice.ErrClosed
	}
	return nil
}

func (l *lane) fullError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full
}

// sealLocked queues the active buffer, if there is one.
func (l *lane) sealLocked() {
	if e := l.active; e != nil {
		l.active = nil
		l.accepted.add(e.lines, int64(len(e.data)))
		l.queueLocked(e)
	}
}

// queueLocked puts e behind everything else and wakes the goroutine. The active buffer was sealed before.
func (l *lane) queueLocked(e *entry) {
	l.sealed++
	e.seq = l.sealed
	l.queue = append(l.queue, e)
	l.signal()
}

// signal wakes the goroutine, or makes it look again before it sleeps.
func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// submit queues an entry that is not a buffer behind everything accepted so far.
func (l *lane) submit(e *entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return sluice.ErrClosed
	}
	l.sealLocked()
	l.queueLocked(e)
	return nil
}

// withdraw takes e out of the queue again; it reports false if it is not there any more. Then the goroutine stops trying
// if it still can.
func (l *lane) withdraw(e *entry) bool {
	l.mu.Lock()
	i := slices.Index(l.queue, e)
	if i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	} else {
		e.late = true
	}
	l.mu.Unlock()
	l.settled.wakeAll() // a Flush may wait for e
	return i >= 0
}

// dropOldestLocked takes the oldest buffer that the sink has not begun out of the queue; nil if there is none. It counts
// the buffer's lines as dropped; the caller gives it back with recycle.
func (l *lane) dropOldestLocked() *entry {
	i := slices.IndexFunc(l.queue, func(e *entry) bool { return !e.lent && e.do == nil })
	if i < 0 {
		return nil
	}
	e := l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	l.dropped.add(e.lines, int64(len(e.data)))
	return e
}

// recycle makes the buffer of e free again.
func (l *lane) recycle(e *entry) {
	l.mu.Lock()
	l.recycleLocked(e)
	l.mu.Unlock()
	l.settled.wakeAll()
}

func (l *lane) recycleLocked(e *entry) {
	*e = entry{data: e.data[:0]}
	l.free = append(l.free, e)
}

// refuse counts a line that was not accepted.
func (l *lane) refuse(bytes int) {
	l.mu.Lock()
	l.refused.add(1, int64(bytes))
	l.mu.Unlock()
}
