package jobs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice/diskq"
)

func join(errs ...error) error { return errors.Join(errs...) }

// work is what a row's workers do until they have taken n messages, which they count.
type work func(ctx context.Context, c *diskq.Consumer[[]byte], n int, t *tally) error

// ours times a producer and a consumer of a queue with these options.
func ours(d diskq.Durability, do work, o diskq.ConsumerOptions) func(dir string, n int) (time.Duration, error) {
	return func(dir string, n int) (took time.Duration, err error) {
		q, err := diskq.Open(dir, diskq.Bytes(), diskq.Options{Durability: d})
		if err != nil {
			return 0, err
		}
		defer func() { err = join(err, q.Close()) }()
		c, err := q.Consumer("workers", o)
		if err != nil {
			return 0, err
		}
		// One that can be cancelled, as in a program: it costs a receiver more.
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var t tally
		start := time.Now()
		errs := produce(n, func(p []byte) error {
			_, err := q.Append(ctx, p)
			return err
		})
		err = do(ctx, c, n, &t)
		took = time.Since(start)
		if c.Depth() != 0 {
			err = join(err, errors.New("the queue is not empty"))
		}
		return took, join(err, <-errs, t.check(n))
	}
}

// channel is one worker behind a channel of that capacity.
func channel(size int, ack bool) work {
	return func(ctx context.Context, c *diskq.Consumer[[]byte], n int, t *tally) error {
		ch, stop := c.Chan(ctx, size)
		for range n {
			d := <-ch
			t.see(d.Value)
			if !ack {
				continue
			}
			if err := d.Ack(); err != nil {
				return join(err, stop())
			}
		}
		return stop()
	}
}

// receive is that many workers with Receive and Ack, one like eight: each claims a message, receives and acknowledges it,
// and counts for itself.
func receive(workers int) work {
	return func(ctx context.Context, c *diskq.Consumer[[]byte], n int, t *tally) error {
		var claimed atomic.Int64
		var mu sync.Mutex // guards t and failed
		var failed error
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				mine, err := receiveSome(ctx, c, func() bool { return claimed.Add(1) <= int64(n) })
				mu.Lock()
				defer mu.Unlock()
				t.add(mine)
				failed = join(failed, err)
			})
		}
		wg.Wait()
		return failed
	}
}

// receiveSome is one of the workers.
func receiveSome(ctx context.Context, c *diskq.Consumer[[]byte], claim func() bool) (t tally, err error) {
	for claim() {
		d, err := c.Receive(ctx)
		if err != nil {
			return t, err
		}
		t.see(d.Value)
		if err := d.Ack(); err != nil {
			return t, err
		}
	}
	return t, nil
}
