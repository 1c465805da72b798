package rings

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run is what one measurement took.
type Run struct {
	Time   time.Duration
	Missed float64 // the part of all deliveries that readers missed
}

// TimeFanOut returns the time from the first of n appends until the last of that many readers, which wait from before, has
// read or missed the last value. The writers share the values; with more than one, order is not checked.
func TimeFanOut(r Rival, capacity, n, writers, readers int) (Run, error) {
	l := r.New(capacity)
	rs := open(l, readers)
	rs.started.Wait()
	start := time.Now()
	appendAll(l, n, writers)
	l.Close()
	rs.wg.Wait()
	run := Run{Time: time.Since(start)}
	var errs []error
	for i, t := range rs.tallies {
		if writers > 1 {
			t.wrong = 0
		}
		if err := t.Check(n, r.Lossy); err != nil {
			errs = append(errs, fmt.Errorf("reader %d: %w", i, err))
		}
		run.Missed += float64(t.missed) / float64(n*readers)
	}
	return run, errors.Join(errs...)
}

// TimePublish returns the time in which n values are appended that nobody reads, to a rival that is full already.
func TimePublish(l Log, capacity, n int) time.Duration {
	l.Append(0, 4*capacity)
	start := time.Now()
	l.Append(4*capacity, n)
	return time.Since(start)
}

func appendAll(l Log, n, writers int) {
	if writers == 1 {
		l.Append(0, n)
		return
	}
	var wg sync.WaitGroup
	for w := range writers {
		from, to := n*w/writers, n*(w+1)/writers
		wg.Go(func() { l.Append(from, to-from) })
	}
	wg.Wait()
}

// running is a set of readers, each in a goroutine.
type running struct {
	tallies     []Tally
	started, wg sync.WaitGroup
}

func open(l Log, readers int) *running {
	rs := &running{tallies: make([]Tally, readers)}
	rs.started.Add(readers)
	for i := range readers {
		read := l.Reader()
		rs.wg.Go(func() {
			rs.started.Done()
			rs.tallies[i] = read()
		})
	}
	return rs
}
