package replay

import (
	"context"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
)

// A reader is one cursor's place in the log. It takes no lock: it holds the chunk that it is in, and goes along the
// links.
type reader[T any] struct {
	log *Replay[T]
	off sluice.Offset // of the next value
	at  *chunk[T]     // holds off, or is before the chunk that does; nil until the first Poll after a Seek
	bad error         // the position could not be resolved; cleared by Seek

	closed  atomic.Bool
	waiter  notify.Waiter
	parking notify.Parking
}

func newReader[T any](log *Replay[T], p sluice.Position) *reader[T] {
	r := &reader[T]{log: log}
	if r.bad = r.Seek(p); r.bad != nil {
		_, r.off = log.Bounds()
	}
	return r
}

func (r *reader[T]) Bounds() (first, next sluice.Offset) { return r.log.Bounds() }

func (r *reader[T]) Offset() sluice.Offset { return r.off }

func (r *reader[T]) Seek(p sluice.Position) error {
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	off, err := p.Resolve(r.log.Bounds())
	if err != nil {
		return err
	}
	r.off, r.at, r.bad = off, nil, nil
	return nil
}

func (r *reader[T]) Poll() ([]T, error) {
	c, n, err := r.look()
	if err != nil {
		if lag, ok := err.(*sluice.LagError); ok {
			r.off, r.at = lag.To, nil
		}
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	i := int(r.off - c.base)
	r.off += sluice.Offset(n)
	return c.slots[i : i+n : i+n], nil
}

// look finds what Poll would return, without moving: n values at off in chunk c, or an error, or nothing.
func (r *reader[T]) look() (c *chunk[T], n int, err error) {
	ended := r.log.ended.Load() // before tail: see Replay.ended
	switch {
	case r.closed.Load():
		return nil, 0, sluice.ErrClosed
	case ended != nil && ended.aborted:
		return nil, 0, ended.err
	case r.bad != nil:
		return nil, 0, r.bad
	}
	for {
		if first := sluice.Offset(r.log.first.Load()); r.off < first {
			return nil, 0, &sluice.LagError{From: r.off, To: first}
		}
		if r.at == nil {
			r.at = r.log.chunks.find(r.off)
		}
		end := sluice.Offset(r.log.tail.Next()) // before next: see chunk
		switch next := r.at.next.Load(); {
		case next == r.log.chunks.cut, r.at.base > r.off:
			r.at = nil // trimmed since we looked at first
			continue
		case next != nil && next.base <= r.off:
			r.at = next
			continue
		case next != nil:
			end = min(end, next.base)
		}
		switch {
		case r.off < end:
			return r.at, int(end - r.off), nil
		case ended != nil:
			return nil, 0, ended.err
		default:
			return nil, 0, nil
		}
	}
}

func (r *reader[T]) Wait(ctx context.Context) error {
	if err := r.log.waiters.Wait(ctx, &r.waiter, &r.parking, r.ready); err != nil {
		return err
	}
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	return nil
}

func (r *reader[T]) ready() bool {
	_, n, err := r.look()
	return n > 0 || err != nil
}

func (r *reader[T]) Close() error {
	r.closed.Store(true)
	r.log.waiters.Kick(&r.parking)
	return nil
}
