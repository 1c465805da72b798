package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/replay"
)

func consume(t testing.TB, q *diskq.DiskQueue[string], o diskq.ConsumerOptions) *diskq.Consumer[string] {
	t.Helper()
	c, err := q.Consumer("c", o)
	if err != nil {
		t.Fatalf("Consumer() = %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// receive wants the value at off, handed out for that time.
func receive(t testing.TB, c *diskq.Consumer[string], off sluice.Offset, attempt int) diskq.Delivery[string] {
	t.Helper()
	d, err := c.Receive(t.Context())
	if err != nil || d.Offset != off || d.Attempt != attempt || d.Value != value(int(off)) {
		t.Fatalf("Receive() = %q, offset %d, attempt %d, %v, want %q, offset %d, attempt %d",
			d.Value, d.Offset, d.Attempt, err, value(int(off)), off, attempt)
	}
	return d
}

// idle wants that there is nothing to receive.
func idle(t testing.TB, c *diskq.Consumer[string]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
	defer cancel()
	if d, err := c.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Receive() = offset %d, attempt %d, %v, want nothing", d.Offset, d.Attempt, err)
	}
}

func depth(t testing.TB, c *diskq.Consumer[string], want int64, inFlight int) {
	t.Helper()
	if got := c.Depth(); got != want {
		t.Fatalf("Depth() = %d, want %d", got, want)
	}
	if got := c.InFlight(); got != inFlight {
		t.Fatalf("InFlight() = %d, want %d", got, inFlight)
	}
}

func TestConsumerAcksInAnyOrder(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{})
	add(t, q, values(5)...)
	c := consume(t, q, diskq.ConsumerOptions{})
	var ds []diskq.Delivery[string]
	for i := range 5 {
		ds = append(ds, receive(t, c, sluice.Offset(i), 1))
	}
	depth(t, c, 5, 5)
	for _, i := range []int{3, 1, 3} {
		must(t, ds[i].Ack())
	}
	depth(t, c, 3, 3)
	must(t, c.Close())
	if err := ds[0].Ack(); err != sluice.ErrClosed {
		t.Errorf("Ack() after Close = %v, want ErrClosed", err)
	}
	if _, err := c.Receive(t.Context()); err != sluice.ErrClosed {
		t.Errorf("Receive() after Close = %v, want ErrClosed", err)
	}
	c = consume(t, q, diskq.ConsumerOptions{})
	depth(t, c, 3, 0)
	for _, off := range []sluice.Offset{0, 2, 4} {
		must(t, receive(t, c, off, 2).Ack())
	}
	depth(t, c, 0, 0)
	must(t, q.Close())
	q = open(t, m, diskq.Options{})
	c = consume(t, q, diskq.ConsumerOptions{})
	depth(t, c, 0, 0)
	add(t, q, value(5))
	receive(t, c, 5, 1)
}

func TestConsumersAreIndependent(t *testing.T) {
	q := open(t, newMem(), diskq.Options{})
	add(t, q, values(3)...)
	names := []string{"a", "A", "b/../c", "\x00\xff", strings.Repeat("%", 64)}
	for _, name := range names {
		c, err := q.Consumer(name, diskq.ConsumerOptions{})
		must(t, err)
		must(t, receive(t, c, 0, 1).Ack())
		if _, err := q.Consumer(name, diskq.ConsumerOptions{}); err == nil || !strings.Contains(err.Error(), "is open") {
			t.Errorf("a second Consumer(%q) = %v, want an error", name, err)
		}
	}
	var got []string
	for name, off := range q.Consumers() {
		if got = append(got, name); off != 1 {
			t.Errorf("Consumers() has %q at %d, want 1", name, off)
		}
	}
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("Consumers() = %q, want %q", got, names)
	}
	for _, name := range names {
		must(t, q.RemoveConsumer(name))
		if err := q.RemoveConsumer(name); err == nil {
			t.Errorf("a second RemoveConsumer(%q) = nil, want an error", name)
		}
	}
	c, err := q.Consumer("a", diskq.ConsumerOptions{Start: sluice.Last(1)})
	must(t, err)
	receive(t, c, 2, 1)
	for _, name := range []string{"", strings.Repeat("x", 65)} {
		if _, err := q.Consumer(name, diskq.ConsumerOptions{}); err == nil {
			t.Errorf("Consumer(%q) = nil, want an error", name)
		}
	}
}

