package diskq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/spawn"
)

// errStopped is the cause by which stop and Close end the goroutine of Chan.
var errStopped = errors.New("diskq: stopped")

// Chan is the consumer as a channel of that capacity (of 16383 at most), for select, and for ranging over it from many
// goroutines. It is closed when the consumer is, when ctx is done, and at the first error, a gap included; what was put into
// it by then can still be received.
//
// With size 0 nothing is taken ahead: a value that the channel offers is in flight only when somebody has received it, and
// until then it goes to whoever calls Receive. (Another channel gets the next one.) A buffered channel holds up to size values, and one
// more waits before it; they are in flight, but AckWait does not run for what nobody took out yet.
//
// Call stop in every case. It ends the goroutine, waits for it, and gives back what nobody received: as if it had never been
// handed out. So stop is for those who receive, or for after them. It returns why the channel ended: nil if that was stop or
// Close, context.Cause(ctx), or the error. A new call of Chan goes on behind a gap. Calling stop again returns the same.
//
// Cost: a channel operation, and with Ack some 100 ns.
func (c *Consumer[T]) Chan(ctx context.Context, size int) (deliveries <-chan Delivery[T], stop func() error) {
	if size < 0 {
		panic(fmt.Sprintf("diskq: the capacity of a channel must be at least 0, got %d", size))
	}
	size = min(size, maxAhead-1) // or it would never be full, and with AutoAck only a receiver could tell that there is room
	ctx, cancel := context.WithCancelCause(ctx)
	f := &feed[T]{c: c, ch: make(chan Delivery[T], size), revoked: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	c.mu.Lock()
	if c.closed {
		cancel(errStopped)
		close(f.ch)
		c.mu.Unlock()
		return f.ch, func() error { return nil }
	}
	c.feeds = append(c.feeds, f)
	c.tasks.Add(1)
	spawn.Go(func() { f.end = f.run(ctx) }, func() { // the codec is the caller's
		close(f.ch)
		cancel(errStopped)
		close(f.done)
		c.tasks.Done()
	})
	c.mu.Unlock()
	return f.ch, sync.OnceValue(f.stop)
}

// A feed moves deliveries into a channel.
type feed[T any] struct {
	c       *Consumer[T]
	ch      chan Delivery[T]
	cancel  context.CancelCauseFunc
	revoked chan struct{} // the value that is offered is wanted back
	done    chan struct{} // closed when the goroutine has ended
	end     error         // why; read after done

	sent  atomic.Int64 // deliveries put into ch: stored behind the send
	given Delivery[T]  // by an unbuffered channel, and not confirmed yet; owned by the goroutine

	// Guarded by c.mu.
	offer sluice.Offset // while f is in c.offers
	boxes []box         // put into ch, or about to be, and not seen to be taken: the oldest first
	taken int64         // how many of those put into ch were seen to be taken
}

// A box is a delivery in a buffered channel.
type box struct {
	offset  sluice.Offset
	attempt uint32
}

// offers reports whether the channel is unbuffered.
func (f *feed[T]) offers() bool { return cap(f.ch) == 0 }

func (f *feed[T]) run(ctx context.Context) error {
	var ds []Delivery[T]
	for {
		var err error
		if ds, err = f.fetch(ctx, ds[:0]); err != nil {
			return err
		}
		for i, d := range ds {
			ok, err := f.send(ctx, d)
			if !ok {
				f.giveBack(ds[i:])
			}
			if err != nil {
				return err
			}
		}
		clear(ds)
	}
}

// fetch waits for a delivery, and takes as many more as fit into the channel.
func (f *feed[T]) fetch(ctx context.Context, ds []Delivery[T]) ([]Delivery[T], error) {
	d, err := f.c.take(ctx, f, false)
	if err != nil {
		return nil, err
	}
	ds = append(ds, d)
	if f.offers() {
		return ds, nil
	}
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	f.noteLocked()
	for room := cap(f.ch) - len(f.ch); len(ds) < room && c.plainLocked(); {
		d, _, _ := c.takeLocked(f, false)
		ds = append(ds, d)
	}
	for _, d := range ds {
		f.boxes = append(f.boxes, box{d.Offset, uint32(d.Attempt)})
	}
	c.watchLocked()
	c.passOnLocked()
	return ds, nil
}

// plainLocked reports whether what comes next is a value that never was handed out.
func (c *Consumer[T]) plainLocked() bool {
	_, again := c.out.first()
	return !again && len(c.gaps) == 0 && c.freshLocked() && c.roomLocked() && !c.closed
}

// send puts d into the channel, and reports whether it did. If d was wanted back it did not, and that is no error.
func (f *feed[T]) send(ctx context.Context, d Delivery[T]) (bool, error) {
	select {
	case f.ch <- d: // first alone: that is three times cheaper
		f.put(d)
		return true, nil
	default:
	}
	select {
	case f.ch <- d:
		f.put(d)
		return true, nil
	case <-f.revoked:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

func (f *feed[T]) put(d Delivery[T]) {
	if f.offers() {
		f.given = d
		return
	}
	f.sent.Store(f.sent.Load() + 1)
}

// confirmLocked makes the value that somebody took out of an unbuffered channel one in flight, unless he was quicker.
func (f *feed[T]) confirmLocked() {
	d := f.given
	if d.c == nil {
		return
	}
	c := f.c
	c.withdrawLocked(f)
	if e := c.heldBy(d); e != nil && e.standing == offered {
		c.out.offers--
		c.out.flying++
		e.standing = inFlight
		c.heldLocked(e, d.Offset, nil)
		c.changedLocked()
	}
	f.given = Delivery[T]{}
}

// withdrawLocked takes f off those that offer something.
func (c *Consumer[T]) withdrawLocked(f *feed[T]) {
	if i := slices.Index(c.offers, f); i >= 0 {
		c.offers = slices.Delete(c.offers, i, i+1)
	}
	select {
	case <-f.revoked: // too late
	default:
	}
}

// giveBack returns what could not be sent.
func (f *feed[T]) giveBack(ds []Delivery[T]) {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.withdrawLocked(f)
	for _, d := range ds {
		c.returnLocked(d)
	}
	f.boxes = f.boxes[:max(0, len(f.boxes)-len(ds))]
	c.passOnLocked()
}

// stop ends the feed and gives back what is left in the channel.
func (f *feed[T]) stop() error {
	f.cancel(errStopped)
	<-f.done
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	left := 0
	for d := range f.ch { // it is closed; and under mu, or somebody would think that these were taken by a receiver
		c.returnLocked(d)
		left++
	}
	f.boxes = f.boxes[:max(0, len(f.boxes)-left)]
	f.sent.Add(int64(-left))
	f.noteLocked() // all others were taken
	if i := slices.Index(c.feeds, f); i >= 0 {
		c.feeds = slices.Delete(c.feeds, i, i+1)
	}
	c.passOnLocked()
	if f.end == errStopped || f.end == sluice.ErrClosed {
		return nil
	}
	return f.end
}

// noteLocked looks how many values were taken out of the channel, and begins their time, or ends it with AutoAck. sent is
// loaded before the length: so a value that is put in or taken out meanwhile counts as not taken.
func (f *feed[T]) noteLocked() {
	sent := f.sent.Load()
	n := int(sent - int64(len(f.ch)) - f.taken)
	if n <= 0 {
		return
	}
	for _, b := range f.boxes[:n] {
		f.c.unboxLocked(b)
	}
	f.boxes = slices.Delete(f.boxes, 0, n)
	f.taken += int64(n)
}

// unboxLocked makes a delivery that was taken out of a buffered channel one that somebody holds, unless it is settled, or was given
// back, already.
func (c *Consumer[T]) unboxLocked(b box) {
	e := c.out.at(b.offset)
	if e == nil || !e.boxed || e.attempt != b.attempt {
		return
	}
	e.boxed = false
	c.changedLocked()
	switch {
	case c.o.AutoAck:
		c.settleLocked(e, b.offset)
	case c.o.AckWait > 0:
		c.dueLocked(e, b.offset, later(c.now(), c.o.AckWait))
	}
}

// noteLocked looks at all buffered channels.
func (c *Consumer[T]) noteLocked() {
	for _, f := range c.feeds {
		f.noteLocked()
	}
	c.passOnLocked()
}

// boxedLocked reports whether it is to be looked at buffered channels before the next save.
func (c *Consumer[T]) boxedLocked() bool {
	return c.o.AutoAck && slices.ContainsFunc(c.feeds, func(f *feed[T]) bool { return len(f.boxes) > 0 })
}

// watchLocked has the keeper look at buffered channels in time, if time matters for what is in them. With AutoAck a writer may
// wait for what was taken out.
func (c *Consumer[T]) watchLocked() {
	every := c.o.AckWait
	if c.o.AutoAck {
		every = soon
	}
	if every == 0 || c.noteAt != 0 {
		return
	}
	if slices.ContainsFunc(c.feeds, func(f *feed[T]) bool { return len(f.boxes) > 0 }) {
		c.noteAt = later(c.now(), every)
		c.wakeLocked(c.noteAt)
	}
}

// offeredLocked reports whether a channel offers a value that comes before what Receive would get.
func (c *Consumer[T]) offeredLocked() bool {
	if len(c.offers) == 0 {
		return false
	}
	off, ok := c.out.first()
	return !ok || slices.ContainsFunc(c.offers, func(f *feed[T]) bool { return f.offer < off })
}

// revokeLocked asks for what is offered. Each channel gives it back, or says that somebody took it, and calls.
func (c *Consumer[T]) revokeLocked() {
	for _, f := range c.offers {
		select {
		case f.revoked <- struct{}{}:
		default:
		}
	}
}
