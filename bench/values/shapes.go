package values

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// TimeAppend returns the time in which that many writers together append n values to an empty log that nobody reads.
func TimeAppend(l Log, n, writers int) time.Duration {
	start := time.Now()
	if writers == 1 {
		l.Append(0, n)
		return time.Since(start)
	}
	var wg sync.WaitGroup
	for w := range writers {
		from, to := n*w/writers, n*(w+1)/writers
		wg.Go(func() { l.Append(from, to-from) })
	}
	wg.Wait()
	return time.Since(start)
}

// TimeReplay returns the time in which that many readers each read a finished log of n values.
func TimeReplay(l Log, n, readers int) (time.Duration, error) {
	rs := open(l, readers)
	start := time.Now()
	rs.run()
	rs.wg.Wait()
	return time.Since(start), rs.check(n)
}

// TimeLive returns the time from the first of n appends until the last of that many readers, which wait from before, has
// read the last value.
func TimeLive(l Log, n, readers int) (time.Duration, error) {
	rs := open(l, readers)
	rs.run()
	rs.started.Wait()
	start := time.Now()
	l.Append(0, n)
	l.Close()
	rs.wg.Wait()
	return time.Since(start), rs.check(n)
}

// running is a set of readers.
type running struct {
	loops       []func() Tally
	tallies     []Tally
	started, wg sync.WaitGroup
}

func open(l Log, readers int) *running {
	rs := &running{tallies: make([]Tally, readers)}
	for range readers {
		rs.loops = append(rs.loops, l.Reader())
	}
	return rs
}

// run starts the readers, each in a goroutine.
func (rs *running) run() {
	rs.started.Add(len(rs.loops))
	for i, read := range rs.loops {
		rs.wg.Go(func() {
			rs.started.Done()
			rs.tallies[i] = read()
		})
	}
}

// check returns an error if a reader did not get all n values. The readers have returned.
func (rs *running) check(n int) error {
	var errs []error
	for i, t := range rs.tallies {
		if err := t.Check(n); err != nil {
			errs = append(errs, fmt.Errorf("reader %d: %w", i, err))
		}
	}
	return errors.Join(errs...)
}
