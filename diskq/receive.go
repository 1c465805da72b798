package diskq

import (
	"context"
	"iter"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
)

// Receive returns the next value that nobody has, waiting for one. It is the caller's until he acknowledges it, gives it
// back with Nack, or AckWait has passed. If ctx is done Receive returns context.Cause(ctx), and nothing was taken. After
// Close it returns [sluice.ErrClosed]. A gap, or an error of the file system, does not end the consumer: the next Receive goes on
// behind it, or tries again.
//
// It takes nothing ahead. Cost with Ack: some 100 ns and no allocation, but for what the codec makes; a value that is handed
// out again is read from the disk again.
func (c *Consumer[T]) Receive(ctx context.Context) (Delivery[T], error) {
	return c.take(ctx, nil, false)
}

// Peek returns the value that Receive would, and leaves it where it is. Others may take it meanwhile.
func (c *Consumer[T]) Peek(ctx context.Context) (T, error) {
	d, err := c.take(ctx, nil, true)
	return d.Value, err
}

// All is [Consumer.Receive] as a loop. A gap is yielded as an error, and the loop goes on if the body does; any other error is
// yielded once, last, context.Cause(ctx) included. When the consumer is closed the loop just stops.
func (c *Consumer[T]) All(ctx context.Context) iter.Seq2[Delivery[T], error] {
	return func(yield func(Delivery[T], error) bool) {
		for {
			d, err := c.take(ctx, nil, false)
			if err == sluice.ErrClosed && ctx.Err() == nil || !yield(d, err) || err != nil && !isGap(err) {
				return
			}
		}
	}
}

func isGap(err error) bool {
	_, ok := err.(sluice.Gap)
	return ok
}

// A grip is what takeLocked came to.
type grip int

const (
	nothing grip = iota
	value        // a delivery, complete
	unread       // one whose value is to be read from the disk
	failed       // an error
)

// take waits for a value, for f or, if that is nil, for a caller of Receive or, with peek, of Peek.
func (c *Consumer[T]) take(ctx context.Context, f *feed[T], peek bool) (Delivery[T], error) {
	c.lock()
	if f != nil {
		f.confirmLocked()
		f.noteLocked()
	}
	for lead := false; ; {
		var d Delivery[T]
		got, err := failed, error(nil)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else {
			d, got, err = c.takeLocked(f, peek)
		}
		switch {
		case got == unread:
			if lead { // to read may take its time: let others go on
				c.leader, lead = false, false
			}
			c.passOnLocked()
			if got, err = c.rereadLocked(&d, f, peek); got == nothing {
				continue
			}
		case got == nothing && !lead && !c.leader && c.thirstyLocked():
			c.leader, lead = true, true
			c.fillLocked()
			continue
		}
		if lead && (got != nothing || !c.thirstyLocked()) {
			c.leader, lead = false, false
		}
		c.passOnLocked()
		if got != nothing {
			save := c.saveDueLocked()
			c.mu.Unlock()
			if save {
				c.save(false) // an error is told by Commit and Close, and the next save tries again
			}
			return d, err
		}
		c.sleepLocked(ctx, f, lead)
		lead = false
	}
}

// takeLocked hands out a value, if there is one to be handed out at once.
func (c *Consumer[T]) takeLocked(f *feed[T], peek bool) (d Delivery[T], got grip, err error) {
	switch {
	case c.closed:
		return d, failed, sluice.ErrClosed
	case f != nil && f.offers() && c.hungry > 0:
		return d, nothing, nil // those who wait have somebody who wants it
	case f == nil && c.offeredLocked():
		c.revokeLocked()
		return d, nothing, nil
	}
	if err := c.gapLocked(); err != nil {
		return d, failed, err
	}
	if !c.roomLocked() {
		return d, nothing, nil
	}
	d.c = c
	if off, ok := c.out.first(); ok {
		v, seen := c.kept[off]
		d.Offset, d.Value = off, v
		if peek && seen {
			return d, value, nil
		}
		e, _ := c.out.pop()
		c.handLocked(e, &d, f)
		if !seen {
			return d, unread, nil
		}
		delete(c.kept, off)
		c.heldLocked(e, off, f)
		return d, value, nil
	}
	if !c.freshLocked() {
		return d, nothing, nil
	}
	d.Offset, d.Value = c.out.head, c.batch[c.next]
	if !peek {
		c.next++
		e := c.out.push()
		c.handLocked(e, &d, f)
		c.heldLocked(e, d.Offset, f)
	}
	return d, value, nil
}

// handLocked hands out what d says.
func (c *Consumer[T]) handLocked(e *entry, d *Delivery[T], f *feed[T]) {
	d.Attempt = int(e.attempt) + 1
	if f != nil && f.offers() {
		c.out.hand(e, offered)
		f.offer = d.Offset
		c.offers = append(c.offers, f)
		return
	}
	c.out.hand(e, inFlight)
	e.boxed = f != nil
	c.changedLocked()
}

// heldLocked begins the time of a delivery that a caller of Receive has, or ends it at once. A channel's begins later.
func (c *Consumer[T]) heldLocked(e *entry, off sluice.Offset, f *feed[T]) {
	switch {
	case f != nil:
	case c.o.AutoAck:
		c.settleLocked(e, off)
	case c.o.AckWait > 0:
		c.dueLocked(e, off, later(c.now(), c.o.AckWait))
	}
}

