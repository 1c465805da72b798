package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

func segmentFile(first sluice.Offset) string { return fmt.Sprintf("%s/%020d.seg", dir, first) }

// cutSegment cuts the file of a segment where a value begins.
func cutSegment(t *testing.T, m *fsx.Mem, first, off sluice.Offset) {
	t.Helper()
	pieces, err := diskq.Pieces(m, dir, first)
	must(t, err)
	data, err := fsx.ReadFile(m, segmentFile(first))
	must(t, err)
	for _, p := range pieces {
		if p.Record && p.Offset == off {
			must(t, fsx.WriteFile(m, segmentFile(first), data[:p.Pos]))
			return
		}
	}
	t.Fatalf("value %d is not in segment %d", off, first)
}

// crashes are what takes the last of the values that are below next: of a queue of three segments, of which the latter two
// begin at second and third.
var crashes = map[string]func(t *testing.T, m *fsx.Mem, second, third, next sluice.Offset){
	"the last value":          func(t *testing.T, m *fsx.Mem, _, third, next sluice.Offset) { cutSegment(t, m, third, next-1) },
	"all of the last segment": func(t *testing.T, m *fsx.Mem, _, third, _ sluice.Offset) { cutSegment(t, m, third, third) },
	"more than the last segment": func(t *testing.T, m *fsx.Mem, second, third, _ sluice.Offset) {
		must(t, m.Remove(segmentFile(third)))
		cutSegment(t, m, second, third-1)
	},
	"all of the last two": func(t *testing.T, m *fsx.Mem, second, third, _ sluice.Offset) {
		must(t, m.Remove(segmentFile(third)))
		cutSegment(t, m, second, second)
	},
}

// sequels are what the next writer appends to a queue of which somebody has read all below next.
var sequels = map[string]func(t *testing.T, q *diskq.DiskQueue[string], next sluice.Offset){
	"a value": func(t *testing.T, q *diskq.DiskQueue[string], next sluice.Offset) { add(t, q, "other") },
	"a segment that begins there": func(t *testing.T, q *diskq.DiskQueue[string], next sluice.Offset) {
		for _, n := q.Bounds(); n < next-1; n++ {
			add(t, q, "other")
		}
		add(t, q, strings.Repeat("x", 3500), strings.Repeat("y", 500)) // the former fills a segment
	},
	"segments up to behind": func(t *testing.T, q *diskq.DiskQueue[string], next sluice.Offset) {
		for _, n := q.Bounds(); n < next+2; n++ {
			add(t, q, strings.Repeat("x", 5000)) // has a segment of its own
		}
	},
}

// A follower sees that a crash of the machine that writes took values back that it has given out, wherever the cut is and whatever
// was appended before it looks again.
func TestFollowSeesACutBackAnywhere(t *testing.T) {
	for taken, crash := range crashes {
		for appended, sequel := range sequels {
			t.Run(taken+", then "+appended, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMem()
					q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
					roll(t, q)
					_, second := q.Bounds()
					roll(t, q)
					_, third := q.Bounds()
					add(t, q, "kept", "lost")
					second, third, next := second-1, third-1, third+2
					r := follow(t, m)
					c := r.Cursor(sluice.At(next - 1))
					defer c.Close()
					if v, err := c.Next(t.Context()); v != "lost" || err != nil {
						t.Fatalf("Next() = %q, %v, want lost", v, err)
					}
					must(t, q.Close())
					crash(t, m, second, third, next)
					q = open(t, m, diskq.Options{SegmentBytes: 4096})
					if _, left := q.Bounds(); left >= next {
						t.Fatalf("the queue ends at %d, want before %d", left, next)
					}
					sequel(t, q, next)
					ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errTired)
					defer cancel()
					if v, err := c.Next(ctx); !errors.Is(err, diskq.ErrCutBack) {
						t.Errorf("Next() = %.10q, %v, want ErrCutBack", v, err)
					}
					if v, ok, err := c.TryNext(); !errors.Is(err, diskq.ErrCutBack) {
						t.Errorf("TryNext() = %.10q, %v, %v behind that, want ErrCutBack for ever", v, ok, err)
					}
				})
			})
		}
	}
}

// What a crash takes of a durable queue before anybody could see it is no matter: a follower that has come across it goes on with
// what is there instead.
func TestFollowOverWhatNobodySaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := diskq.Options{Durability: diskq.Durable, SegmentBytes: 4096}
		before := newMem()
		add(t, open(t, before, o), "lost")
		data, err := fsx.ReadFile(before, firstSegment)
		must(t, err)
		m := newMem() // at the moment at which nothing says yet that the value is synced
		must(t, m.MkdirAll(dir, 0o700))
		must(t, fsx.WriteFile(m, firstSegment, data))
		c := follow(t, m).Cursor(sluice.Oldest())
		defer c.Close()
		if v, ok, err := c.TryNext(); ok || err != nil {
			t.Fatalf("TryNext() = %q, %v, %v, want nothing", v, ok, err)
		}
		cutSegment(t, m, 0, 0)
		want := []string{strings.Repeat("x", 5000), "in the next segment"} // which begins where that value ended
		add(t, open(t, m, o), want...)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errTired)
		defer cancel()
		for _, w := range want {
			if v, err := c.Next(ctx); v != w || err != nil {
				t.Fatalf("Next() = %.10q, %v, want %.10q", v, err, w)
			}
		}
	})
}

// A reader that ends keeps the epoch with its offset: then the next one knows that the offset is another value's by now.
func TestFollowerKeepsTheEpoch(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
	add(t, q, values(100)...)
	r := follow(t, m)
	epoch := r.Epoch()
	if epoch != q.Epoch() {
		t.Errorf("Epoch() = %d, the queue's is %d", epoch, q.Epoch())
	}
	must(t, r.Close())
	must(t, q.Close())
	cutSegment(t, m, 0, 90)
	q = open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
	add(t, q, values(50)...)
	must(t, q.Sync(t.Context()))
	if _, next := q.Bounds(); next < 100 {
		t.Fatalf("the queue ends at %d, want an end where the saved offset is another value", next)
	}
	for when, end := range map[string]func() error{"open": func() error { return nil }, "closed": q.Close} {
		must(t, end())
		report, err := diskq.InspectOn(m, dir)
		must(t, err)
		if now := follow(t, m).Epoch(); now != q.Epoch() || report.Epoch != now || now == epoch {
			t.Errorf("%s: Epoch() = %d, Inspect says %d, want the queue's %d, which is not the %d before", when, now, report.Epoch, q.Epoch(), epoch)
		}
	}
}
