package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
	"pgregory.net/rapid"
)

// A model is what a consumer must do, told in the plainest way.
type model struct {
	first, next sluice.Offset                            // of the queue
	settled     map[sluice.Offset]bool                   // acknowledged, or told as gone
	saved       map[sluice.Offset]bool                   // what is settled even after a kill, at least
	synced      map[sluice.Offset]bool                   // and after a power cut
	flying      map[sluice.Offset]diskq.Delivery[string] // received, and nothing said of it
	tries       map[sluice.Offset]int                    // how often a value was handed out since the consumer was opened
	last        sluice.Offset                            // that was handed out for the first time since
}

// A consumerMachine runs one consumer against its model, with crashes. One goroutine does everything, so that each step is
// exact; TestCrowd has many.
type consumerMachine struct {
	m *fsx.Mem
	o diskq.Options
	c diskq.ConsumerOptions

	queue    *diskq.DiskQueue[string]
	consumer *diskq.Consumer[string]
	model

	choices []int // of the step that runs
	done    []string
}

// pick makes a choice.
func (x *consumerMachine) pick(from, to int) int {
	c := x.choices[0]
	x.choices = x.choices[1:]
	return from + c%(to-from+1)
}

// A failure is what a step panics with.
type failure string

func (x *consumerMachine) fail(format string, args ...any) {
	panic(failure(fmt.Sprintf(format, args...)))
}

func (x *consumerMachine) open() {
	var err error
	if x.queue, err = diskq.Open(dir, diskq.String(), diskq.On(x.o, x.m)); err != nil {
		x.fail("Open() = %v", err)
	}
	if x.consumer, err = x.queue.Consumer("c", x.c); err != nil {
		x.fail("Consumer() = %v", err)
	}
	x.flying = map[sluice.Offset]diskq.Delivery[string]{}
	x.tries = map[sluice.Offset]int{}
	x.last = -1
}

func (x *consumerMachine) append() {
	n := x.pick(1, 40)
	var vs []string
	for i := range n {
		vs = append(vs, value(int(x.next)+i))
	}
	first, err := x.queue.AppendAll(context.Background(), vs)
	if err != nil || first != x.next {
		x.fail("AppendAll() = %d, %v, want %d", first, err, x.next)
	}
	x.next += sluice.Offset(n)
}

// receive takes one value, if there is one, and checks that it is one that may be handed out.
func (x *consumerMachine) receive() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	d, err := x.consumer.Receive(ctx)
	return x.got(d, err)
}

func (x *consumerMachine) take() {
	for range x.pick(1, 10) {
		x.receive()
	}
}

func (x *consumerMachine) peek() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	v, err := x.consumer.Peek(ctx)
	d, err2 := x.consumer.Receive(ctx)
	if err == nil && (err2 != nil || v != d.Value) {
		x.fail("Peek() = %q, and then Receive() = %q, %v", v, d.Value, err2)
	}
	x.got(d, err2)
	if isLag := errors.As(err, new(*sluice.LagError)); isLag {
		x.got(diskq.Delivery[string]{}, err)
	}
}

func (x *consumerMachine) sleep() { time.Sleep(time.Minute) }

func (x *consumerMachine) got(d diskq.Delivery[string], err error) bool {
	var lag *sluice.LagError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &lag):
		if lag.To > x.first {
			x.fail("a gap [%d, %d), and the queue begins at %d", lag.From, lag.To, x.first)
		}
		for off := lag.From; off < lag.To; off++ {
			if x.settled[off] {
				x.fail("offset %d of a gap [%d, %d) was acknowledged", off, lag.From, lag.To)
			}
			x.settled[off] = true
		}
		return true
	case err != nil:
		x.fail("Receive() = %v", err)
	}
	_, held := x.flying[d.Offset]
	switch {
	case d.Offset < 0 || d.Offset >= x.next:
		x.fail("Receive() = offset %d, and the queue ends at %d", d.Offset, x.next)
	case d.Value != value(int(d.Offset)):
		x.fail("Receive() = %q at %d, want %q", d.Value, d.Offset, value(int(d.Offset)))
	case held:
		x.fail("Receive() = offset %d, which somebody has", d.Offset)
	case x.settled[d.Offset]:
		x.fail("Receive() = offset %d, which is acknowledged", d.Offset)
	case x.tries[d.Offset] == 0 && d.Offset < x.last:
		x.fail("Receive() = offset %d for the first time, after %d", d.Offset, x.last)
	}
	if x.tries[d.Offset] == 0 {
		x.last = d.Offset
	}
	x.tries[d.Offset]++
	x.flying[d.Offset] = d
	return true
}

