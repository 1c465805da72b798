package diskq

import (
	"time"

	"github.com/sluice-go/sluice"
)

// keep is the goroutine of a consumer: it hands out again what is due, looks what was taken out of buffered channels, and
// saves the position, each in its time. Close ends it.
func (c *Consumer[T]) keep() {
	timer := time.NewTimer(never)
	defer timer.Stop()
	for {
		timer.Reset(time.Duration(c.work()))
		select {
		case <-c.quit:
			return
		case <-c.alarm:
		case <-timer.C:
		}
	}
}

// work does what is due, and returns how many nanoseconds later there is more to do.
func (c *Consumer[T]) work() int64 {
	c.mu.Lock()
	now := c.now()
	if c.noteAt != 0 && now >= c.noteAt {
		c.noteLocked()
		c.noteAt = 0
		c.watchLocked()
	}
	c.expireLocked(now)
	if c.dirty && c.saveAt == 0 && c.o.SaveEvery > 0 {
		c.saveAt = later(now, c.o.SaveEvery)
	}
	save := c.urgent || c.saveAt != 0 && now >= c.saveAt
	if save {
		c.urgent, c.saveAt = false, 0
	}
	c.mu.Unlock()
	failed := save && c.commit() != nil // the error is kept in stats
	c.mu.Lock()
	defer c.mu.Unlock()
	now = c.now()
	if failed && c.q.w.starved.Load() > 0 { // a writer waits, and perhaps nothing will be acknowledged before it goes on
		c.saveAt = later(now, soon)
	}
	if c.dirty && c.saveAt == 0 && c.o.SaveEvery > 0 {
		c.saveAt = later(now, c.o.SaveEvery)
	}
	c.wakeAt = never
	for _, at := range []int64{c.saveAt, c.noteAt} {
		if at != 0 {
			c.wakeAt = min(c.wakeAt, at)
		}
	}
	if e, _, ok := c.out.nextDue(); ok {
		c.wakeAt = min(c.wakeAt, e.due)
	}
	if c.wakeAt == never {
		return never
	}
	return max(0, c.wakeAt-now)
}

// expireLocked hands out again what is due by now.
func (c *Consumer[T]) expireLocked(now int64) {
	for {
		e, off, ok := c.out.nextDue()
		if !ok || e.due > now {
			break
		}
		c.out.leave(e, off)
		c.anewLocked(e, off)
		c.changedLocked()
	}
	c.passOnLocked()
}

// dueLocked gives a value a due time, and tells the keeper if that comes before all others.
func (c *Consumer[T]) dueLocked(e *entry, off sluice.Offset, due int64) {
	c.out.setDue(e, off, due)
	c.wakeLocked(due)
}

func (c *Consumer[T]) wakeLocked(at int64) {
	if at < c.wakeAt {
		c.wakeAt = at
		c.alert()
	}
}

func (c *Consumer[T]) alert() {
	select {
	case c.alarm <- struct{}{}:
	default: // it will look in any case
	}
}

// changedLocked says that there is something to save.
func (c *Consumer[T]) changedLocked() {
	if !c.dirty {
		c.dirty = true
		c.alert()
	}
}

// saveDueLocked reports whether so much was settled that the caller is to save.
func (c *Consumer[T]) saveDueLocked() bool { return c.o.SaveAfter > 0 && c.unsaved >= c.o.SaveAfter }

// commit brings the position to stable storage, and drops what every consumer is past by then.
func (c *Consumer[T]) commit() error {
	if err := c.save(true); err != nil { // it is kept, and the next save tries again
		return err
	}
	c.q.marks.drop() // an error leaves files that the next drop finds again
	return nil
}

