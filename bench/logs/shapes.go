package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

// inDir calls f with a directory of its own, which it removes.
func inDir(f func(dir string) error) error {
	dir, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return err
	}
	settle()
	return errors.Join(f(dir), os.RemoveAll(dir))
}

// TimeAppend returns the time in which that many writers together append n records of that size. Closing is not in it, nor
// is one record before, with which some rivals begin their files.
func TimeAppend(r Rival, n, size, writers int) (d time.Duration, err error) {
	err = inDir(func(dir string) error {
		l, err := r.Open(dir)
		if err != nil {
			return err
		}
		if err = l.Append(make([]byte, size)); err == nil {
			d, err = appendAll(l, n, size, writers)
		}
		return errors.Join(err, l.Close())
	})
	return d, err
}

func appendAll(l Log, n, size, writers int) (time.Duration, error) {
	var wg sync.WaitGroup
	errs := make([]error, writers)
	start := time.Now()
	for w := range writers {
		from, to := n*w/writers, n*(w+1)/writers
		wg.Go(func() {
			p := make([]byte, size)
			for i := from; i < to && errs[w] == nil; i++ {
				fill(p, i)
				errs[w] = l.Append(p)
			}
		})
	}
	wg.Wait()
	return time.Since(start), errors.Join(errs...)
}

// TimeBatches returns the time in which n records are appended, so many at once, and one batch before.
func TimeBatches(r Rival, n, size, batch int) (d time.Duration, err error) {
	err = inDir(func(dir string) error {
		l, err := r.Open(dir)
		if err != nil {
			return err
		}
		b := l.(Batcher)
		ps := make([][]byte, batch)
		for i := range ps {
			ps[i] = make([]byte, size)
		}
		err = b.AppendAll(ps)
		start := time.Now()
		for i := 0; i < n && err == nil; i += batch {
			for j := range ps {
				fill(ps[j], i+j)
			}
			err = b.AppendAll(ps)
		}
		d = time.Since(start)
		return errors.Join(err, l.Close())
	})
	return d, err
}

// TimeRead returns the time in which that many readers at once each read a closed log of n records.
func TimeRead(r Rival, n, size, readers int) (d time.Duration, err error) {
	err = inDir(func(dir string) error {
		l, err := r.Open(dir)
		if err != nil {
			return err
		}
		if _, err := appendAll(l, n, size, 1); err != nil {
			return errors.Join(err, l.Close())
		}
		if err := l.Close(); err != nil {
			return err
		}
		d, err = readAll(r, dir, n, size, readers)
		return err
	})
	return d, err
}

// drainers are the rows of diskq that several readers share.
var drainers = map[string]drainer{Buffered: drain, Batches: drainBatches}

func readAll(r Rival, dir string, n, size, readers int) (time.Duration, error) {
	read := func(f func([]byte) error) error { return r.Read(dir, f) }
	if all := drainers[r.Name]; readers > 1 && all != nil { // one process opens it once, for all its readers
		q, err := diskq.Open(dir, diskq.LentBytes(), diskq.Options{})
		if err != nil {
			return 0, err
		}
		defer q.Close()
		read = func(f func([]byte) error) error { return all(q, f) }
	}
	errs := make([]error, readers)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range readers {
		wg.Go(func() {
			t := Tally{size: size}
			errs[i] = errors.Join(read(t.See), t.Check(n))
		})
	}
	wg.Wait()
	return time.Since(start), errors.Join(errs...)
}

// TimeLive returns the time in which n records are appended and read by one reader at the same time.
func TimeLive(r Rival, n, size int) (d time.Duration, err error) {
	err = inDir(func(dir string) error {
		l, err := r.Open(dir)
		if err != nil {
			return err
		}
		read := make(chan error, 1)
		start := time.Now()
		go func() { read <- follow(l, n, size) }()
		_, err = appendAll(l, n, size, 1)
		err = errors.Join(err, <-read)
		d = time.Since(start)
		return errors.Join(err, l.Close())
	})
	return d, err
}

// follow reads n records while they come.
func follow(l Log, n, size int) error {
	t := Tally{size: size}
	switch l := l.(type) {
	case nsqLog:
		for range n {
			if err := t.See(<-l.ReadChan()); err != nil {
				return err
			}
		}
	case queue:
		c := l.Cursor(sluice.Oldest())
		defer c.Close()
		for p, err := range c.All(context.Background()) {
			if err == nil {
				err = t.See(p)
			}
			if err != nil {
				return err
			}
			if t.n == n {
				break
			}
		}
	default:
		return fmt.Errorf("%T can't be read while it is written", l)
	}
	return t.Check(n)
}

// TimeReopen returns the time in which a diskq of n records is opened: one that was closed, or one whose end must be
// looked through, because the process was killed.
func TimeReopen(n, size int, closed bool) (d time.Duration, err error) {
	err = inDir(func(parent string) error {
		dir := filepath.Join(parent, "live")
		q, err := diskq.Open(dir, diskq.Bytes(), diskq.Options{Durability: diskq.Buffered, SegmentBytes: 1 << 30})
		if err != nil {
			return err
		}
		if _, err := appendAll(queue{q}, n, size, 1); err != nil {
			return errors.Join(err, q.Close())
		}
		if err := q.Sync(context.Background()); err != nil {
			return errors.Join(err, q.Close())
		}
		at := dir
		if closed {
			err = q.Close()
		} else { // what a kill would leave is what the files hold now
			at = filepath.Join(parent, "killed")
			err = errors.Join(os.CopyFS(at, os.DirFS(dir)), q.Close())
		}
		if err != nil {
			return err
		}
		settle()
		start := time.Now()
		if q, err = diskq.Open(at, diskq.Bytes(), diskq.Options{}); err != nil {
			return err
		}
		d = time.Since(start)
		if _, next := q.Bounds(); int(next) != n {
			err = fmt.Errorf("%d records are there, want %d", next, n)
		}
		return errors.Join(err, q.Close())
	})
	return d, err
}
