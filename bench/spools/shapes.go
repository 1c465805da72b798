package spools

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Run is what one run of a rival gave.
type Run struct {
	Time time.Duration
	Lost float64 // of the lines, 0 to 1

	P50, P999 time.Duration // of a call of Write
}

func newLine(size int) []byte {
	line := bytes.Repeat([]byte("."), size)
	line[size-1] = '\n'
	return line
}

// TimeFile returns the time in which that many goroutines together write n lines to a file through r, until it is closed.
func TimeFile(r Rival, n, size, goroutines, buffer int) (run Run, err error) {
	dir, err := os.MkdirTemp("", "spools")
	if err != nil {
		return run, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "file.log")
	w, err := r.open(path, buffer)
	if err != nil {
		return run, err
	}
	line := newLine(size)
	start := time.Now()
	err = inParallel(n, goroutines, func(lines int) error {
		for range lines {
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	run.Time = time.Since(start)
	if err != nil {
		return run, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return run, err
	}
	return run.arrived(r, info.Size(), int64(n)*int64(size))
}

// arrived notes how much of what was written is there.
func (run Run) arrived(r Rival, got, want int64) (Run, error) {
	run.Lost = 1 - float64(got)/float64(want)
	if got != want && !r.Loses {
		return run, fmt.Errorf("%d of %d bytes arrived", got, want)
	}
	return run, nil
}

// inParallel calls f in each of that many goroutines with its share of n.
func inParallel(n, goroutines int, f func(n int) error) error {
	defer log.SetOutput(log.Writer()) // zerolog's diode says there that it is too small
	log.SetOutput(io.Discard)
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		share := n*(g+1)/goroutines - n*g/goroutines
		wg.Go(func() { errs[g] = f(share) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// slow is a sink that takes 5 ms for each write.
type slow struct{ bytes atomic.Int64 }

const slowness = 5 * time.Millisecond

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(slowness)
	s.bytes.Add(int64(len(p)))
	return len(p), nil
}

// linesPerMilli is how many lines of 100 B the goroutines offer together: a third of what the sink takes in full buffers.
const linesPerMilli = 40

// TimeSlow returns how long a Write takes the caller while that many goroutines write n lines to a sink that takes 5 ms for
// each write, a few in each millisecond.
func TimeSlow(r Rival, n, size, goroutines, buffer int) (run Run, err error) {
	sink := new(slow)
	w := r.New(sink, buffer)
	line := newLine(size)
	burst := max(1, linesPerMilli*100/size/goroutines)
	took := make([]time.Duration, 0, n)
	var mu sync.Mutex
	err = inParallel(n, goroutines, func(lines int) error {
		mine := make([]time.Duration, lines)
		for i := range mine {
			if i%burst == 0 {
				time.Sleep(time.Millisecond)
			}
			start := time.Now()
			if _, err := w.Write(line); err != nil {
				return err
			}
			mine[i] = time.Since(start)
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, mine...)
		return nil
	})
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return run, err
	}
	slices.Sort(took)
	run.P50, run.P999 = took[n/2], took[n*999/1000]
	return run.arrived(r, sink.bytes.Load(), int64(n)*int64(size))
}