// save writes the position to its file, if that is due or with sync, which brings it to stable storage.
func (c *Consumer[T]) save(sync bool) error {
	b := c.mark
	b.mu.Lock()
	defer b.mu.Unlock()
	c.mu.Lock()
	c.noteLocked()
	if c.released || !sync && !c.saveDueLocked() { // somebody else saved
		defer c.mu.Unlock()
		return c.stats.SaveErr
	}
	position := c.out.base
	b.next = c.out.marks(b.next[:0])
	unsaved := c.unsaved
	if sync {
		c.dirty = c.boxedLocked()
	}
	c.mu.Unlock()
	err := b.save(position)
	c.mu.Lock()
	if err == nil {
		c.unsaved -= unsaved // not before: who acknowledges meanwhile must not take them for saved
	}
	c.mu.Unlock()
	if err == nil && sync {
		err = b.sync()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.SaveErr = err; err != nil {
		c.changedLocked()
	}
	return err
}

// rereadLocked reads the value of d, which was handed out before, or was before the consumer was opened.
func (c *Consumer[T]) rereadLocked(d *Delivery[T], f *feed[T], peek bool) (grip, error) {
	c.mu.Unlock()
	read := false
	defer func() {
		if !read { // the codec panicked
			c.mu.Lock()
			c.returnUnreadLocked(*d, f)
			c.mu.Unlock()
		}
	}()
	v, err := c.reread(d.Offset)
	read = true
	c.mu.Lock()
	if err != nil {
		return c.unreadableLocked(*d, f, err)
	}
	d.Value = v
	if peek {
		c.returnLocked(*d)
	} else if e := c.heldBy(*d); e != nil {
		c.heldLocked(e, d.Offset, f)
	}
	return value, nil
}

// unreadableLocked returns what became of a delivery whose value can't be read: a gap, or an error that may not come again.
func (c *Consumer[T]) unreadableLocked(d Delivery[T], f *feed[T], err error) (grip, error) {
	lag, isLag := err.(*sluice.LagError)
	_, damaged := err.(*sluice.CorruptError)
	c.returnUnreadLocked(d, f)
	switch {
	case isLag:
		c.dropLocked(lag.To)
		if err := c.gapLocked(); err != nil {
			return failed, err
		}
		return nothing, nil // it was acknowledged meanwhile
	case damaged:
		if e := c.out.at(d.Offset); e != nil && e.standing == idle {
			c.stats.Missed++
			c.settleLocked(e, d.Offset)
		}
	}
	return failed, err
}

// returnUnreadLocked takes back a delivery whose value could not be read.
func (c *Consumer[T]) returnUnreadLocked(d Delivery[T], f *feed[T]) {
	if f != nil {
		c.withdrawLocked(f)
	}
	if c.heldBy(d) != nil {
		c.returnLocked(d)
		delete(c.kept, d.Offset)
	}
}

// dropLocked settles what nobody has of the values before to, which are gone from the queue, and makes gaps of them.
func (c *Consumer[T]) dropLocked(to sluice.Offset) {
	var lag *sluice.LagError
	for off := c.out.base; off < min(to, c.out.head); off++ {
		e := c.out.at(off)
		if e == nil || e.standing != idle && e.standing != delayed {
			lag = nil
			continue
		}
		c.stats.Missed++
		c.settleLocked(e, off)
		if lag == nil {
			lag = &sluice.LagError{From: off}
			c.gaps = append(c.gaps, lag)
		}
		lag.To = off + 1
	}
}

func (c *Consumer[T]) reread(off sluice.Offset) (T, error) {
	c.rereading.Lock()
	defer c.rereading.Unlock()
	return c.again.readOne(off)
}

// near is how many values a reader rather skips than finds its place anew.
const near = 256

// readOne returns the value at off, which is below the end.
func (r *reader[T]) readOne(off sluice.Offset) (v T, err error) {
	if off < r.off || off-r.off > near {
		r.w.seg = nil
	}
	r.off = off
	if _, err := r.look(); err != nil {
		return v, r.lag(err)
	}
	read := false
	defer func() {
		if !read {
			r.w.seg = nil // the codec panicked
		}
	}()
	err = r.read(off + 1)
	read = true
	if len(r.batch) == 1 {
		v = r.batch[0]
		clear(r.batch)
		return v, nil
	}
	if !isGap(err) {
		r.w.seg = nil
		if _, err2 := r.look(); err2 != nil { // the segment was dropped meanwhile
			err = r.lag(err2)
		}
	}
	return v, err
}
