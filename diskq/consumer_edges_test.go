package diskq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A trap is a codec that calls a function before it decodes.
type trap struct {
	diskq.Codec[string]
	spring func(v string)
}

func (c trap) Decode(b []byte) (string, error) {
	c.spring(string(b))
	return c.Codec.Decode(b)
}

// A codec that panics, for a value that is read again, ends one Receive, and no other.
func TestPanicOfACodec(t *testing.T) {
	var mine diskq.Delivery[string]
	springs := 0
	codec := trap{diskq.String(), func(v string) {
		switch springs++; {
		case springs == 2: // value 1, read by the leader: the one in flight comes back meanwhile
			must(t, mine.Nack(0))
		case springs == 3 && v == value(0):
			panic("boo")
		}
	}}
	q, err := diskq.Open(dir, codec, diskq.On(diskq.Options{}, newMem()))
	must(t, err)
	defer q.Close()
	c := consume(t, q, diskq.ConsumerOptions{})
	add(t, q, value(0))
	mine = receive(t, c, 0, 1)
	add(t, q, value(1))
	func() {
		defer func() {
			if p := recover(); p != "boo" {
				t.Errorf("Receive() panicked with %v, want boo", p)
			}
		}()
		c.Receive(t.Context())
	}()
	must(t, receive(t, c, 0, 2).Ack())
	must(t, receive(t, c, 1, 1).Ack())
	add(t, q, value(2)) // somebody must look for it
	must(t, receive(t, c, 2, 1).Ack())
}

// With AutoAck and a buffered channel a consumer hears late of what was taken out. It goes on all the same.
func TestAutoAckBehindABuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{SegmentBytes: 4096, MaxBytes: 16 << 10, DeleteConsumed: true})
		defer q.Close()
		c := consume(t, q, diskq.ConsumerOptions{AutoAck: true, MaxInFlight: 2, SaveEvery: -1})
		ch, stop := c.Chan(t.Context(), 10)
		const n = 2000
		done := make(chan error, 1)
		go func() {
			for i := range n {
				if _, err := q.Append(t.Context(), value(i)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for i := range n {
			if d := <-ch; int(d.Offset) != i {
				t.Fatalf("the channel gave offset %d, want %d", d.Offset, i)
			}
			if i%100 == 0 {
				synctest.Wait() // so the channel is emptied at various moments
			}
		}
		must(t, <-done)
		must(t, stop())
		depth(t, c, 0, 0)
		must(t, q.Close())
	})
}

// A gap that moves the position makes room for a writer that waits for it.
func TestFullQueueIsEmptiedByAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := diskq.Options{SegmentBytes: 4096, MaxBytes: 16 << 10, DeleteConsumed: true, WhenFull: diskq.Fail}
		m := newMem()
		q := open(t, m, o)
		n := 0
		for ; ; n++ {
			if _, err := q.Append(t.Context(), value(n)); err != nil {
				break
			}
		}
		must(t, q.Close())
		first := dir + "/" + strings.Repeat("0", 20) + ".seg"
		must(t, fsx.WriteFile(m, first, make([]byte, 4096)))
		o.WhenFull = diskq.Block
		q = open(t, m, o)
		defer q.Close()
		c := consume(t, q, diskq.ConsumerOptions{SaveEvery: -1})
		done := make(chan error, 1)
		go func() {
			_, err := q.Append(t.Context(), value(n))
			done <- err
		}()
		synctest.Wait()
		if len(done) > 0 {
			t.Fatalf("Append() = %v, want it to wait for room", <-done)
		}
		if _, err := c.Receive(t.Context()); !errors.As(err, new(*sluice.CorruptError)) {
			t.Fatalf("Receive() = %v, want the gap of the first segment", err)
		}
		synctest.Wait()
		if len(done) == 0 {
			t.Fatal("Append() waits, though every consumer is past the first segment")
		}
		must(t, <-done)
		must(t, q.Close())
	})
}

