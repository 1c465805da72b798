package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
)

var _ sluice.Source[int] = (*Script[int])(nil)

// Script is a source that plays its steps to each reader, and is as difficult as the contract allows: batches of any
// size, gaps, polls without a result, waits that return too early or late, an error at the end. When a reader calls Poll,
// Seek or Close, the batch that it was lent is overwritten with Junk, so that whoever keeps one is caught.
//
// It is for tests of what reads from a source: [Script.Events] says what must be seen. It can be read by many cursors at
// once; each plays it on its own. A Script must not be changed while it is read.
type Script[T any] struct {
	Steps []Step[T]

	// End is what Poll returns behind the last step, such as sluice.ErrClosed. Nil: nothing, and Wait waits.
	End error

	// Junk overwrites lent batches. Best it is no value of a step.
	Junk T
}

// A Step is one thing that a Script does; exactly one field is set.
type Step[T any] struct {
	// Batch is lent as one, or what of it lies behind the reader's position.
	Batch []T

	// Lag is how many values were dropped: a *sluice.LagError. Corrupt is how many can't be read back: a
	// *sluice.CorruptError.
	Lag, Corrupt int64

	// Nothing is how often Poll returns nothing, and Wait returns too early, before a reader comes to the next step.
	// What comes behind counts as appended after that. A reader that has passed it once finds it no more.
	Nothing int

	// Pause is how long a reader must wait before it comes to the next step: Poll has nothing until Wait was there for so
	// long. Like Nothing it hides what comes behind. Give it time in a bubble of testing/synctest.
	Pause time.Duration
}

// ErrCorrupt is the Err of the *sluice.CorruptError of a [Script].
var ErrCorrupt = errors.New("sourcetest: corrupt on purpose")

// values returns how many offsets the step takes.
func (s Step[T]) values() sluice.Offset {
	return sluice.Offset(int64(len(s.Batch)) + s.Lag + s.Corrupt)
}

func (s Step[T]) hides() bool { return s.Nothing > 0 || s.Pause > 0 }

// gap returns the gap that the step is for a reader at from, or nil if it is none.
func (s Step[T]) gap(from, to sluice.Offset) error {
	switch {
	case s.Lag > 0:
		return &sluice.LagError{From: from, To: to}
	case s.Corrupt > 0:
		return &sluice.CorruptError{From: from, To: to, Err: ErrCorrupt}
	}
	return nil
}

// An Event is what a reader of a [Script] sees: a value, or a gap.
type Event[T any] struct {
	Offset sluice.Offset // of the value, or the first of the gap
	Value  T
	Gap    error // *sluice.LagError or *sluice.CorruptError; nil: it is a value
}

// Events returns what a reader that starts at from must see, in order, before End.
func (s *Script[T]) Events(from sluice.Offset) []Event[T] {
	var events []Event[T]
	start := sluice.Offset(0)
	for _, step := range s.Steps {
		end := start + step.values()
		if off := max(start, from); off < end {
			if gap := step.gap(off, end); gap != nil {
				events = append(events, Event[T]{Offset: off, Gap: gap})
			} else {
				for ; off < end; off++ {
					events = append(events, Event[T]{Offset: off, Value: step.Batch[off-start]})
				}
			}
		}
		start = end
	}
	return events
}

// Bounds returns 0 and the offset behind all steps.
func (s *Script[T]) Bounds() (first, next sluice.Offset) {
	for _, step := range s.Steps {
		next += step.values()
	}
	return 0, next
}

// Cursor returns a cursor over [Script.Reader].
func (s *Script[T]) Cursor(p sluice.Position) *sluice.Cursor[T] { return sluice.NewCursor(s.Reader(p)) }

// Reader returns a new reader at p.
func (s *Script[T]) Reader(p sluice.Position) sluice.Reader[T] {
	r := &scriptReader[T]{script: s, closing: make(chan struct{})}
	if r.bad = r.Seek(p); r.bad != nil {
		_, r.off = s.Bounds()
	}
	return r
}