func (x *consumerMachine) someone() (diskq.Delivery[string], bool) {
	if len(x.flying) == 0 {
		return diskq.Delivery[string]{}, false
	}
	var offs []sluice.Offset
	for off := range x.flying {
		offs = append(offs, off)
	}
	slices.Sort(offs)
	return x.flying[offs[x.pick(0, len(offs)-1)]], true
}

func (x *consumerMachine) ack() {
	for range x.pick(1, 5) {
		x.ackOne()
	}
}

func (x *consumerMachine) ackOne() {
	if d, ok := x.someone(); ok {
		if err := d.Ack(); err != nil {
			x.fail("Ack() = %v", err)
		}
		delete(x.flying, d.Offset)
		x.settled[d.Offset] = true
		if x.c.SaveAfter == 1 {
			x.saved = maps.Clone(x.settled)
		}
	}
}

func (x *consumerMachine) nack() {
	if d, ok := x.someone(); ok {
		delay := []time.Duration{0, time.Millisecond, time.Hour}[x.pick(0, 2)]
		if err := d.Nack(delay); err != nil {
			x.fail("Nack() = %v", err)
		}
		delete(x.flying, d.Offset)
	}
}

// channel receives some values from a channel, and stops it.
func (x *consumerMachine) channel() {
	ch, stop := x.consumer.Chan(context.Background(), x.pick(0, 5))
	for range x.pick(0, 5) {
		synctest.Wait()
		select {
		case d, ok := <-ch:
			if ok {
				x.got(d, nil)
			}
		default:
		}
	}
	if err := stop(); err != nil {
		x.got(diskq.Delivery[string]{}, err)
	}
}

func (x *consumerMachine) commit() {
	if err := x.consumer.Commit(context.Background()); err != nil {
		x.fail("Commit() = %v", err)
	}
	x.saved, x.synced = maps.Clone(x.settled), maps.Clone(x.settled)
}

func (x *consumerMachine) trim() {
	before := sluice.Offset(x.pick(0, int(x.next)))
	if err := x.queue.Trim(before); err != nil {
		x.fail("Trim() = %v", err)
	}
	x.first, _ = x.queue.Bounds()
}

func (x *consumerMachine) reopen() {
	if x.pick(0, 1) == 0 {
		if err := x.queue.Close(); err != nil {
			x.fail("Close() = %v", err)
		}
		x.open()
	} else {
		if err := x.consumer.Close(); err != nil {
			x.fail("Close() = %v", err)
		}
		x.queue.Close()
		x.open()
	}
	x.saved, x.synced = maps.Clone(x.settled), maps.Clone(x.settled)
}

func (x *consumerMachine) kill() {
	m := x.m.Kill()
	x.queue.Close() // for its goroutines; it can write nothing any more
	x.m = m
	again := x.crashed(x.saved)
	if x.c.SaveAfter > 0 && again >= x.c.SaveAfter {
		x.fail("%d acknowledged values came again after a kill, want fewer than SaveAfter, %d", again, x.c.SaveAfter)
	}
}

