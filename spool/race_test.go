package spool_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

// Write races Close and Flush, ten thousand times: what was accepted is there, and nothing else, each goroutine's lines in
// order; after a Flush everything that was accepted before it.
func TestWriteRacesCloseAndFlush(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 500
	}
	for range rounds {
		raceWriteWithCloseAndFlush(t)
		if t.Failed() {
			return
		}
	}
}

func raceWriteWithCloseAndFlush(t *testing.T) {
	var out firsts
	w := spool.NewWriter(&out, spool.Options{BufferBytes: 4 + rand.IntN(60), Buffers: 2 + rand.IntN(2)})
	var wg sync.WaitGroup
	var accepted [3]int
	var first atomic.Int32 // how many lines of goroutine 0 are accepted
	for g := range accepted {
		wg.Go(func() {
			for i := range 50 {
				_, err := w.WriteString(strconv.Itoa(g) + " " + strconv.Itoa(i) + "\n")
				if err == sluice.ErrClosed {
					return
				}
				if err != nil {
					t.Errorf("WriteString() = %v, want nil or ErrClosed", err)
				}
				accepted[g] = i + 1
				if g == 0 {
					first.Store(int32(i + 1))
				}
			}
		})
	}
	wg.Go(func() {
		for range rand.IntN(3) {
			before := first.Load()
			if err := w.Flush(context.Background()); err != nil || out.n.Load() < before {
				t.Errorf("Flush() = %v, the sink has %d of %d lines accepted before", err, out.n.Load(), before)
			}
		}
		if err := w.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	wg.Wait()
	var seen [3]int
	for l := range bytes.Lines(out.Bytes()) {
		g := l[0] - '0'
		if i, err := strconv.Atoi(string(l[2 : len(l)-1])); err != nil || i != seen[g] {
			t.Errorf("line %q: want number %d", l, seen[g])
		}
		seen[g]++
	}
	if seen != accepted {
		t.Errorf("the sink has %v lines of each goroutine, want the %v accepted", seen, accepted)
	}
}

// firsts counts the lines of goroutine 0 that it gets.
type firsts struct {
	bytes.Buffer
	n atomic.Int32
}

func (f *firsts) Write(p []byte) (int, error) {
	f.n.Add(int32(bytes.Count(p, []byte("0 "))))
	return f.Buffer.Write(p)
}

// Lines of many goroutines are never mixed, though every kind of call is made at once and the sink stutters.
func TestEverythingAtOnce(t *testing.T) {
	for _, o := range []spool.Overflow{spool.Block, spool.DropNewest, spool.DropOldest} {
		s := &sink{short: 37}
		var dropped atomic.Int64
		w := spool.NewWriter(s, spool.Options{
			BufferBytes: 200, Buffers: 3, Overflow: o, FlushEvery: 1,
			OnDrop: func(p []byte, n int) {
				if got := bytes.Count(p, []byte("\n")); got != n {
					t.Errorf("OnDrop got %d lines and is told %d", got, n)
				}
				dropped.Add(int64(n))
			},
		})
		var wg sync.WaitGroup
		var offered atomic.Int64
		for g := range 6 {
			wg.Go(func() {
				for i := range 2000 {
					offered.Add(1)
					n := 10 + i%97
					if i%500 == 0 {
						n = 300
					}
					switch i % 100 {
					case 50:
						w.Flush(t.Context())
					case 99:
						w.Sync()
					}
					w.WriteString(line(n, g, " ", i, " "))
				}
			})
		}
		wg.Go(func() { // a reader of the counts
			for range 1000 {
				if s := w.Stats(); s.Buffered.Bytes < 0 || s.Buffered.Bytes > 600+300 {
					t.Errorf("Buffered = %v: the bound is 3 buffers of 200 bytes, and a line of 300 that is lent", s.Buffered)
				}
			}
		})
		wg.Wait()
		closed(t, w)
		stats := w.Stats()
		lines := int64(strings.Count(s.String(), "\n"))
		if stats.Written.Lines != lines || stats.Buffered != count(0, 0) || lines+dropped.Load() != offered.Load() ||
			stats.Dropped.Lines+stats.Refused.Lines != dropped.Load() || stats.Accepted.Lines+stats.Refused.Lines != offered.Load() {
			t.Errorf("overflow %d: offered %d, the sink has %d, dropped %d, Stats() = %+v", o, offered.Load(), lines, dropped.Load(), stats)
		}
		if o == spool.Block && dropped.Load() != 0 {
			t.Errorf("Block dropped %d lines", dropped.Load())
		}
		last := map[int]int{}
		for l := range strings.Lines(s.String()) {
			var g, i int
			if _, err := fmt.Sscanf(l, "%d %d ", &g, &i); err != nil {
				t.Fatalf("a line is %q", l)
			}
			n := 10 + i%97
			if i%500 == 0 {
				n = 300
			}
			if l != line(n, g, " ", i, " ") {
				t.Fatalf("a line is %q, want %q", l, line(n, g, " ", i, " "))
			}
			if i < last[g] {
				t.Errorf("line %d of goroutine %d comes after its line %d", i, g, last[g])
			}
			last[g] = i
		}
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	w := spool.NewWriter(new(sinkhole), spool.Options{BufferBytes: 1000, Buffers: 2})
	defer w.Close()
	p, s := []byte(line(100)), line(100)
	for range 100 {
		w.Write(p)
	}
	if got := testing.AllocsPerRun(10_000, func() { w.Write(p); w.WriteString(s) }); got != 0 {
		t.Errorf("Write and WriteString allocate %v times, want 0", got)
	}
	drops := spool.NewWriter(new(sinkhole), spool.Options{BufferBytes: 1000, Buffers: 2, Overflow: spool.DropOldest})
	defer drops.Close()
	if got := testing.AllocsPerRun(10_000, func() { drops.Write(p) }); got != 0 {
		t.Errorf("Write that drops allocates %v times, want 0", got)
	}
}

type sinkhole struct{ n int }

func (s *sinkhole) Write(p []byte) (int, error) {
	s.n += len(p)
	return len(p), nil
}

// The same for a Dir: what was accepted is in finished files after Close, what was flushed after Flush.
func TestDirWriteRacesCloseAndFlush(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 50
	}
	for range rounds {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 2, BufferBytes: 10 + rand.IntN(60), MaxFileBytes: 100, Timeout: time.Minute})
		var wg sync.WaitGroup
		var mu sync.Mutex
		var accepted []string
		for g := range 3 {
			wg.Go(func() {
				for i := range 20 {
					msg := fmt.Sprint(g, " ", i, strings.Repeat(".", i*i%90))
					_, err := d.Write([]byte(msg))
					if err == sluice.ErrClosed {
						return
					}
					if err != nil {
						t.Errorf("Write() = %v, want nil or ErrClosed", err)
					}
					mu.Lock()
					accepted = append(accepted, msg)
					mu.Unlock()
				}
			})
		}
		wg.Go(func() {
			for range rand.IntN(3) {
				mu.Lock()
				before := len(accepted)
				mu.Unlock()
				if err := d.Flush(context.Background()); err != nil {
					t.Errorf("Flush() = %v, want nil", err)
				}
				if s := d.Stats(); s.Finished.Lines < int64(before) {
					t.Errorf("after Flush %d of %d messages are in finished files", s.Finished.Lines, before)
				}
			}
			closed(t, d)
		})
		wg.Wait()
		wantMessages(t, m, "/out", spool.Lines, accepted)
		if t.Failed() {
			return
		}
	}
}
