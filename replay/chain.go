package replay

import (
	"sync/atomic"

	"github.com/sluice-go/sluice"
)

// A chain is the chunks of a log, from head to last, linked by next. Writers change it under the log's lock; readers go along
// it without one.
type chain[T any] struct {
	cut      *chunk[T] // a sentinel: what the links of a trimmed chunk lead to; constant
	lastSkip *chunk[T] // the newest chunk that skips start from, nil if it was trimmed; guarded by the log's lock

	// Stored under the log's lock and loaded by readers without.
	head atomic.Pointer[chunk[T]]
	last atomic.Pointer[chunk[T]]
}

// start makes c the first chunk.
func (l *chain[T]) start(c *chunk[T]) {
	l.cut = new(chunk[T])
	l.head.Store(c)
	l.last.Store(c)
	l.lastSkip = c
}

// addLocked puts c, which has its base, behind the last chunk, which gets no more values.
func (l *chain[T]) addLocked(c *chunk[T]) {
	last := l.last.Load()
	c.number = last.number + 1
	if c.number%skipOver == 0 {
		if l.lastSkip != nil {
			l.lastSkip.skip.Store(c)
		}
		l.lastSkip = c
	}
	last.next.Store(c)
	l.last.Store(c)
}

// trimLocked lets go of the chunks that hold nothing from first on, save the last. The log's first is stored already.
func (l *chain[T]) trimLocked(first sluice.Offset) {
	for c := l.head.Load(); ; {
		next := c.next.Load()
		if next == nil || next.base > first {
			return
		}
		l.head.Store(next)
		if c == l.lastSkip {
			l.lastSkip = nil
		}
		c.next.Store(l.cut)
		c.skip.Store(l.cut)
		c = next
	}
}

// find returns the last chunk that starts at off or before it. off was not below first a moment ago; if it is by now,
// the chunk may start behind off, and a look at first tells.
func (l *chain[T]) find(off sluice.Offset) *chunk[T] {
	if last := l.last.Load(); last.base <= off {
		return last
	}
	leads := func(c *chunk[T]) bool { return c != nil && c != l.cut && c.base <= off }
	for c := l.head.Load(); ; {
		if s := c.skip.Load(); leads(s) {
			c = s
		} else if n := c.next.Load(); leads(n) {
			c = n
		} else {
			return c
		}
	}
}
