package sourcetest_test

import (
	"context"
	"slices"

	"github.com/sluice-go/sluice"
)

func (l *naive[T]) Cursor(p sluice.Position) *sluice.Cursor[T] {
	r := &naiveReader[T]{l: l, signal: make(chan struct{}, 1)}
	if l.is(leaksGoroutine) {
		go func() { select {} }()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r.late = l.end != nil
	if r.bad = r.seekLocked(p); r.bad != nil {
		r.off = l.nextLocked()
	}
	r.lazy = l.is(newestIsLazy) && p == sluice.Newest()
	l.readers = append(l.readers, r)
	return sluice.NewCursor[T](r)
}

// A naiveReader is guarded by the mutex of its log.
type naiveReader[T any] struct {
	l        *naive[T]
	off      sluice.Offset
	consumed sluice.Offset // what lies below is free
	bad      error         // the position could not be resolved
	lent     []T
	polls    int

	waiting, closed bool
	signal          chan struct{}

	// Of faults.
	late, lazy, gap bool
}

func (r *naiveReader[T]) Bounds() (first, next sluice.Offset) { return r.l.Bounds() }

func (r *naiveReader[T]) Offset() sluice.Offset { return r.off }

func (r *naiveReader[T]) Seek(p sluice.Position) error {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	if r.closed {
		return sluice.ErrClosed
	}
	return r.seekLocked(p)
}

func (r *naiveReader[T]) seekLocked(p sluice.Position) error {
	l := r.l
	first, next := l.first, l.nextLocked()
	off, err := p.Resolve(first, next)
	switch {
	case l.is(rangeErrorMissing) && err != nil:
		off, err = next, nil
	case l.is(failedSeekMoves) && err != nil:
		r.off = next
	case l.is(seekIgnored) && r.polls > 0:
		return nil
	case l.is(newestTooEarly) && p == sluice.Newest():
		off = max(first, next-1)
	case l.is(oldestIsNewest) && p == sluice.Oldest():
		off = next
	case l.is(lastTooMany) && p == sluice.Last(3):
		off = max(first, off-1)
	case l.is(endIsNoPosition) && p == sluice.At(next) && next > 0:
		err = &sluice.RangeError{Offset: next, First: first, Next: next}
	}
	if err != nil {
		return err
	}
	r.off, r.consumed, r.bad = off, off, nil
	l.changedLocked()
	return nil
}

func (r *naiveReader[T]) Poll() ([]T, error) {
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	r.polls++
	r.consumed = r.off
	l.changedLocked()
	if r.lazy {
		r.off, r.lazy = l.nextLocked(), false
	}
	batch, err := r.lookLocked()
	if lag, ok := err.(*sluice.LagError); ok {
		r.off, r.consumed, r.gap = lag.To, lag.To, true
	}
	if l.is(rangeErrorEnds) {
		r.bad = nil
	}
	if len(batch) == 0 {
		return nil, err
	}
	r.off += sluice.Offset(len(batch))
	r.lent = slices.Clone(batch)
	switch n := len(batch); {
	case l.is(dropsValue) && n > 3:
		r.lent = slices.Delete(r.lent, 1, 2)
	case l.is(givesTwice) && n > 3:
		r.lent = slices.Insert(r.lent, 1, r.lent[0])
	case l.is(swapsTwo) && n > 3:
		r.lent[1], r.lent[2] = r.lent[2], r.lent[1]
	case l.is(pollPanics) && n > 3:
		panic("naive: a bug")
	}
	return r.lent, nil
}

// lookLocked returns what Poll will, without moving.
func (r *naiveReader[T]) lookLocked() ([]T, error) {
	l := r.l
	next := l.nextLocked()
	switch {
	case r.closed:
		return nil, sluice.ErrClosed
	case r.bad != nil:
		return nil, r.bad
	case l.is(closeDropsRest) && l.end != nil, r.late && l.is(emptyAfterClose):
		return nil, l.end
	case l.is(gapIsFinal) && r.gap:
		return nil, sluice.ErrClosed
	case r.off < l.first:
		return r.gapLocked()
	case r.off < next:
		return l.values[r.off-l.first:], nil
	case r.late && l.is(forgetsError):
		return nil, sluice.ErrClosed
	}
	return nil, l.end
}

func (r *naiveReader[T]) gapLocked() ([]T, error) {
	l := r.l
	lag := &sluice.LagError{From: r.off, To: l.first}
	switch {
	case l.is(gapTooLarge):
		lag.To++
	case l.is(gapTooSmall):
		lag.To--
	case l.is(gapStartsAtZero):
		lag.From = 0
	case l.is(gapIsSilent):
		return l.values, nil
	}
	return nil, lag
}

func (r *naiveReader[T]) Wait(ctx context.Context) error {
	l := r.l
	done := ctx.Done()
	if l.is(neverWaits) {
		return nil
	}
	if l.is(ignoresCtx) {
		done = nil
	}
	for {
		l.mu.Lock()
		batch, err := r.lookLocked()
		closed := r.closed
		if l.is(looksThenParks) && len(batch) == 0 && err == nil {
			l.pauseLocked()
		}
		r.waiting = true
		l.mu.Unlock()
		switch {
		case closed:
			return sluice.ErrClosed
		case len(batch) > 0 || err != nil:
			return nil
		}
		select {
		case <-r.signal:
		case <-done:
			if l.is(cancelSkips) {
				l.mu.Lock()
				r.off++
				l.mu.Unlock()
			}
			return context.Cause(ctx)
		}
	}
}

func (r *naiveReader[T]) Close() error {
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	if !l.is(closedStillCounts) && !(l.is(lentStillCounts) && r.consumed < r.off) {
		l.readers = slices.DeleteFunc(l.readers, func(o *naiveReader[T]) bool { return o == r })
	}
	if l.is(closesOthers) {
		for _, o := range l.readers {
			o.off = l.nextLocked()
		}
	}
	l.changedLocked()
	if !l.is(cursorCloseSleeps) && r.waiting {
		select {
		case r.signal <- struct{}{}:
		default:
		}
	}
	return nil
}
