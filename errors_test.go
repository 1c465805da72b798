package sluice_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sluice-go/sluice"
)

// namedGap is what a source that is made of others may say.
type namedGap struct {
	name     string
	from, to sluice.Offset
}

func (g *namedGap) Error() string                 { return fmt.Sprintf("%s lost %d values", g.name, g.to-g.from) }
func (g *namedGap) Gap() (from, to sluice.Offset) { return g.from, g.to }

// gapReader gives err, which ends at 3, then the value 7, then the end.
type gapReader struct {
	off sluice.Offset
	err error
}

func (r *gapReader) Poll() ([]int, error) {
	switch r.off {
	case 0:
		r.off = 3
		return nil, r.err
	case 3:
		r.off = 4
		return []int{7}, nil
	}
	return nil, sluice.ErrClosed
}

func (r *gapReader) Bounds() (first, next sluice.Offset) { return 3, 4 }
func (r *gapReader) Wait(context.Context) error          { return nil }
func (r *gapReader) Offset() sluice.Offset               { return r.off }
func (r *gapReader) Seek(sluice.Position) error          { return nil }
func (r *gapReader) Close() error                        { return nil }

func TestAnyGapIsNotFinal(t *testing.T) {
	for _, gap := range []error{
		&sluice.LagError{From: 0, To: 3},
		&sluice.CorruptError{From: 0, To: 3, Err: errors.New("rot")},
		&namedGap{"news", 0, 3},
	} {
		c := sluice.NewCursor(&gapReader{err: gap})
		if v, err := c.Next(t.Context()); err != gap || c.Offset() != 3 || c.Missed() != 3 {
			t.Errorf("Next() = %v, %v at %d, %d missed, want %v at 3, 3 missed", v, err, c.Offset(), c.Missed(), gap)
		}
		if v, err := c.Next(t.Context()); v != 7 || err != nil {
			t.Errorf("Next() = %v, %v, want 7, nil", v, err)
		}
		c = sluice.NewCursor(&gapReader{err: gap}).SkipGaps()
		if v, err := c.Next(t.Context()); v != 7 || err != nil || c.Missed() != 3 {
			t.Errorf("with SkipGaps: Next() = %v, %v, %d missed, want 7, nil, 3 missed", v, err, c.Missed())
		}
	}
}

func TestAWrappedGapIsFinal(t *testing.T) {
	failed := fmt.Errorf("the writer failed: %w", &sluice.LagError{From: 0, To: 3})
	c := sluice.NewCursor(&gapReader{err: failed})
	for range c.All(t.Context()) {
	}
	if c.Offset() != 0 || c.Missed() != 0 {
		t.Errorf("the cursor stands at %d, %d missed, want it where it was", c.Offset(), c.Missed())
	}
}