// With SaveEvery off it is Commit and Close that have segments dropped.
func TestCommitDropsWhatIsConsumed(t *testing.T) {
	q := open(t, newMem(), diskq.Options{SegmentBytes: 4096, DeleteConsumed: true})
	add(t, q, values(1000)...)
	c := consume(t, q, diskq.ConsumerOptions{SaveAfter: -1, SaveEvery: -1})
	for i := range 500 {
		must(t, receive(t, c, sluice.Offset(i), 1).Ack())
	}
	if first, _ := q.Bounds(); first != 0 {
		t.Errorf("Bounds() begins at %d before the position is saved", first)
	}
	must(t, c.Commit(t.Context()))
	half, _ := q.Bounds()
	if half < 300 || half > 500 {
		t.Errorf("Bounds() begins at %d after Commit at 500", half)
	}
	for i := 500; i < 1000; i++ {
		must(t, receive(t, c, sluice.Offset(i), 1).Ack())
	}
	must(t, c.Close())
	if first, _ := q.Bounds(); first < 800 {
		t.Errorf("Bounds() begins at %d after Close at 1000", first)
	}
}

// What a consumer could not sync when it was opened counts as lost: nothing is dropped that a power cut would make it ask for.
func TestSyncFailsWhenAConsumerIsOpened(t *testing.T) {
	o := diskq.Options{SegmentBytes: 4096, DeleteConsumed: true}
	for seed := range uint64(20) {
		m := newMem()
		q := open(t, m, o)
		add(t, q, values(500)...)
		must(t, q.Sync(t.Context()))
		c := consume(t, q, diskq.ConsumerOptions{SaveAfter: 1, SaveEvery: -1})
		n := 300 + int(seed)
		for i := range n {
			must(t, receive(t, c, sluice.Offset(i), 1).Ack())
		}
		m = m.Kill()
		q.Close()
		q = open(t, m, o)
		m.Inject(func(call fsx.Call) error {
			if call.Op == fsx.OpSync && call.Name == positions {
				return syscall.EIO
			}
			return nil
		})
		if _, err := q.Consumer("c", diskq.ConsumerOptions{}); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Consumer() = %v, want EIO", err)
		}
		m.Inject(nil)
		c = consume(t, q, diskq.ConsumerOptions{SaveEvery: -1})
		depth(t, c, int64(500-n), 0)
		other, err := q.Consumer("other", diskq.ConsumerOptions{Start: sluice.Newest()})
		must(t, err)
		must(t, other.Close())
		must(t, q.RemoveConsumer("other")) // which drops what c is past
		if first, _ := q.Bounds(); first == 0 {
			t.Fatal("nothing was dropped")
		}
		m = m.PowerCut(seed)
		q.Close()
		q = open(t, m, o)
		c = consume(t, q, diskq.ConsumerOptions{})
		if d, err := c.Receive(t.Context()); err != nil || int(d.Offset) != n {
			t.Fatalf("seed %d: Receive() after a power cut = %d, %v, want %d", seed, d.Offset, err, n)
		}
		must(t, q.Close())
	}
}

// Whoever is late with a save (an Ack that Close overtook, a writer that wants room) writes nothing to what belongs to the
// next consumer by then, or to nobody.
func TestLateSave(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{})
	add(t, q, values(4)...)
	old := consume(t, q, diskq.ConsumerOptions{})
	must(t, receive(t, old, 0, 1).Ack())
	must(t, old.Close())
	must(t, diskq.SaveLate(old))
	c := consume(t, q, diskq.ConsumerOptions{})
	must(t, receive(t, c, 1, 1).Ack())
	must(t, c.Commit(t.Context()))
	must(t, diskq.SaveLate(old))
	m = m.Kill()
	q.Close()
	q = open(t, m, diskq.Options{})
	c = consume(t, q, diskq.ConsumerOptions{})
	depth(t, c, 2, 0)
	must(t, q.RemoveConsumer("c"))
	must(t, diskq.SaveLate(c))
	if _, err := m.Stat(positions); err == nil {
		t.Error("the file of a consumer that was removed is there again")
	}
	must(t, q.Close())
}

