package diskq_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

var stress = flag.Duration("stress", 600*time.Millisecond, "how long TestStress runs")

// Writers by every method, readers that come, go, seek and skip, and somebody who trims, syncs and looks, all at once, for -stress.
// What each cursor received and missed is what it passed, each writer's values keep their order, and what is left can be
// read when the queue is opened again.
func TestStress(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		for _, when := range []diskq.WhenFull{diskq.Block, diskq.DropOldest} {
			t.Run(fmt.Sprintf("%v/%d", d, when), func(t *testing.T) { stressQueue(t, d, when) })
		}
	}
}

func stressQueue(t *testing.T, d diskq.Durability, when diskq.WhenFull) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := diskq.Options{Durability: d, SegmentBytes: 16 << 10, MaxBytes: 200 << 10, WhenFull: when, SyncEvery: 5 * time.Millisecond}
	dir := t.TempDir()
	q, err := diskq.Open(dir, diskq.String(), o)
	must(t, err)
	var appended, received atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() { appended.Add(stressWrite(ctx, t, q, w)) })
	}
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				received.Add(stressRead(ctx, t, q))
			}
		})
	}
	wg.Go(func() { stressKeep(ctx, t, q) })
	time.Sleep(*stress / 6) // this test runs on real time
	for received.Load() == 0 {
		time.Sleep(time.Millisecond) // the machine is busy
	}
	cancel()
	wg.Wait()
	if _, next := q.Bounds(); int64(next) != appended.Load() || next == 0 || received.Load() == 0 {
		t.Errorf("the end is %d, %d were appended, %d received", next, appended.Load(), received.Load())
	}
	must(t, q.Close())
	q, err = diskq.Open(dir, diskq.String(), o)
	must(t, err)
	r, err := readAll(q)
	must(t, err)
	if int64(r.next) != appended.Load() || len(r.gaps) > 0 || !q.Stats().Recovery.Clean {
		t.Errorf("opened again the end is %d, want %d; gaps %v, want none", r.next, appended.Load(), r.gaps)
	}
	must(t, q.Close())
	t.Logf("appended %d, received %d", appended.Load(), received.Load())
}

// stressWrite appends "w n" for n = 0, 1, …, and returns how many.
func stressWrite(ctx context.Context, t *testing.T, q *diskq.DiskQueue[string], w int) (n int64) {
	for ctx.Err() == nil {
		vs := make([]string, 1+rand.N(20))
		for i := range vs {
			vs[i] = fmt.Sprintf("%d %d %s", w, n+int64(i), strings.Repeat("x", rand.N(300)))
		}
		var err error
		if len(vs) == 1 {
			_, err = q.Append(ctx, vs[0])
		} else {
			_, err = q.AppendAll(ctx, vs)
		}
		if err != nil {
			if err != context.Cause(ctx) {
				t.Errorf("writer %d: %v", w, err)
			}
			return n
		}
		n += int64(len(vs))
	}
	return n
}

// stressRead reads for a while from anywhere and returns how many values it got.
func stressRead(ctx context.Context, t *testing.T, q *diskq.DiskQueue[string]) (n int64) {
	c := q.Cursor([]sluice.Position{sluice.Oldest(), sluice.Newest(), sluice.Last(50), q.Since(time.Now())}[rand.N(4)])
	defer c.Close()
	start, missed, last := c.Offset(), int64(0), map[int]int64{}
	for v, err := range c.All(ctx) {
		lag := (*sluice.LagError)(nil)
		switch {
		case errors.As(err, &lag):
			missed += lag.Missed()
			continue
		case err != nil:
			if err != context.Cause(ctx) {
				t.Errorf("reader: %v", err)
			}
			return n
		}
		var w int
		var i int64
		if _, err := fmt.Sscan(v, &w, &i); err != nil {
			t.Errorf("read %.40q", v)
		}
		if before, ok := last[w]; ok && i <= before {
			t.Errorf("value %d of writer %d came after %d", i, w, before)
		}
		last[w] = i
		n++
		if n+missed != int64(c.Offset()-start) || missed != c.Missed() {
			t.Errorf("received %d and missed %d, but passed %d", n, missed, c.Offset()-start)
		}
		if rand.N(500) == 0 {
			return n
		}
	}
	return n
}

// stressKeep trims, so that writers who wait for room go on, and does whatever else may be done at any time.
func stressKeep(ctx context.Context, t *testing.T, q *diskq.DiskQueue[string]) {
	for ctx.Err() == nil {
		var err error
		switch first, next := q.Bounds(); rand.N(5) {
		case 0, 1:
			err = q.Trim(first + (next-first)/2)
		case 2:
			err = q.Sync(context.Background())
		case 3:
			err = q.Empty()
		case 4:
			if s := q.Stats(); s.Bytes > 260<<10 || s.First > s.Next || s.Synced > s.Next {
				t.Errorf("Stats() = %+v", s)
			}
		}
		if err != nil {
			t.Error(err)
		}
		time.Sleep(time.Millisecond) // this test runs on real time
	}
}
