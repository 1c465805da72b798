package diskq

import (
	"errors"
	"time"

	"github.com/sluice-go/sluice"
)

// Delivery is a value that was handed out by a [Consumer], until Ack or Nack says what became of it. A copy is the same
// delivery. Ack and Nack may come in any order, from any goroutine.
type Delivery[T any] struct {
	Value  T
	Offset sluice.Offset

	// Attempt is how often the value has been handed out, this time included: 1 is the first. It is saved with the position:
	// after a crash an attempt counts if the position was saved since. What nobody took out of a channel does not count, nor, after a
	// crash, what was in a buffered one and neither acknowledged nor given back.
	Attempt int

	c *Consumer[T]
}

// ErrSettled is what [Delivery.Nack] returns for a value that is acknowledged, or in other hands. Compare with errors.Is.
var ErrSettled = errors.New("diskq: the delivery is settled")

var errNoConsumer = errors.New("diskq: the delivery does not come from a consumer: there is nothing to acknowledge")

// Ack says that the value is done with: it is not handed out again, once the position is saved; see
// [ConsumerOptions.SaveAfter] and [Consumer.Commit]. It is never too late: also a value that is on its way to somebody
// else, for AckWait has passed, is done with then. To acknowledge twice is no error. After Close of the consumer it returns
// [sluice.ErrClosed]. An error of the file system says that it is not saved yet; it counts all the same, and the next save
// tries again.
func (d Delivery[T]) Ack() error {
	c := d.c
	if c == nil {
		return errNoConsumer
	}
	c.lock()
	if c.closed {
		c.mu.Unlock()
		return sluice.ErrClosed
	}
	e := c.out.at(d.Offset)
	if e == nil || e.standing == settled {
		c.mu.Unlock()
		return nil
	}
	c.settleLocked(e, d.Offset)
	c.passOnLocked()
	save := c.saveDueLocked()
	c.mu.Unlock()
	if save {
		return c.save(false)
	}
	return nil
}

// Nack gives the value back: it is handed out again after delay, if it has attempts left, before any that never was. 0 or
// less: at once. If the value is acknowledged, or this delivery has been given up because AckWait passed, it returns
// [ErrSettled], and changes nothing; after Close of the consumer [sluice.ErrClosed].
func (d Delivery[T]) Nack(delay time.Duration) error {
	c := d.c
	if c == nil {
		return errNoConsumer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return sluice.ErrClosed
	}
	e := c.heldBy(d)
	if e == nil {
		return ErrSettled
	}
	c.out.leave(e, d.Offset)
	c.changedLocked()
	if delay > 0 && !c.spent(e) {
		e.standing = delayed
		c.dueLocked(e, d.Offset, later(c.now(), delay))
		return nil
	}
	c.anewLocked(e, d.Offset)
	c.passOnLocked()
	return nil
}

// heldBy returns the entry that d holds, or nil if it holds it no longer. What is offered is held by whoever took it just now,
// before its channel could say so.
func (c *Consumer[T]) heldBy(d Delivery[T]) *entry {
	e := c.out.at(d.Offset)
	if e == nil || e.standing != inFlight && e.standing != offered || int(e.attempt) != d.Attempt {
		return nil
	}
	return e
}

// settleLocked ends a value: it is never handed out again.
func (c *Consumer[T]) settleLocked(e *entry, off sluice.Offset) {
	c.out.settle(e, off)
	if len(c.kept) > 0 {
		delete(c.kept, off)
	}
	c.unsaved++
	c.changedLocked()
	c.movedLocked()
}

// movedLocked has the keeper save at once what a writer waits for.
func (c *Consumer[T]) movedLocked() {
	if w := c.q.w; w.starved.Load() > 0 && !c.urgent && w.droppable(c.out.base) {
		c.urgent = true
		c.alert()
	}
}

// anewLocked hands a value out again as soon as somebody wants it, or buries it if its attempts are used up. It is in no
// one's hands.
func (c *Consumer[T]) anewLocked(e *entry, off sluice.Offset) {
	if c.spent(e) {
		c.buryLocked(e, off)
		return
	}
	c.out.await(e, off)
}

func (c *Consumer[T]) spent(e *entry) bool {
	return c.o.MaxAttempts > 0 && int(e.attempt) >= c.o.MaxAttempts
}

// returnLocked takes back a delivery that nobody saw.
func (c *Consumer[T]) returnLocked(d Delivery[T]) {
	e := c.heldBy(d)
	if e == nil {
		return
	}
	c.out.leave(e, d.Offset)
	e.attempt--
	c.out.await(e, d.Offset)
	c.kept[d.Offset] = d.Value
	c.changedLocked()
}