// A consumer that is being opened can be looked at.
func TestStatsWhileConsumersAreOpened(t *testing.T) {
	q := open(t, newMem(), diskq.Options{SegmentBytes: 4096, MaxBytes: 16 << 10, DeleteConsumed: true, WhenFull: diskq.DropOldest})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		for ctx.Err() == nil {
			q.Stats()
			for range q.Consumers() {
			}
		}
	})
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := q.Append(t.Context(), value(i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 200 {
		name := fmt.Sprint("c", i%3)
		c, err := q.Consumer(name, diskq.ConsumerOptions{})
		must(t, err)
		must(t, c.Close())
		if i%10 == 0 {
			must(t, q.RemoveConsumer(name))
		}
	}
}

// Times beyond the end of time are never.
func TestForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{})
		defer q.Close()
		add(t, q, values(2)...)
		c := consume(t, q, diskq.ConsumerOptions{AckWait: math.MaxInt64, SaveEvery: math.MaxInt64})
		time.Sleep(time.Hour)
		must(t, receive(t, c, 0, 1).Nack(math.MaxInt64))
		receive(t, c, 1, 1)
		time.Sleep(1000 * time.Hour)
		idle(t, c)
		depth(t, c, 2, 1)
		must(t, q.Close())
	})
}

// A delivery outlives the batch that it came with, whatever the codec lends.
func TestDeliveriesKeepTheirValues(t *testing.T) {
	q, err := diskq.Open(dir, diskq.LentBytes(), diskq.On(diskq.Options{}, newMem()))
	must(t, err)
	defer q.Close()
	const n = 9000
	for i := range n {
		if _, err := q.Append(t.Context(), fmt.Appendf(nil, "%0100d", i)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := q.Consumer("c", diskq.ConsumerOptions{MaxInFlight: n})
	must(t, err)
	ds := make([]diskq.Delivery[[]byte], n)
	for i := range n {
		ds[i], err = c.Receive(t.Context())
		must(t, err)
		if i%7 == 0 {
			must(t, ds[i].Nack(0))
			ds[i], err = c.Receive(t.Context())
			must(t, err)
		}
	}
	for i, d := range ds {
		if want := fmt.Appendf(nil, "%0100d", i); !bytes.Equal(d.Value, want) {
			t.Fatalf("delivery %d holds %.20q, want %.20q", i, d.Value, want)
		}
	}
}

// A blocked sink takes nothing until its context ends.
type blocked struct{ asked chan string }

func (b blocked) Append(ctx context.Context, v string) (sluice.Offset, error) {
	b.asked <- v
	<-ctx.Done()
	return 0, context.Cause(ctx)
}
func (b blocked) AppendAll(context.Context, []string) (sluice.Offset, error) { return 0, nil }
func (b blocked) Close() error                                               { return nil }

// A dead-letter sink that blocks holds up nobody but the dead, and Close ends its wait.
func TestDeadLettersBehindABlockedSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{})
		defer q.Close()
		add(t, q, values(3)...)
		sink := blocked{make(chan string, 10)}
		c := consume(t, q, diskq.ConsumerOptions{MaxAttempts: 1, DeadLetter: sink})
		must(t, receive(t, c, 0, 1).Nack(0))
		must(t, receive(t, c, 1, 1).Ack())
		if v := <-sink.asked; v != value(0) {
			t.Errorf("the sink was given %q, want %q", v, value(0))
		}
		must(t, receive(t, c, 2, 1).Ack())
		depth(t, c, 1, 0)
		must(t, c.Close())
		c = consume(t, q, diskq.ConsumerOptions{MaxAttempts: 1, DeadLetter: sink})
		if v := <-sink.asked; v != value(0) { // it is dead still
			t.Errorf("the sink was given %q, want %q", v, value(0))
		}
		depth(t, c, 1, 0)
		must(t, q.Close())
	})
}
