package sluice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sluice-go/sluice/internal/spawn"
)

// errStopped is the cause by which stop and Close end the goroutine of Chan.
var errStopped = errors.New("sluice: stopped")

// Chan is the cursor as a channel of that capacity, for select. One goroutine feeds it; the channel is closed at the end
// of the source, at the first error (a gap included), and when ctx is done or the cursor is closed. What was put into it
// by then can still be received.
//
// Call stop in every case, and before the cursor is used in another way. It ends the goroutine, waits for it, and leaves
// the cursor at the first value that nobody received: what was left in the channel is read again, though a gated ring
// has already let go of it. So stop is for the goroutine that receives, or for after it: a receive that runs at the same
// time may take a value out of the middle. It returns why the channel ended: nil if the source ended or the cursor was
// closed; nil too if values were left, for what is behind them will be told again; but context.Cause(ctx) in any case.
// Calling it again returns the same. A new call of Chan goes on behind a gap.
//
// A T of more than 64 KiB can't be the element of a channel: use pointers.
//
// A value costs a channel operation, about 40 ns with a buffer of 64; see BenchmarkChan.
func (c *Cursor[T]) Chan(ctx context.Context, size int) (values <-chan T, stop func() error) {
	if size < 0 {
		panic(fmt.Sprintf("sluice: the capacity of a channel must be at least 0, got %d", size))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f := &feed[T]{c: c, ch: make(chan T, size)}
	done := make(chan struct{})
	c.enter()
	c.interrupt.Store(&cancel)
	if c.closed() { // by a Close that came before the Store, and so found nothing to cancel
		cancel(errStopped)
	}
	spawn.Go(func() { f.got, f.end = f.run(ctx) }, func() {
		close(f.ch)
		spawn.Then(c.leave, func() { // it may close the reader, which is anybody's
			cancel(errStopped)
			close(done)
		})
	})
	return f.ch, sync.OnceValue(func() error {
		cancel(errStopped)
		<-done
		c.interrupt.Store(nil)
		return f.takeBack()
	})
}

// A feed moves the values of a cursor into a channel, and remembers enough to take back those that nobody received.
type feed[T any] struct {
	c    *Cursor[T]
	ch   chan T
	sent int64     // values sent into ch
	next Offset    // behind the last value sent
	gaps []feedGap // those that SkipGaps stepped over, as far as they may lie between values still in ch
	got  outcome   // what run came to, and the error of that; read after the goroutine's end
	end  error
}

// A feedGap stands before the value that was sent as number before, or was to be: takeBack sees to that one.
type feedGap struct {
	before   int64
	from, to Offset
}

func (f *feed[T]) run(ctx context.Context) (outcome, error) {
	c := f.c
	f.next = c.Offset()
	for {
		if got, err := c.await(ctx); got != value {
			return got, err
		}
		f.noteGap()
		for n := 0; n < stride && c.i < len(c.hand); n++ {
			if err := f.send(ctx, c.hand[c.i]); err != nil {
				return cancelled, err
			}
			c.i++
			f.sent++
			f.next = c.Offset()
		}
	}
}

// send tries first, which is three times cheaper than a select with two ready-made cases.
func (f *feed[T]) send(ctx context.Context, v T) error {
	select {
	case f.ch <- v:
		return nil
	default:
	}
	select {
	case f.ch <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *feed[T]) noteGap() {
	off := f.c.Offset()
	if off == f.next {
		return
	}
	old := 0
	for old < len(f.gaps) && f.gaps[old].before <= f.sent-int64(cap(f.ch)) {
		old++ // every value behind it was received
	}
	f.gaps = append(f.gaps[:0], f.gaps[old:]...)
	f.gaps = append(f.gaps, feedGap{f.sent, f.next, off})
}

// takeBack puts what was left in the channel before what the cursor holds, with the gaps between and behind, and returns
// what stop returns. The goroutine has ended, so the channel is closed.
func (f *feed[T]) takeBack() error {
	var left []T
	for v := range f.ch {
		left = append(left, v)
	}
	if len(left) > 0 {
		f.keep(left)
	}
	switch {
	case f.end == errStopped, f.got == ended, f.got != cancelled && len(left) > 0:
		return nil
	}
	return f.end
}

// keep makes the cursor read left next, then the gap behind it that nobody was told of, then what it held before.
func (f *feed[T]) keep(left []T) {
	c := f.c
	kept := f.segments(left)
	switch off := c.Offset(); {
	case f.got == gap:
		kept = append(kept, c.unmiss(f.end))
	case off != f.next: // SkipGaps stepped over it
		kept = append(kept, c.unmiss(&LagError{From: f.next, To: off}))
	}
	off := c.Offset()
	if c.i < len(c.hand) {
		kept = append(kept, segment[T]{offset: off, values: slices.Clone(c.hand[c.i:])})
		off += Offset(len(c.hand) - c.i)
	}
	if len(c.lent) > 0 {
		kept = append(kept, segment[T]{offset: off, values: c.lent})
	}
	c.kept = append(kept, c.kept...)
	c.empty()
	c.base, c.lent = kept[0].offset, nil
}

// segments cuts left, the last values sent, at the gaps between them.
func (f *feed[T]) segments(left []T) (kept []segment[T]) {
	first := f.sent - int64(len(left)) // the number of left[0]
	off := f.next - Offset(len(left))
	var between []feedGap
	for _, g := range f.gaps {
		if first < g.before && g.before < f.sent {
			between = append(between, g)
			off -= g.to - g.from
		}
	}
	for _, g := range between {
		n := g.before - first
		kept = append(kept, segment[T]{offset: off, values: left[:n]}, f.c.unmiss(&LagError{From: g.from, To: g.to}))
		left, first, off = left[n:], g.before, g.to
	}
	return append(kept, segment[T]{offset: off, values: left})
}

// unmiss takes a gap back that was counted when it was passed, to be passed again.
func (c *Cursor[T]) unmiss(gap error) segment[T] {
	from, to, _ := gapOf(gap)
	c.missed -= int64(to - from)
	return segment[T]{offset: from, gap: gap}
}
