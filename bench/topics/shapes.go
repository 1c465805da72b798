package topics

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// TimeFanOut returns the time from the first of n values until the last of that many readers, which wait from before, has
// read the last one.
func TimeFanOut(r Rival, n, readers int) (time.Duration, error) {
	l := r.New()
	tallies := make([]Tally, readers)
	var started, reading sync.WaitGroup
	started.Add(readers)
	for i := range readers {
		read := l.Reader()
		reading.Go(func() {
			started.Done()
			tallies[i] = read()
		})
	}
	started.Wait()
	start := time.Now()
	l.Publish(n)
	l.Close()
	reading.Wait()
	took := time.Since(start)
	if s, ok := l.(interface{ stop() }); ok {
		s.stop()
	}
	var errs []error
	for i, t := range tallies {
		if err := t.Check(n); err != nil {
			errs = append(errs, fmt.Errorf("reader %d: %w", i, err))
		}
	}
	return took, errors.Join(errs...)
}