func TestConsumerOptionErrors(t *testing.T) {
	q := open(t, newMem(), diskq.Options{})
	for want, o := range map[string]diskq.ConsumerOptions{
		"AckWait is -1ns":            {AckWait: -1},
		"MaxInFlight is 16385":       {MaxInFlight: 16385},
		"MaxAttempts is 255":         {MaxAttempts: 255},
		"MaxAttempts is 0":           {DeadLetter: replay.New[string](replay.Options{})},
		"DeadLetter is a int":        {DeadLetter: 7, MaxAttempts: 1},
		"AutoAck settles":            {AutoAck: true, AckWait: 1},
		"offset 9 is beyond the end": {Start: sluice.At(9)},
	} {
		if _, err := q.Consumer("c", o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Consumer() = %v, want an error with %q", err, want)
		}
	}
	for range q.Consumers() {
		t.Error("a consumer exists whose opening failed")
	}
}

func TestNack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{})
		defer q.Close()
		add(t, q, values(4)...)
		c := consume(t, q, diskq.ConsumerOptions{})
		d0, d1 := receive(t, c, 0, 1), receive(t, c, 1, 1)
		must(t, d1.Nack(0))
		must(t, d0.Nack(time.Minute))
		if err := d0.Nack(0); err != diskq.ErrSettled {
			t.Errorf("a second Nack() = %v, want ErrSettled", err)
		}
		d1 = receive(t, c, 1, 2)
		must(t, receive(t, c, 2, 1).Ack())
		must(t, receive(t, c, 3, 1).Ack())
		depth(t, c, 2, 1)
		start := time.Now()
		d0 = receive(t, c, 0, 2)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("handed out again after %v, want 1m", took)
		}
		must(t, d0.Ack())
		must(t, d1.Ack())
		if err := d1.Nack(0); err != diskq.ErrSettled {
			t.Errorf("Nack() after Ack = %v, want ErrSettled", err)
		}
		depth(t, c, 0, 0)
		must(t, q.Close())
	})
}

func TestAckWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{})
		defer q.Close()
		add(t, q, values(3)...)
		c := consume(t, q, diskq.ConsumerOptions{AckWait: time.Minute})
		start := time.Now()
		gone := receive(t, c, 0, 1)
		time.Sleep(time.Second)
		late := receive(t, c, 1, 1)
		must(t, receive(t, c, 2, 1).Ack())
		again := receive(t, c, 0, 2)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("handed out again after %v, want 1m", took)
		}
		if err := gone.Nack(0); err != diskq.ErrSettled {
			t.Errorf("Nack() of a delivery that was given up = %v, want ErrSettled", err)
		}
		time.Sleep(2 * time.Second) // 1 is due, and nobody wants it
		must(t, late.Ack())         // done all the same
		must(t, again.Ack())
		depth(t, c, 0, 0)
		time.Sleep(time.Hour)
		idle(t, c)
		must(t, q.Close())
	})
}

func TestMaxInFlight(t *testing.T) {
	q := open(t, newMem(), diskq.Options{})
	add(t, q, values(4)...)
	c := consume(t, q, diskq.ConsumerOptions{MaxInFlight: 2})
	d := receive(t, c, 0, 1)
	receive(t, c, 1, 1)
	idle(t, c)
	got := make(chan diskq.Delivery[string])
	go func() {
		d, _ := c.Receive(t.Context())
		got <- d
	}()
	must(t, d.Ack())
	if d := <-got; d.Offset != 2 {
		t.Errorf("Receive() = offset %d, want 2", d.Offset)
	}
	idle(t, c)
}

