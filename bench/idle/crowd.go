//go:build unix

package idle

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// Crowd is a log with readers that wait for its next value, each in a goroutine of its own. Its methods are for one
// goroutine.
type Crowd struct {
	log     *replay.Replay[int64]
	next    int64 // the value to append: its offset
	readers int
	wg      sync.WaitGroup

	received atomic.Int64   // by all readers together
	last     chan time.Time // when the last reader received a value; capacity 1
	wrong    atomic.Int64   // values that were not the next, and errors
}

// NewCrowd starts that many readers and returns when all of them wait.
func NewCrowd(readers int) *Crowd {
	c := &Crowd{log: replay.New[int64](replay.Options{}), readers: readers, last: make(chan time.Time, 1)}
	for range readers {
		cur := c.log.Cursor(sluice.Oldest())
		c.wg.Go(func() { c.read(cur) })
	}
	settle()
	return c
}

func (c *Crowd) read(cur *sluice.Cursor[int64]) {
	defer cur.Close()
	ctx, cancel := context.WithCancel(context.Background()) // as in a program: a reader waits for two channels
	defer cancel()
	want := int64(0)
	for v, err := range cur.All(ctx) {
		if err != nil || v != want {
			c.wrong.Add(1)
		}
		want++
		if c.received.Add(1) == want*int64(c.readers) {
			c.last <- time.Now()
		}
	}
}

// Close ends the log, waits for the readers, and returns how many values came out of order: 0, or Sluice is broken.
func (c *Crowd) Close() (wrong int64) {
	c.log.Close()
	c.wg.Wait()
	return c.wrong.Load()
}

// Idle returns the processor time that the process takes in the time d while nobody appends.
func (c *Crowd) Idle(d time.Duration) time.Duration { return Cost(d) }

// Wake is what one append to a log with waiting readers took.
type Wake struct {
	Append time.Duration // the call
	Last   time.Duration // from its start until the last reader has the value; 0 without readers
}

// Wake appends a value when all readers wait, and returns when all have it.
func (c *Crowd) Wake() (w Wake) {
	settle()
	start := time.Now()
	if _, err := c.log.Append(context.Background(), c.next); err != nil {
		panic(err) // the log is open: a broken benchmark
	}
	w.Append = time.Since(start)
	c.next++
	if c.readers > 0 {
		w.Last = (<-c.last).Sub(start)
	}
	return w
}
