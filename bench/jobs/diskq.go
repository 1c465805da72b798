package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sluice-go/sluice/diskq"
)

func join(errs ...error) error { return errors.Join(errs...) }

// work is what a row's workers do until they have taken n messages, see.
type work func(ctx context.Context, c *diskq.Consumer[[]byte], n int, see func([]byte)) error

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
		err = do(ctx, c, n, t.see)
		took = time.Since(start)
		if c.Depth() != 0 {
			err = join(err, errors.New("the queue is not empty"))
		}
		return took, join(err, <-errs, t.check(n))
	}
}

// receive is one worker, with Receive and Ack.
func receive(ctx context.Context, c *diskq.Consumer[[]byte], n int, see func([]byte)) error {
	for range n {
		d, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		see(d.Value)
		if err := d.Ack(); err != nil {
			return err
		}
	}
	return nil
}

// channel is one worker behind a channel of that capacity.
func channel(size int, ack bool) work {
	return func(ctx context.Context, c *diskq.Consumer[[]byte], n int, see func([]byte)) error {
		ch, stop := c.Chan(ctx, size)
		for range n {
			d := <-ch
			see(d.Value)
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

// compete is that many workers with Receive and Ack.
func compete(workers int) work {
	return func(ctx context.Context, c *diskq.Consumer[[]byte], n int, see func([]byte)) error {
		ctx, done := context.WithCancel(ctx)
		defer done()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var failed error
		left := n
		for range workers {
			wg.Go(func() {
				for d, err := range c.All(ctx) {
					if err == nil {
						err = d.Ack()
					}
					mu.Lock()
					if err != nil && ctx.Err() == nil {
						failed = join(failed, err)
					} else if err == nil {
						see(d.Value)
						if left--; left == 0 {
							done()
						}
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return failed
	}
}
