// Jobs shows a pool of workers over a queue on disk that survives kill -9: no job is lost.
//
//	go run ./examples/jobs -add 1000     # adds jobs, and works until it is interrupted
//	kill -9 …                            # in the middle of it, as often as you like
//	go run ./examples/jobs               # goes on where it was; -once ends when nothing is left
//
// A job is a number; to do it is to write that number's square as a line of done.txt, in the queue's directory. A worker
// acknowledges a job when that line is written: a crash in between has the job done again, which is the price of losing
// none. One job in fifty fails at first and is given back; the multiples of 333 always fail, and go to a second queue, of
// dead letters, after three attempts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-go/sluice/diskq"
)

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "jobs-queue", "the `directory` of the queue")
	flag.IntVar(&o.add, "add", 0, "how many jobs to add")
	flag.IntVar(&o.workers, "workers", 8, "how many workers")
	flag.DurationVar(&o.work, "work", 5*time.Millisecond, "how long a job takes")
	flag.BoolVar(&o.once, "once", false, "end when no job is left")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "jobs:", err)
		os.Exit(1)
	}
}

type options struct {
	dir     string
	add     int
	workers int
	work    time.Duration
	once    bool
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	queue, err := diskq.Open(o.dir, diskq.Varint[int](), diskq.Options{DeleteConsumed: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, queue.Close()) }()
	dead, err := diskq.Open(filepath.Join(o.dir, "dead"), diskq.JSON[diskq.Delivery[int]](), diskq.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dead.Close()) }()
	pool, err := queue.Consumer("pool", diskq.ConsumerOptions{MaxAttempts: 3, DeadLetter: dead, AckWait: time.Minute, SaveAfter: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	done, err := os.OpenFile(filepath.Join(o.dir, "done.txt"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer done.Close()

	fmt.Fprintf(out, "%d jobs are left from before\n", pool.Depth())
	if err := add(ctx, queue, o.add); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for range o.workers {
		wg.Go(func() {
			if err := work(ctx, pool, done, o.work); err != nil {
				fmt.Fprintln(out, "a worker ends:", err)
			}
		})
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			if o.once && pool.Depth() == 0 {
				stop()
			}
		}
	}
	wg.Wait()
	fmt.Fprintf(out, "%d jobs are left\n", pool.Depth())
	return nil
}

// add appends jobs, numbered by their place in the queue.
func add(ctx context.Context, queue *diskq.DiskQueue[int], n int) error {
	_, next := queue.Bounds()
	for i := range n {
		if _, err := queue.Append(ctx, int(next)+i); err != nil {
			return err
		}
	}
	return nil
}

// work does jobs until ctx is done.
func work(ctx context.Context, pool *diskq.Consumer[int], done io.Writer, takes time.Duration) error {
	for job, err := range pool.All(ctx) {
		switch {
		case ctx.Err() != nil && err != nil:
			return nil
		case err != nil:
			return err // a gap: the queue lost jobs, and says which
		}
		time.Sleep(takes)
		if job.Value%333 == 0 || job.Value%50 == 0 && job.Attempt == 1 {
			err = job.Nack(10 * time.Millisecond)
		} else if _, err = fmt.Fprintf(done, "%d %d\n", job.Value, job.Value*job.Value); err == nil {
			err = job.Ack()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
