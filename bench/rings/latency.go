package rings

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// A line carries numbers to readers that call got for each. Unlike [Log] it is used value by value.
type line interface {
	append(v int)
	reader() (read func(got func(v int)))
	close()
}

type ringLine struct{ *ring.Ring[int] }

// newRingLine returns a ring that holds all values: a processor that is taken away for long must not make a gap.
func newRingLine(o ring.Options, n int) line { return ringLine{ring.New[int](n, o)} }

func (l ringLine) append(v int) { l.Append(context.Background(), v) }

func (l ringLine) close() { l.Close() }

func (l ringLine) reader() func(func(int)) {
	cur := l.Cursor(sluice.Oldest())
	return func(got func(int)) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer cur.Close()
		for v, err := range cur.All(ctx) {
			if err != nil {
				panic(err) // there can be no gap: a broken benchmark
			}
			got(v)
		}
	}
}

type channelLine struct {
	size int
	chs  []chan int
}

func newChannelLine(n int) line { return &channelLine{size: n} }

func (l *channelLine) append(v int) {
	for _, ch := range l.chs {
		ch <- v
	}
}

func (l *channelLine) close() {
	for _, ch := range l.chs {
		close(ch)
	}
}

func (l *channelLine) reader() func(func(int)) {
	ch := make(chan int, l.size)
	l.chs = append(l.chs, ch)
	return func(got func(int)) {
		for v := range ch {
			got(v)
		}
	}
}

// Latency is the time from just before an append until the last reader has the value.
type Latency struct{ P50, P99 time.Duration }

// between is the time from one value to the next: the readers sleep again meanwhile.
const between = 20 * time.Microsecond

// measureLatency appends n values, each 20 µs after the one before. Meanwhile the writer yields in a loop, so that with one
// processor readers run at all.
func measureLatency(l line, n, readers int) (Latency, error) {
	sent, took := make([]time.Time, n), make([]time.Duration, n)
	waiting := make([]atomic.Int32, n) // readers that don't have the value yet
	for i := range waiting {
		waiting[i].Store(int32(readers))
	}
	var wg sync.WaitGroup
	for range readers {
		read := l.reader()
		wg.Go(func() {
			read(func(v int) {
				if waiting[v].Add(-1) == 0 {
					took[v] = time.Since(sent[v])
				}
			})
		})
	}
	for v := range n {
		for before := time.Now(); time.Since(before) < between; {
			runtime.Gosched()
		}
		sent[v] = time.Now()
		l.append(v)
	}
	l.close()
	wg.Wait()
	for v := range waiting {
		if left := waiting[v].Load(); left != 0 {
			return Latency{}, fmt.Errorf("value %d: %d readers did not get it", v, left)
		}
	}
	slices.Sort(took)
	return Latency{took[n/2], took[n*99/100]}, nil
}
