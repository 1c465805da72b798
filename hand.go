package sluice

import "reflect"

// A portion is how much a read takes at once.
type portion bool

const (
	handful    portion = false // a hand of the cursor's own
	wholeBatch portion = true  // what the reader lends
)

// A hand has room for 64 values, fewer of a large T so that it stays within 4 KiB, and one at least.
const (
	handValues = 64
	handBytes  = 4096
)

// handSize returns how many values a hand has room for in the end.
func handSize[T any]() int {
	return int(max(1, min(handValues, handBytes/max(1, reflect.TypeFor[T]().Size()))))
}

// fetch reports whether hand holds a value, after filling it if it was used up. With wholeBatch the value may stand in lent
// instead: then the caller has entered, and goes on with takeBatch.
func (c *Cursor[T]) fetch(p portion) (bool, error) {
	if c.i >= len(c.hand) {
		return c.refill(p)
	}
	if c.closed() {
		c.empty()
		return false, ErrClosed
	}
	return true, nil
}

// refill is fetch with the hand used up.
func (c *Cursor[T]) refill(p portion) (bool, error) {
	if p == wholeBatch { // the caller has entered
		return c.refillInside(p)
	}
	c.enter()
	defer c.leave() // also if Poll panics
	return c.refillInside(p)
}

func (c *Cursor[T]) refillInside(p portion) (bool, error) {
	if c.closed() {
		c.empty()
		return false, ErrClosed
	}
	for len(c.lent) == 0 {
		switch err := c.poll(); {
		case err != nil && !(c.skipGaps && isGap(err)):
			return false, err
		case err == nil && len(c.lent) == 0:
			return false, nil
		}
	}
	if p == handful {
		c.fill()
	}
	return true, nil
}

// poll replaces lent, which is used up as hand is, by the next batch, and moves and counts over a gap.
func (c *Cursor[T]) poll() (err error) {
	c.empty()
	c.lent = nil // even if Poll panics
	if len(c.kept) > 0 {
		s := c.kept[0]
		if c.kept = c.kept[1:]; len(c.kept) == 0 {
			c.kept = nil
		}
		c.lent, err = s.values, s.gap
	} else {
		c.lent, err = c.r.Poll()
	}
	if from, to, ok := gapOf(err); ok {
		c.missed += int64(to - from)
		c.base = to
	}
	return err
}

// fill moves the next values from lent to hand, which is used up.
func (c *Cursor[T]) fill() {
	off := c.Offset()
	if cap(c.hand) < min(len(c.lent), c.size) {
		c.grow()
	}
	n, used := copy(c.hand[:cap(c.hand)], c.lent), len(c.hand)
	if n < used {
		clear(c.hand[n:used])
	}
	c.hand, c.i, c.base = c.hand[:n], 0, off
	c.lent = c.lent[n:]
}

// grow makes a hand with room for lent, if not more than size: a cursor that tails has a small one.
func (c *Cursor[T]) grow() {
	c.hand = make([]T, 0, min(c.size, max(len(c.lent), 2*cap(c.hand))))
}

// empty takes what it holds out of the hand. The position stays.
func (c *Cursor[T]) empty() {
	off := c.Offset()
	clear(c.hand) // used values must not be kept alive while the cursor waits
	c.hand, c.i, c.base = c.hand[:0], 0, off
}

// takeBatch moves behind what is left in hand, or else behind lent, and returns that. The caller has entered.
func (c *Cursor[T]) takeBatch() (batch []T) {
	if n := len(c.hand); c.i < n {
		batch = c.hand[c.i:n:n]
		c.i = n
		return batch
	}
	c.empty()
	batch, c.lent = c.lent, nil
	c.base += Offset(len(batch))
	return batch
}
