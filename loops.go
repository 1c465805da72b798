package sluice

import (
	"context"
	"iter"
	"math"
)

// stride is how many values a loop hands out before it looks again at ctx and at Close: often enough for slow bodies,
// too seldom to be felt by fast ones (a look for each value makes All five times slower, one for each 4 twice).
//
// Loops defer nothing, so that the compiler can inline them into the function that ranges over them, with its body. They read
// the cursor's fields again for each value, as the body may read from the cursor too; and they pass the value on from where it
// is: in a variable of its own one of 256 B would be copied once more.
//
// Loops add up base and i themselves: the compiler does not inline Offset into generic code, and a call costs them 1 ns a value.
const stride = 16

// All is the main loop: every value and every gap, in order, waiting for more at the end.
//
//	for v, err := range cur.All(ctx) {
//		if err != nil {
//			return err // or: continue, to accept a gap
//		}
//		…
//	}
//
// After a gap the loop goes on if the body does. Any other error, context.Cause(ctx) included, is yielded once, last.
// When the source is closed and everything was read, or the cursor is closed, the loop just stops. It looks at ctx and
// Close at least every 16 values. A body that must tell its own context's end from the writer's error compares err with
// context.Cause(ctx): ctx may be done while another error is yielded. However it ends (break and panic too), the cursor
// stands after the last value that the body saw, and another loop goes on there.
//
// A small value costs about 1 ns where the compiler can inline the loop, as it does in a range over the call, else 3 ns, and no
// allocation; see BenchmarkSizes.
func (c *Cursor[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			if got, err := c.await(ctx); got != value {
				var zero T
				if got == ended || !yield(zero, err) || got != gap {
					return
				}
			}
			for n := 0; n < stride && c.i < len(c.hand); n++ {
				i := c.i
				c.i++
				if !yield(c.hand[i], nil) {
					return
				}
			}
		}
	}
}

// Entries is [Cursor.All] with offsets. An error comes with the zero Entry.
func (c *Cursor[T]) Entries(ctx context.Context) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		for {
			if got, err := c.await(ctx); got != value {
				if got == ended || !yield(Entry[T]{}, err) || got != gap {
					return
				}
			}
			for n := 0; n < stride && c.i < len(c.hand); n++ {
				i := c.i
				c.i++
				if !yield(Entry[T]{c.base + Offset(i), c.hand[i]}, nil) {
					return
				}
			}
		}
	}
}

// Batches is [Cursor.All] by whole batches, as the store has them: the fastest loop. A batch holds values at
// consecutive offsets that end before [Cursor.Offset]. It is lent: read-only, and valid until the body returns or reads
// from the cursor. How large it is depends on the store: up to 4000 values from a log in memory. A break leaves the cursor
// behind the batch that the body saw.
func (c *Cursor[T]) Batches(ctx context.Context) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		c.enter()
		defer c.leave()
		for {
			if got, err := c.awaitUntil(ctx, wholeBatch, math.MaxInt64); got != value {
				if got == ended || !yield(nil, err) || got != gap {
					return
				}
				continue
			}
			if !yield(c.takeBatch(), nil) {
				return
			}
		}
	}
}

// TryBatch is one batch of [Cursor.Batches], without waiting: for code that reads many cursors in turn. The batch is lent:
// read-only, and valid until the next read, Seek or Close. With neither a batch nor an error there is nothing now.
func (c *Cursor[T]) TryBatch() (batch []T, err error) {
	c.enter()
	defer c.leave()
	if ok, err := c.fetch(wholeBatch); !ok {
		return nil, err
	}
	return c.takeBatch(), nil
}

// Values is [Cursor.All] for functions that take an iter.Seq, such as slices.Collect. The sequence ends at the first
// error, a gap included; err then says why, and is nil if the source ended, the cursor was closed or the loop was left. Ranging again goes on
// behind a gap.
func (c *Cursor[T]) Values(ctx context.Context) (values iter.Seq[T], err func() error) {
	var why error
	values = func(yield func(T) bool) {
		why = nil
		for {
			if got, err := c.await(ctx); got != value {
				why = unlessEnded(got, err)
				return
			}
			for n := 0; n < stride && c.i < len(c.hand); n++ {
				i := c.i
				c.i++
				if !yield(c.hand[i]) {
					return
				}
			}
		}
	}
	return values, func() error { return why }
}

// Backlog is [Cursor.Values] without the waiting: what is retained when the loop starts, up to the offset that the next
// value would have got then. It does not ask what comes behind that; [Cursor.TryNext] does.
func (c *Cursor[T]) Backlog(ctx context.Context) (values iter.Seq[T], err func() error) {
	var why error
	values = func(yield func(T) bool) {
		why = nil
		_, end := c.r.Bounds()
		for first := true; first || c.Offset() < end; first = false {
			if got, err := c.awaitUntil(ctx, handful, end); got != value {
				why = unlessEnded(got, err)
				return
			}
			for n := 0; n < stride && c.i < len(c.hand) && c.base+Offset(c.i) < end; n++ {
				i := c.i
				c.i++
				if !yield(c.hand[i]) {
					return
				}
			}
		}
	}
	return values, func() error { return why }
}

// unlessEnded returns what the reader of a sequence is told of its end: nothing if that is the source's.
func unlessEnded(got outcome, err error) error {
	if got == ended {
		return nil
	}
	return err
}
