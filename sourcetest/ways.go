package sourcetest

import (
	"context"
	"fmt"

	"github.com/sluice-go/sluice"
)

// A way is one of the ways to read from a cursor. All of them are held to the same rules.
type way[T any] struct {
	name string

	// waits reports whether read waits for the n-th value. If not, it returns less when there is nothing now.
	waits bool

	// read returns n values or, for Batches and TryBatch, a few more; or less and why: the error as it is, ErrClosed at the end.
	// With Chan the error may be what comes behind the n-th value.
	read func(ctx context.Context, c *sluice.Cursor[T], n int) ([]T, error)
}

// GoString is how rapid prints it.
func (w way[T]) GoString() string { return w.name }

// ways returns all of them. idle is called before the stop of Chan, to let its goroutine come as far as it can.
func ways[T any](idle func()) []way[T] {
	return []way[T]{
		{"Next", true, readNext[T]},
		{"TryNext", false, readTryNext[T]},
		{"TryBatch", false, readTryBatch[T]},
		{"All", true, readAll[T]},
		{"Entries", true, readEntries[T]},
		{"Batches", true, readBatches[T]},
		{"Values", true, readValues[T]},
		{"Backlog", false, readBacklog[T]},
		{"Chan(0)", true, readChan[T](0, idle)},
		{"Chan(1)", true, readChan[T](1, idle)},
		{"Chan(5)", true, readChan[T](5, idle)},
		{"Chan(50)", true, readChan[T](50, idle)},
	}
}

func (k *trial[T]) ways() []way[T] { return ways[T](k.idle) }

// waitingWays are those that wait.
func (k *trial[T]) waitingWays() []way[T] {
	var found []way[T]
	for _, w := range k.ways() {
		if w.waits {
			found = append(found, w)
		}
	}
	return found
}

// told is the error that a loop gave. None of them gives the end, they just stop.
func told(loop string, err error) error {
	if err == sluice.ErrClosed {
		return fmt.Errorf("%s gave %w as an error, want it to stop", loop, err)
	}
	return err
}

func readNext[T any](ctx context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	for len(got) < n {
		v, err := c.Next(ctx)
		if err != nil {
			return got, err
		}
		got = append(got, v)
	}
	return got, nil
}

func readTryNext[T any](_ context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	for len(got) < n {
		v, ok, err := c.TryNext()
		if err != nil || !ok {
			return got, err
		}
		got = append(got, v)
	}
	return got, nil
}

func readTryBatch[T any](_ context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	for len(got) < n {
		batch, err := c.TryBatch()
		if err != nil || len(batch) == 0 {
			return got, err
		}
		got = append(got, batch...)
	}
	return got, nil
}

func readAll[T any](ctx context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	for v, err := range c.All(ctx) {
		if err != nil {
			return got, told("All", err)
		}
		if got = append(got, v); len(got) == n {
			return got, nil
		}
	}
	return got, sluice.ErrClosed
}

func readEntries[T any](ctx context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	for e, err := range c.Entries(ctx) {
		if err != nil {
			return got, told("Entries", err)
		}
		if e.Offset+1 != c.Offset() {
			return got, fmt.Errorf("offset %d from Entries, with the cursor at %d", e.Offset, c.Offset())
		}
		if got = append(got, e.Value); len(got) == n {
			return got, nil
		}
	}
	return got, sluice.ErrClosed
}

func readBatches[T any](ctx context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	for batch, err := range c.Batches(ctx) {
		switch {
		case err != nil:
			return got, told("Batches", err)
		case len(batch) == 0:
			return got, fmt.Errorf("an empty batch from Batches at %d", c.Offset())
		}
		if got = append(got, batch...); len(got) >= n {
			return got, nil
		}
	}
	return got, sluice.ErrClosed
}

func readValues[T any](ctx context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	values, why := c.Values(ctx)
	for v := range values {
		if got = append(got, v); len(got) == n {
			return got, told("Values", why())
		}
	}
	if err := why(); err != nil {
		return got, told("Values", err)
	}
	return got, sluice.ErrClosed
}

// readBacklog can't tell the end from nothing now: both are no error.
func readBacklog[T any](ctx context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
	values, why := c.Backlog(ctx)
	for v := range values {
		if got = append(got, v); len(got) == n {
			break
		}
	}
	return got, told("Backlog", why())
}

func readChan[T any](size int, idle func()) func(context.Context, *sluice.Cursor[T], int) ([]T, error) {
	return func(ctx context.Context, c *sluice.Cursor[T], n int) (got []T, err error) {
		values, stop := c.Chan(ctx, size)
		for v := range values {
			if got = append(got, v); len(got) == n {
				idle()
				return got, told("Chan", stop())
			}
		}
		if err := stop(); err != nil {
			return got, told("Chan", err)
		}
		return got, sluice.ErrClosed
	}
}