func TestNothingLiesTooFarAhead(t *testing.T) {
	q := open(t, newMem(), diskq.Options{Durability: diskq.Buffered})
	const most = 16 << 10
	if _, err := q.AppendAll(t.Context(), values(most+10)); err != nil {
		t.Fatal(err)
	}
	c := consume(t, q, diskq.ConsumerOptions{})
	first := receive(t, c, 0, 1)
	for i := 1; i < most; i++ {
		must(t, receive(t, c, sluice.Offset(i), 1).Ack())
	}
	idle(t, c)
	depth(t, c, 11, 1)
	must(t, c.Commit(t.Context()))
	must(t, first.Nack(0))
	must(t, receive(t, c, 0, 2).Ack())
	receive(t, c, most, 1)
	depth(t, c, 10, 1)
}

func TestDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{})
		defer q.Close()
		add(t, q, values(3)...)
		dead := replay.New[diskq.Delivery[string]](replay.Options{})
		c := consume(t, q, diskq.ConsumerOptions{MaxAttempts: 2, DeadLetter: dead, AckWait: time.Minute})
		must(t, receive(t, c, 0, 1).Nack(0))
		must(t, receive(t, c, 0, 2).Nack(time.Hour)) // used up: not even the delay counts
		receive(t, c, 1, 1)
		must(t, receive(t, c, 2, 1).Ack())
		receive(t, c, 1, 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		depth(t, c, 0, 0)
		cur := dead.Cursor(sluice.Oldest())
		defer cur.Close()
		for i := range 2 {
			d, ok, err := cur.TryNext()
			if !ok || err != nil || int(d.Offset) != i || d.Attempt != 2 || d.Value != value(i) {
				t.Errorf("dead letter %d = %+v, %v, %v", i, d, ok, err)
			}
		}
		if s := c.Stats(); s.Dead != 2 {
			t.Errorf("Stats().Dead = %d, want 2", s.Dead)
		}
		must(t, q.Close())
	})
}

// A failing sink fails until it is well.
type failing struct {
	mu   sync.Mutex
	well bool
	got  []string
}

func (f *failing) Append(_ context.Context, v string) (sluice.Offset, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.well {
		return 0, errors.New("unwell")
	}
	f.got = append(f.got, v)
	return 0, nil
}
func (f *failing) AppendAll(context.Context, []string) (sluice.Offset, error) { return 0, nil }
func (f *failing) Close() error                                               { return nil }

func TestDeadLettersSurviveAFailingSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{})
		add(t, q, values(2)...)
		dead := &failing{}
		o := diskq.ConsumerOptions{MaxAttempts: 1, DeadLetter: dead}
		c := consume(t, q, o)
		must(t, receive(t, c, 0, 1).Nack(0))
		must(t, receive(t, c, 1, 1).Nack(0))
		time.Sleep(time.Minute)
		depth(t, c, 2, 0)
		if s := c.Stats(); s.DeadErr == nil {
			t.Error("Stats().DeadErr = nil, want the sink's error")
		}
		must(t, q.Close())
		q = open(t, m, diskq.Options{}) // what was dead is still
		c = consume(t, q, o)
		dead.mu.Lock()
		dead.well = true
		dead.mu.Unlock()
		time.Sleep(time.Minute)
		depth(t, c, 0, 0)
		if !slices.Equal(dead.got, values(2)) {
			t.Errorf("the sink got %q, want %q", dead.got, values(2))
		}
		must(t, q.Close())
	})
}