// A scriptReader stands before what is left of a step.
type scriptReader[T any] struct {
	script *Script[T]
	off    sluice.Offset
	bad    error // the position could not be resolved
	lent   []T

	// Steps before shown hide nothing any more; nothing and rested say how far the reader has come with that one.
	shown   int
	nothing int
	rested  bool

	closed  atomic.Bool
	once    sync.Once
	closing chan struct{}
}

// Bounds are what the reader can know of: up to the next step that hides something.
func (r *scriptReader[T]) Bounds() (first, next sluice.Offset) {
	for i, step := range r.script.Steps {
		if i >= r.shown && step.hides() {
			break
		}
		next += step.values()
	}
	return 0, next
}

func (r *scriptReader[T]) Offset() sluice.Offset { return r.off }

func (r *scriptReader[T]) Seek(p sluice.Position) error {
	if r.closed.Load() {
		return sluice.ErrClosed
	}
	off, err := p.Resolve(r.script.Bounds())
	if err != nil {
		return err
	}
	r.giveBack()
	r.off, r.bad = off, nil
	return nil
}

// giveBack ends the loan of a batch.
func (r *scriptReader[T]) giveBack() {
	for i := range r.lent {
		r.lent[i] = r.script.Junk
	}
	r.lent = nil
}

func (r *scriptReader[T]) Poll() ([]T, error) {
	if r.closed.Load() {
		return nil, sluice.ErrClosed
	}
	r.giveBack()
	if r.bad != nil {
		return nil, r.bad
	}
	step, end := r.find()
	switch {
	case step == nil:
		return nil, r.script.End
	case step.hides():
		r.nothing++
		return nil, nil
	}
	off := r.off
	r.off = end
	if gap := step.gap(off, end); gap != nil {
		return nil, gap
	}
	r.lent = append(r.lent, step.Batch[len(step.Batch)-int(end-off):]...)
	return r.lent[:len(r.lent):len(r.lent)], nil
}

// find returns the step that is next, and where it ends; nil at the end of the script.
func (r *scriptReader[T]) find() (*Step[T], sluice.Offset) {
	end := sluice.Offset(0)
	for i := range r.script.Steps {
		step := &r.script.Steps[i]
		if end += step.values(); end > r.off {
			return step, end
		}
		if !step.hides() || i < r.shown || end < r.off {
			continue
		}
		if step.Nothing > r.nothing || step.Pause > 0 && !r.rested {
			return step, end
		}
		r.shown, r.nothing, r.rested = i+1, 0, false
	}
	return nil, end
}

func (r *scriptReader[T]) Wait(ctx context.Context) error {
	pause := time.Duration(0)
	if step, _ := r.find(); step == nil && r.script.End == nil && r.bad == nil {
		pause = math.MaxInt64
	} else if step != nil && r.bad == nil {
		pause = step.Pause
	}
	var timeout <-chan time.Time
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		timeout = timer.C
	} else {
		now := make(chan time.Time)
		close(now)
		timeout = now
	}
	select {
	case <-r.closing:
		return sluice.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout:
		r.rested = true
		return nil
	}
}

func (r *scriptReader[T]) Close() error {
	r.closed.Store(true)
	r.once.Do(func() {
		close(r.closing)
		r.giveBack()
	})
	return nil
}

// String is the script as rapid prints it.
func (s *Script[T]) String() string {
	text := "script:"
	for _, step := range s.Steps {
		switch {
		case step.Lag > 0:
			text += fmt.Sprintf(" lag %d;", step.Lag)
		case step.Corrupt > 0:
			text += fmt.Sprintf(" corrupt %d;", step.Corrupt)
		case step.Nothing > 0:
			text += fmt.Sprintf(" nothing x%d;", step.Nothing)
		case step.Pause > 0:
			text += fmt.Sprintf(" pause %v;", step.Pause)
		default:
			text += fmt.Sprintf(" batch %v;", step.Batch)
		}
	}
	return fmt.Sprintf("%s end %v", text, s.End)
}
