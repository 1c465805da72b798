package diskq_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

func TestUnbufferedChanTakesNothingAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{})
		add(t, q, values(5)...)
		c := consume(t, q, diskq.ConsumerOptions{AckWait: time.Minute})
		ch, stop := c.Chan(t.Context(), 0)
		synctest.Wait()
		depth(t, c, 5, 0)
		time.Sleep(time.Hour) // what is offered has no time
		depth(t, c, 5, 0)
		must(t, receive(t, c, 0, 1).Ack()) // though the channel offered it
		if v, err := c.Peek(t.Context()); v != value(1) || err != nil {
			t.Errorf("Peek() = %q, %v, want %q", v, err, value(1))
		}
		synctest.Wait()
		d := <-ch
		if d.Offset != 1 || d.Attempt != 1 || d.Value != value(1) {
			t.Errorf("the channel gave offset %d, attempt %d, want 1, 1", d.Offset, d.Attempt)
		}
		synctest.Wait()
		depth(t, c, 4, 1)
		must(t, d.Ack())
		d = <-ch
		must(t, stop())
		must(t, stop())
		if _, ok := <-ch; ok {
			t.Error("the channel is open after stop")
		}
		depth(t, c, 3, 1)
		receive(t, c, 3, 1)
		must(t, d.Nack(0))
		receive(t, c, 2, 2)
		must(t, q.Close())
	})
}

func TestStopGivesBackWhatNobodyTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{})
		defer q.Close()
		add(t, q, values(10)...)
		c := consume(t, q, diskq.ConsumerOptions{MaxAttempts: 1})
		ch, stop := c.Chan(t.Context(), 4)
		synctest.Wait()
		depth(t, c, 10, 5) // four, and the one that waits
		first := <-ch
		synctest.Wait()
		must(t, stop())
		depth(t, c, 10, 1)
		must(t, first.Ack())
		for i := 1; i < 10; i++ {
			must(t, receive(t, c, sluice.Offset(i), 1).Ack())
		}
		idle(t, c)
		depth(t, c, 0, 0)
		must(t, q.Close())
	})
}

// The time of a value in a buffered channel begins when somebody takes it out.
func TestAckWaitBehindABuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{})
		defer q.Close()
		add(t, q, values(2)...)
		c := consume(t, q, diskq.ConsumerOptions{AckWait: time.Minute})
		ch, stop := c.Chan(t.Context(), 4)
		time.Sleep(time.Hour)
		start := time.Now()
		if d := <-ch; d.Attempt != 1 {
			t.Errorf("attempt %d of a value that nobody took for an hour, want 1", d.Attempt)
		}
		time.Sleep(time.Minute - 1)
		if d := <-ch; d.Offset != 1 || d.Attempt != 1 {
			t.Errorf("offset %d, attempt %d, want 1, 1", d.Offset, d.Attempt)
		}
		if d := <-ch; d.Offset != 0 || d.Attempt != 2 {
			t.Errorf("offset %d, attempt %d, want 0, 2", d.Offset, d.Attempt)
		}
		if took := time.Since(start); took < time.Minute || took > 2*time.Minute {
			t.Errorf("handed out again after %v, want between 1m and 2m", took)
		}
		must(t, stop())
		must(t, q.Close())
	})
}

func TestAutoAck(t *testing.T) {
	for _, size := range []int{-1, 0, 3} {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			q := open(t, m, diskq.Options{})
			add(t, q, values(10)...)
			o := diskq.ConsumerOptions{AutoAck: true}
			c := consume(t, q, o)
			if size < 0 {
				for i := range 4 {
					d := receive(t, c, sluice.Offset(i), 1)
					must(t, d.Ack())
					if err := d.Nack(0); err != diskq.ErrSettled {
						t.Errorf("Nack() with AutoAck = %v, want ErrSettled", err)
					}
				}
			} else {
				ch, stop := c.Chan(t.Context(), size)
				for range 4 {
					<-ch
				}
				synctest.Wait()
				if got := c.Depth(); got != 6 {
					t.Errorf("size %d: Depth() = %d, want 6", size, got)
				}
				time.Sleep(2 * time.Second) // the position is saved
				m = m.Kill()
				stop()
				c.Close()
				q.Close()
				q = open(t, m, diskq.Options{})
				c = consume(t, q, o)
			}
			for i := 4; i < 10; i++ {
				receive(t, c, sluice.Offset(i), 1)
			}
			depth(t, c, 0, 0)
			must(t, q.Close())
		})
	}
}

func TestChanEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{SegmentBytes: 4096})
		defer q.Close()
		add(t, q, values(500)...)
		c := consume(t, q, diskq.ConsumerOptions{})
		must(t, q.Trim(300))
		first, _ := q.Bounds()
		for _, size := range []int{0, 8} {
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			if size == 0 {
				ch, stop := c.Chan(ctx, size)
				for range ch {
					t.Error("a channel gave a value that is gone")
				}
				lag := (*sluice.LagError)(nil)
				if err := stop(); !errors.As(err, &lag) || lag.To != first {
					t.Errorf("stop() = %v, want a gap up to %d", err, first)
				}
			}
			ch, stop := c.Chan(ctx, size)
			d := <-ch
			must(t, d.Ack())
			cancel(why)
			synctest.Wait()
			if err := stop(); err != why {
				t.Errorf("stop() = %v, want the cause", err)
			}
			ch, stop = c.Chan(t.Context(), size)
			if next := <-ch; next.Offset != d.Offset+1 {
				t.Errorf("a new channel begins at %d, want %d", next.Offset, d.Offset+1)
			} else {
				must(t, next.Ack())
			}
			must(t, stop())
		}
		ch, stop := c.Chan(t.Context(), 3)
		must(t, c.Close())
		for range ch {
		}
		must(t, stop())
		if _, ok := <-func() <-chan diskq.Delivery[string] { ch, _ := c.Chan(t.Context(), 0); return ch }(); ok {
			t.Error("Chan() of a closed consumer gave something")
		}
		must(t, q.Close())
	})
}

// Goroutines that receive, peek, range over channels of all kinds and stop them share a consumer: each value is done once.
func TestCrowd(t *testing.T) {
	q := open(t, newMem(), diskq.Options{Durability: diskq.Buffered, SegmentBytes: 64 << 10})
	c := consume(t, q, diskq.ConsumerOptions{SaveAfter: 7, MaxInFlight: 50})
	const n = 4000
	var mu sync.Mutex
	done := make([]int, n)
	left := n
	ctx, cancel := context.WithCancel(t.Context())
	do := func(d diskq.Delivery[string]) {
		if d.Value != value(int(d.Offset)) {
			t.Errorf("offset %d has value %q", d.Offset, d.Value)
		}
		if int(d.Offset)%7 == 0 && d.Attempt < 3 {
			if err := d.Nack(time.Duration(d.Offset%2) * time.Microsecond); err != nil {
				t.Error(err)
			}
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if done[d.Offset]++; done[d.Offset] > 1 {
			t.Errorf("offset %d is done twice", d.Offset)
		}
		if err := d.Ack(); err != nil {
			t.Error(err)
		}
		if left--; left == 0 {
			cancel()
		}
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for d, err := range c.All(ctx) {
				if err != nil {
					return
				}
				do(d)
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				ch, stop := c.Chan(ctx, []int{0, 0, 1, 16}[w])
				for range 50 {
					select {
					case d, ok := <-ch:
						if ok {
							do(d)
						}
					case <-ctx.Done():
					}
				}
				stop()
				short, cancel := context.WithTimeout(ctx, 10*time.Microsecond)
				if d, err := c.Receive(short); err == nil {
					do(d)
				}
				c.Peek(short)
				cancel()
			}
		})
	}
	for i := range n {
		add(t, q, value(i))
	}
	wg.Wait()
	if left != 0 {
		t.Errorf("%d values are not done", left)
	}
	depth(t, c, 0, 0)
	must(t, q.Close())
}