func TestPeek(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{})
	add(t, q, values(2)...)
	c := consume(t, q, diskq.ConsumerOptions{})
	peek := func(want int) {
		t.Helper()
		for range 2 {
			if v, err := c.Peek(t.Context()); v != value(want) || err != nil {
				t.Fatalf("Peek() = %q, %v, want %q", v, err, value(want))
			}
		}
	}
	peek(0)
	d := receive(t, c, 0, 1)
	peek(1)
	must(t, d.Nack(0))
	peek(0)
	depth(t, c, 2, 0)
	must(t, receive(t, c, 0, 2).Ack())
	receive(t, c, 1, 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := c.Peek(ctx); err == nil || err.Error() != "enough" {
		t.Errorf("Peek() = %v, want the cause", err)
	}
}

func TestAll(t *testing.T) {
	q := open(t, newMem(), diskq.Options{})
	add(t, q, values(3)...)
	c := consume(t, q, diskq.ConsumerOptions{})
	for d, err := range c.All(t.Context()) {
		must(t, err)
		must(t, d.Ack())
		if d.Offset == 1 {
			break
		}
	}
	depth(t, c, 1, 0)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("enough")
	var errs []error
	for d, err := range c.All(ctx) {
		if errs = append(errs, err); err == nil {
			must(t, d.Ack())
			cancel(why)
		}
	}
	if !slices.Equal(errs, []error{nil, why}) {
		t.Errorf("All() yielded the errors %v, want nil and the cause", errs)
	}
	must(t, c.Close())
	for range c.All(t.Context()) {
		t.Error("All() of a closed consumer yielded something")
	}
}

// Whoever waits is woken by an append, by a Nack, by room, and by Close; a waiter that is cancelled swallows nothing.
func TestWaitersAreWoken(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			q := open(t, newMem(), diskq.Options{})
			defer q.Close()
			c := consume(t, q, diskq.ConsumerOptions{})
			var wg sync.WaitGroup
			var mu sync.Mutex
			got := map[sluice.Offset]int{}
			const n = 20
			ctx, cancel := context.WithCancel(t.Context())
			for range 4 {
				wg.Go(func() { c.Receive(ctx) })
			}
			for range 8 {
				wg.Go(func() {
					for d, err := range c.All(t.Context()) {
						if err != nil {
							t.Error(err)
							return
						}
						if d.Attempt == 1 && d.Offset%3 == 0 {
							d.Nack(0)
							continue
						}
						mu.Lock()
						got[d.Offset]++
						mu.Unlock()
						d.Ack()
					}
				})
			}
			synctest.Wait()
			cancel()
			for i := range n {
				add(t, q, value(i))
			}
			synctest.Wait()
			depth(t, c, 0, 0)
			mu.Lock()
			for i := range n {
				if got[sluice.Offset(i)] != 1 {
					t.Errorf("value %d was done %d times, want once", i, got[sluice.Offset(i)])
				}
			}
			mu.Unlock()
			must(t, c.Close())
			wg.Wait()
			must(t, q.Close())
		})
	}
}

func ExampleConsumer() {
	ctx := context.Background()
	q, err := diskq.Open("jobs", diskq.String(), diskq.On(diskq.Options{}, newMem()))
	if err != nil {
		panic(err)
	}
	defer q.Close()
	q.Append(ctx, "resize cat.png")
	q.Append(ctx, "resize dog.png")

	workers, err := q.Consumer("workers", diskq.ConsumerOptions{AckWait: time.Minute})
	if err != nil {
		panic(err)
	}
	defer workers.Close()
	for range 3 {
		job, err := workers.Receive(ctx)
		if err != nil {
			panic(err)
		}
		fmt.Println(job.Value, "attempt", job.Attempt)
		if job.Value == "resize cat.png" && job.Attempt == 1 {
			job.Nack(0) // this worker can't do it
			continue
		}
		job.Ack()
	}
	fmt.Println("left:", workers.Depth())
	// Output:
	// resize cat.png attempt 1
	// resize cat.png attempt 2
	// resize dog.png attempt 1
	// left: 0
}