// roomLocked reports whether MaxInFlight allows one more. With AutoAck only what lies in channels is in flight.
func (c *Consumer[T]) roomLocked() bool {
	return c.out.flying+c.out.offers < c.o.MaxInFlight || c.o.AutoAck
}

// freshLocked reports whether a value is there that never was handed out, and may be.
func (c *Consumer[T]) freshLocked() bool { return c.next < len(c.batch) && c.out.open(1) }

// thirstyLocked reports whether somebody should look for more.
func (c *Consumer[T]) thirstyLocked() bool {
	return !c.closed && c.next == len(c.batch) && c.fresh == nil && c.roomLocked() && c.out.open(1)
}

// fillLocked gets the next batch. The caller is the leader, and the last one is used up.
func (c *Consumer[T]) fillLocked() {
	c.mu.Unlock()
	polled := false
	defer func() {
		if !polled { // the codec panicked
			c.mu.Lock()
			c.leader = false
			c.passOnLocked()
			c.mu.Unlock()
		}
	}()
	batch, err := c.r.Poll()
	polled = true
	c.mu.Lock()
	c.batch, c.next, c.fresh = batch, 0, err
}

// gapLocked returns the next error to be told, and moves over it. A gap so long that it can't stand beyond the position waits
// until all before it is settled.
func (c *Consumer[T]) gapLocked() error {
	if len(c.gaps) > 0 {
		err := c.gaps[0]
		c.gaps = c.gaps[1:]
		return err
	}
	if !c.toldLocked() {
		return nil
	}
	err := c.fresh
	c.fresh = nil
	if to, ok := gapEnd(err); ok {
		c.stats.Missed += int64(to - c.out.head)
		c.out.skip(to)
		c.changedLocked()
		c.movedLocked()
	}
	return err
}

// toldLocked reports whether the error behind the batch may be told.
func (c *Consumer[T]) toldLocked() bool {
	if c.fresh == nil || c.next < len(c.batch) {
		return false
	}
	to, ok := gapEnd(c.fresh)
	return !ok || c.out.open(to-c.out.head) || c.out.base == c.out.head
}

func gapEnd(err error) (to sluice.Offset, ok bool) {
	gap, ok := err.(sluice.Gap)
	if ok {
		_, to = gap.Gap()
	}
	return to, ok
}

// A sleeper is somebody who waits for work.
type sleeper struct {
	waiter     notify.Waiter
	own, tail  notify.Parking // on Consumer.bell, and the leader's on the queue's list
	prev, next *sleeper
	called     bool // taken off its list, to get up
}

// sleepers is a list of those who wait, the longest first.
type sleepers struct{ head, last *sleeper }

func (l *sleepers) add(s *sleeper) {
	if s.prev, s.next, s.called = l.last, nil, false; s.prev != nil {
		s.prev.next = s
	} else {
		l.head = s
	}
	l.last = s
}

func (l *sleepers) remove(s *sleeper) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.head = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		l.last = s.prev
	}
	s.prev, s.next = nil, nil
}

// sleepLocked waits until somebody calls, the queue has more (if the caller leads), or ctx is done. No call is lost: the
// caller has looked for work under mu, and is on the lists before he lets go of it. Of the queue he looks at the end once
// more after he has parked, see package notify.
func (c *Consumer[T]) sleepLocked(ctx context.Context, f *feed[T], lead bool) {
	list := &c.queue
	if f != nil {
		list = &c.chans
	} else {
		c.hungry++
	}
	s := c.sleeperLocked()
	list.add(s)
	c.bell.Park(&s.own, &s.waiter)
	more := false
	if lead {
		c.r.s.waiters.Park(&s.tail, &s.waiter)
		more = c.r.ready()
	}
	c.mu.Unlock()
	if !more {
		s.waiter.Sleep(ctx) // the cause is found when the caller looks at ctx
	}
	c.bell.Leave(&s.own)
	if lead {
		c.r.s.waiters.Leave(&s.tail)
	}
	s.waiter.Clear()
	c.mu.Lock()
	if lead {
		c.leader = false
	}
	if f == nil {
		c.hungry--
	}
	if s.called {
		c.waking = false
	} else {
		list.remove(s)
	}
	c.idlers = append(c.idlers, s)
}

func (c *Consumer[T]) sleeperLocked() *sleeper {
	n := len(c.idlers)
	if n == 0 {
		return new(sleeper)
	}
	s := c.idlers[n-1]
	c.idlers = c.idlers[:n-1]
	return s
}

// passOnLocked calls one of those who sleep if there is work for him, or nobody leads. Everybody does that who has changed
// anything, and whoever was called, before he leaves or sleeps again: so a call never ends with somebody who did not need
// it, and at most one is on his way at a time.
func (c *Consumer[T]) passOnLocked() {
	if c.waking {
		return
	}
	list := &c.queue
	if list.head == nil {
		list = &c.chans
	}
	s := list.head
	if s == nil || !c.workLocked() && (c.leader || !c.thirstyLocked()) {
		return
	}
	if list == &c.queue && c.offeredLocked() {
		c.revokeLocked() // whoever offers it gives it back, and calls
		return
	}
	list.remove(s)
	s.called, c.waking = true, true
	c.bell.Kick(&s.own)
}

// workLocked reports whether takeLocked would find something.
func (c *Consumer[T]) workLocked() bool {
	if len(c.gaps) > 0 || c.toldLocked() {
		return true
	}
	if !c.roomLocked() {
		return false
	}
	_, ok := c.out.first()
	return ok || c.freshLocked()
}
