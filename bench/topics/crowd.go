package topics

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

// Kept is how many values a topic of a crowd keeps.
const Kept = 16

// common is the topic that all subscriptions of a crowd follow.
const common = "common"

// Crowd is a hub with many topics and subscriptions, each of these with a goroutine that waits for its next message. Its
// methods are for one goroutine.
type Crowd struct {
	hub    *topic.Hub[string, int64]
	names  []string
	cursor []*sluice.Cursor[topic.Message[string, int64]]
	cancel context.CancelFunc
	wg     sync.WaitGroup

	received atomic.Int64 // values of the common topic, by all together
	wanted   atomic.Int64
	last     chan time.Time // when received reached wanted; capacity 1

	// TopicBytes and SubscriptionBytes are what one of them takes of the heap and of stacks, with all that belongs to it.
	TopicBytes, SubscriptionBytes float64
}

// NewCrowd returns a hub with that many topics, which keep [Kept] values each, and subscriptions that each follow so many of
// them and one that is common to all.
func NewCrowd(topics, subscriptions, follows int) *Crowd {
	return newCrowd(topics, subscriptions, follows)
}

func newCrowd(topics, subscriptions, follows int) *Crowd {
	c := &Crowd{
		hub:  topic.New(func(string) sluice.Log[int64] { return ring.New[int64](Kept, ring.Options{}) }),
		last: make(chan time.Time, 1),
	}
	for i := range topics {
		c.names = append(c.names, fmt.Sprintf("topic-%d", i))
	}
	empty := memory()
	for _, name := range c.names {
		_, err := c.hub.Publish(context.Background(), name, 0)
		check(err)
	}
	made := memory()
	c.TopicBytes = float64(made-empty) / float64(topics)
	c.subscribe(subscriptions, follows)
	if subscriptions > 0 {
		c.SubscriptionBytes = float64(memory()-made) / float64(subscriptions)
	}
	return c
}

func (c *Crowd) subscribe(subscriptions, follows int) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for i := range subscriptions {
		keys := []string{common}
		for j := range follows {
			keys = append(keys, c.names[(i*follows+j)%len(c.names)])
		}
		cur := c.hub.Subscribe(sluice.Newest(), keys...)
		c.cursor = append(c.cursor, cur)
		c.wg.Go(func() { c.read(ctx, cur) })
	}
	c.Settle()
}

func (c *Crowd) read(ctx context.Context, cur *sluice.Cursor[topic.Message[string, int64]]) {
	for m, err := range cur.SkipGaps().All(ctx) {
		if err == nil && m.Key == common && c.received.Add(1) == c.wanted.Load() {
			c.last <- time.Now()
		}
	}
}

// Settle returns when no goroutine of the crowd has anything to do, as far as can be told from outside.
func (c *Crowd) Settle() {
	for range 3 {
		runtime.GC()
		time.Sleep(50 * time.Millisecond)
	}
}

// publish publishes n values, to one topic or to each in turn.
func (c *Crowd) publish(n int, each bool) {
	ctx := context.Background()
	name, at := c.names[len(c.names)/2], 0
	for i := range n {
		if each {
			if at += 7919; at >= len(c.names) { // a prime, so that no cache foresees the next
				at %= len(c.names)
			}
			name = c.names[at]
		}
		_, err := c.hub.Publish(ctx, name, int64(i))
		check(err)
	}
}

// PublishAgain publishes n values to one topic, and returns the time of a call.
func (c *Crowd) PublishAgain(n int) time.Duration {
	start := time.Now()
	c.publish(n, false)
	return time.Since(start) / time.Duration(n)
}

// Publish publishes n values, each to another topic, and returns the time of a call. If subscriptions follow them they wake.
func (c *Crowd) Publish(n int) time.Duration {
	start := time.Now()
	c.publish(n, true)
	return time.Since(start) / time.Duration(n)
}

// PublishCommon publishes one value that all subscriptions wait for, and returns the time of the call and until the last one
// has it.
func (c *Crowd) PublishCommon() (call, last time.Duration) {
	c.wanted.Store(c.received.Load() + int64(len(c.cursor)))
	start := time.Now()
	_, err := c.hub.Publish(context.Background(), common, 1)
	call = time.Since(start)
	check(err)
	return call, (<-c.last).Sub(start)
}

// Close ends everything.
func (c *Crowd) Close() {
	c.cancel()
	c.wg.Wait()
	for _, cur := range c.cursor {
		cur.Close()
	}
	check(c.hub.Close())
}

// memory returns how much heap and stack is in use, after a collection.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