func (x *consumerMachine) powerCut() {
	if x.pick(0, 1) == 0 {
		if err := x.queue.Sync(context.Background()); err != nil {
			x.fail("Sync() = %v", err)
		}
	}
	m := x.m.PowerCut(uint64(x.pick(0, 1<<20)))
	x.queue.Close()
	x.m = m
	x.crashed(x.synced)
}

// crashed opens the queue after a crash that leaves at least what was promised, and receives all that there is: what was
// not acknowledged comes, and as much as Depth says. It returns how many acknowledged values came again.
func (x *consumerMachine) crashed(promised map[sluice.Offset]bool) (again int) {
	x.open()
	was := x.settled
	x.first, x.next = x.queue.Bounds()
	x.settled = map[sluice.Offset]bool{}
	for off := range promised {
		if off < x.next {
			x.settled[off] = true
		}
	}
	depth := x.consumer.Depth()
	for x.receive() {
	}
	for off := x.first; off < x.next; off++ {
		_, came := x.flying[off]
		switch {
		case !came && !was[off]:
			x.fail("offset %d was not acknowledged, and did not come after a crash", off)
		case came && was[off]:
			again++
		}
		if !came {
			x.settled[off] = true
		}
	}
	if int64(len(x.flying)) != depth {
		x.fail("%d values came after a crash, and Depth() was %d", len(x.flying), depth)
	}
	x.saved, x.synced = map[sluice.Offset]bool{}, map[sluice.Offset]bool{}
	return again
}

// check compares what can be seen at any time.
func (x *consumerMachine) check() {
	depth := int64(0)
	for off := x.first; off < x.next; off++ {
		if !x.settled[off] {
			depth++
		}
	}
	if got := x.consumer.Depth(); got != depth {
		x.fail("Depth() = %d, want %d", got, depth)
	}
	if got := x.consumer.InFlight(); got != len(x.flying) {
		x.fail("InFlight() = %d, want %d", got, len(x.flying))
	}
}

func TestConsumerStateMachine(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		x := &consumerMachine{
			m: fsx.NewMem(fsx.MemOptions{Maps: rapid.Bool().Draw(r, "maps")}),
			o: diskq.Options{
				Durability:     diskq.Durability(rapid.IntRange(0, 2).Draw(r, "durability")),
				SegmentBytes:   4096,
				DeleteConsumed: rapid.Bool().Draw(r, "delete"),
			},
			c: diskq.ConsumerOptions{SaveAfter: rapid.SampledFrom([]int{0, 1, 5}).Draw(r, "after"), MaxInFlight: 16384},
		}
		x.settled, x.saved, x.synced = map[sluice.Offset]bool{}, map[sluice.Offset]bool{}, map[sluice.Offset]bool{}
		script := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 1<<20), 8, 8), 1, 80).Draw(r, "script")
		var err error
		synctest.Test(t, func(*testing.T) { err = x.run(script) })
		if err != nil {
			r.Fatal(err)
		}
	})
}

func (x *consumerMachine) run(script [][]int) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = fmt.Errorf("after %v: %v", x.done, p)
		default:
			panic(p)
		}
		if x.queue != nil {
			x.queue.Close()
		}
	}()
	steps := []struct {
		name string
		do   func()
	}{
		{"append", x.append}, {"append", x.append}, {"take", x.take}, {"take", x.take}, {"take", x.take}, {"ack", x.ack}, {"ack", x.ack},
		{"ack", x.ack}, {"nack", x.nack}, {"channel", x.channel}, {"peek", x.peek}, {"commit", x.commit}, {"sleep", x.sleep},
		{"trim", x.trim}, {"reopen", x.reopen}, {"kill", x.kill}, {"power cut", x.powerCut},
	}
	x.open()
	for _, choices := range script {
		x.choices = choices
		step := steps[x.pick(0, len(steps)-1)]
		x.done = append(x.done, step.name)
		step.do()
		synctest.Wait() // for what goes on in the background, so that a history is the same each time
		x.check()
	}
	return nil
}
