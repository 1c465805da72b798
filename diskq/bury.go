package diskq

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-go/sluice"
)

// burial returns how a value is appended to a dead-letter sink.
func burial[T any](sink any) (func(context.Context, Delivery[T]) error, error) {
	switch s := sink.(type) {
	case nil:
		return nil, nil
	case sluice.Sink[Delivery[T]]:
		return func(ctx context.Context, d Delivery[T]) error {
			_, err := s.Append(ctx, d)
			return err
		}, nil
	case sluice.Sink[T]:
		return func(ctx context.Context, d Delivery[T]) error {
			_, err := s.Append(ctx, d.Value)
			return err
		}, nil
	}
	var v T
	return nil, fmt.Errorf("diskq: ConsumerOptions.DeadLetter is a %T: it must be a sluice.Sink[diskq.Delivery[%T]] or a sluice.Sink[%T]", sink, v, v)
}

// buryLocked sends a value to the dead letters.
func (c *Consumer[T]) buryLocked(e *entry, off sluice.Offset) {
	if c.bury == nil {
		c.stats.Dead++
		c.settleLocked(e, off)
		return
	}
	e.standing = dead
	c.graves = append(c.graves, off)
	select {
	case c.grave <- struct{}{}:
	default:
	}
}

const (
	soon = 100 * time.Millisecond
	late = 10 * time.Second
)

// undertake is the goroutine that appends to the dead letters. Close ends it, and ctx with it.
func (c *Consumer[T]) undertake(ctx context.Context) {
	timer := time.NewTimer(never)
	defer timer.Stop()
	pause := soon
	for {
		grave, wait := c.grave, time.Duration(never)
		switch err := c.buryNext(ctx); {
		case err != nil: // only time helps
			grave, wait, pause = nil, pause, min(2*pause, late)
		case c.hasDead():
			pause = soon
			continue
		default:
			pause = soon
		}
		timer.Reset(wait)
		select {
		case <-c.quit:
			return
		case <-timer.C:
		case <-grave:
		}
	}
}

func (c *Consumer[T]) hasDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.graves) > 0 && !c.closed
}

// buryNext appends the next value to the dead letters, and settles it.
func (c *Consumer[T]) buryNext(ctx context.Context) error {
	c.mu.Lock()
	var d Delivery[T]
	for d.Attempt == 0 {
		if len(c.graves) == 0 {
			c.mu.Unlock()
			return nil
		}
		d.Offset = c.graves[0]
		if e := c.out.at(d.Offset); e != nil && e.standing == dead {
			d.Attempt = int(e.attempt)
		} else {
			c.graves = c.graves[1:] // acknowledged after all
		}
	}
	c.mu.Unlock()
	v, err := c.reread(d.Offset)
	gone := isGap(err)
	if err == nil {
		d.Value = v
		err = c.bury(ctx, d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !gone && err != nil {
		c.stats.DeadErr = err
		return err
	}
	c.stats.DeadErr = nil
	c.graves = c.graves[1:]
	e := c.out.at(d.Offset)
	if e == nil || e.standing != dead {
		return nil
	}
	if gone {
		c.stats.Missed++
		c.gaps = append(c.gaps, narrowed(err, d.Offset))
	} else {
		c.stats.Dead++
	}
	c.settleLocked(e, d.Offset)
	c.passOnLocked()
	return nil
}

// narrowed returns the gap as one of a single value.
func narrowed(gap error, off sluice.Offset) error {
	if corrupt, ok := gap.(*sluice.CorruptError); ok {
		return &sluice.CorruptError{From: off, To: off + 1, Err: corrupt.Err}
	}
	return &sluice.LagError{From: off, To: off + 1}
}
