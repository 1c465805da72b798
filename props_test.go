package sluice_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/sourcetest"
	"pgregory.net/rapid"
)

// stores are all stores of this module, in each form that makes a promise of its own. A new store adds its rows here, and
// is held to the same laws as the others.
func stores() []store {
	return []store{
		row("replay", replayOf(replay.Options{}, 0)),
		row("replay/MaxValues=1", replayOf(replay.Options{MaxValues: 1}, 1)),
		row("replay/MaxValues=20", replayOf(replay.Options{MaxValues: 20}, 20)),
		row("replay/MaxBytes=80", sourcetest.Config[string]{
			New: func(testing.TB) sluice.Log[string] {
				return replay.New[string](replay.Options{MaxBytes: 80})
			},
			Value: func(n int64) string { return strconv.FormatInt(n, 10) },
			Room:  8, // of at most ten digits
		}),
		row("replay/MaxAge=24h", replayOf(replay.Options{MaxAge: 24 * time.Hour}, 0)),
		row("ring/1", ringOf(1, ring.Overwrite)),
		row("ring/8", ringOf(8, ring.Overwrite)),
		row("ring/1000", ringOf(1000, ring.Overwrite)),
		row("ring/gated/1", ringOf(1, ring.Gated)),
		row("ring/gated/8", ringOf(8, ring.Gated)),
		row("ring/gated/1000", ringOf(1000, ring.Gated)),
		row("ring/SingleWriter/8", withOneWriter(8, ring.Overwrite)),
		row("ring/gated/SingleWriter/1", withOneWriter(1, ring.Gated)),
		row("ring/gated/SingleWriter/8", withOneWriter(8, ring.Gated)),
		row("diskq/written", diskqOf(diskq.Options{})),
		row("diskq/buffered", diskqOf(diskq.Options{Durability: diskq.Buffered, SegmentBytes: 4096})),
	}
}

func replayOf(o replay.Options, room int64) sourcetest.Config[int] {
	return sourcetest.Config[int]{
		New:   func(testing.TB) sluice.Log[int] { return replay.New[int](o) },
		Value: func(n int64) int { return int(n) },
		Room:  room,
	}
}

func withOneWriter(capacity int, p ring.Policy) sourcetest.Config[int] {
	cfg := ringOf(capacity, p)
	cfg.New = func(testing.TB) sluice.Log[int] {
		return ring.New[int](capacity, ring.Options{Policy: p, SingleWriter: true})
	}
	cfg.OneWriter = true
	return cfg
}

func ringOf(capacity int, p ring.Policy) sourcetest.Config[int] {
	return sourcetest.Config[int]{
		New:      func(testing.TB) sluice.Log[int] { return ring.New[int](capacity, ring.Options{Policy: p}) },
		Value:    func(n int64) int { return int(n) },
		Room:     int64(capacity),
		Blocking: p == ring.Gated,
	}
}

// diskqOf is a queue in a directory of its own. What is durable is held to the same in package diskq, in memory: a thousand
// syncs of a disk take too long here.
func diskqOf(o diskq.Options) sourcetest.Config[int] {
	open := func(t testing.TB, dir string) sluice.Log[int] {
		q, err := diskq.Open(dir, diskq.Varint[int](), o)
		if err != nil {
			t.Fatal(err)
		}
		return onDisk{q, dir}
	}
	return sourcetest.Config[int]{
		New:   func(t testing.TB) sluice.Log[int] { return open(t, t.TempDir()) },
		Value: func(n int64) int { return int(n) },
		Reopen: func(t testing.TB, closed sluice.Log[int]) sluice.Log[int] {
			return open(t, closed.(onDisk).dir)
		},
		Slow: true,
	}
}

type onDisk struct {
	*diskq.DiskQueue[int]
	dir string
}

// A store is a row: what is tested of it, whatever the type of its values.
type store struct {
	name    string
	conform func(*testing.T)
	crowd   func(*testing.T)
}

func row[T comparable](name string, cfg sourcetest.Config[T]) store {
	return store{
		name:    name,
		conform: func(t *testing.T) { sourcetest.Test(t, cfg) },
		crowd:   func(t *testing.T) { rapid.Check(t, func(rt *rapid.T) { checkCrowd(t, rt, cfg) }) },
	}
}

func TestConformance(t *testing.T) {
	for _, s := range stores() {
		t.Run(s.name, s.conform)
	}
}

// TestCrowd runs random readers while a writer writes: they come late, leave, come back, are cancelled, read in any way.
// Whatever they do, each of them gets every value that it passes, or is told how many it missed.
func TestCrowd(t *testing.T) {
	for _, s := range stores() {
		t.Run(s.name, s.crowd)
	}
}

// A visitor is what a random reader does.
type visitor struct {
	start    sluice.Position
	skips    bool
	channel  int           // the capacity of Chan; -1: Entries
	leave    int           // after how many values it stops for a moment
	patience time.Duration // of each visit
	pause    time.Duration // between values, so that it lags
}

var visitors = rapid.Custom(func(t *rapid.T) visitor {
	return visitor{
		start: rapid.SampledFrom([]sluice.Position{
			sluice.Oldest(), sluice.Newest(), sluice.At(0), sluice.Last(3),
		}).Draw(t, "start"),
		skips:    rapid.Bool().Draw(t, "skips gaps"),
		channel:  rapid.IntRange(-1, 5).Draw(t, "channel"),
		leave:    rapid.IntRange(1, 100).Draw(t, "leaves after"),
		patience: time.Duration(rapid.IntRange(1, 2000).Draw(t, "patience in ms")) * time.Millisecond,
		pause:    time.Duration(rapid.IntRange(0, 20).Draw(t, "pause in ms")) * time.Millisecond,
	}
})

func checkCrowd[T comparable](t *testing.T, rt *rapid.T, cfg sourcetest.Config[T]) {
	crowd := rapid.SliceOfN(visitors, 1, 5).Draw(rt, "crowd")
	pieces := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 50).Draw(rt, "pieces")
	var problems []error
	synctest.Test(t, func(t *testing.T) {
		log := cfg.New(t)
		ended := make(chan error, len(crowd))
		for _, v := range crowd {
			go func() { ended <- (&visit[T]{visitor: v, log: log, value: cfg.Value}).run() }()
		}
		n := int64(0)
		for _, piece := range pieces {
			if cfg.Blocking {
				piece = min(piece, int(cfg.Room)) // more can never fit
			}
			vs := make([]T, piece)
			for i := range vs {
				vs[i] = cfg.Value(n)
				n++
			}
			if off, err := log.AppendAll(t.Context(), vs); err != nil || int64(off) != n-int64(piece) {
				problems = append(problems, fmt.Errorf("AppendAll() = %v, %v, want %v, nil", off, err, n-int64(piece)))
			}
			time.Sleep(10 * time.Millisecond) // of the bubble's time, which is the plan of who comes when
		}
		log.Close()
		for range crowd {
			problems = append(problems, <-ended)
		}
	})
	if err := errors.Join(problems...); err != nil {
		rt.Fatal(err)
	}
}

// A visit is a visitor at a log.
type visit[T comparable] struct {
	visitor
	log      sluice.Log[T]
	value    func(int64) T
	c        *sluice.Cursor[T]
	received int64
}

var errTired = errors.New("the visitor has no time left")

// run reads the log to its end, coming back as often as it takes, and returns what was wrong.
func (v *visit[T]) run() error {
	v.c = v.log.Cursor(v.start)
	defer v.c.Close()
	if v.skips {
		v.c.SkipGaps()
	}
	start := v.c.Offset()
	for done := false; !done; {
		ctx, cancel := context.WithTimeoutCause(context.Background(), v.patience, errTired)
		var err error
		if v.channel < 0 {
			done, err = v.readEntries(ctx)
		} else {
			done, err = v.readChan(ctx)
		}
		cancel()
		if err != nil {
			return err
		}
		if passed := int64(v.c.Offset() - start); v.received+v.c.Missed() != passed {
			return fmt.Errorf("received %d and missed %d, but passed %d", v.received, v.c.Missed(), passed)
		}
	}
	if _, next := v.log.Bounds(); v.c.Offset() != next {
		return fmt.Errorf("the end came at %d, want it at %d", v.c.Offset(), next)
	}
	return nil
}

// readEntries reads for a while, and reports whether the log has ended.
func (v *visit[T]) readEntries(ctx context.Context) (done bool, err error) {
	n := 0
	for e, err := range v.c.Entries(ctx) {
		_, gap := err.(*sluice.LagError)
		switch {
		case err == errTired:
			return false, nil
		case gap && !v.skips:
			continue
		case err != nil:
			return false, fmt.Errorf("Entries() failed with %w", err)
		case e.Value != v.value(int64(e.Offset)) || e.Offset+1 != v.c.Offset():
			return false, fmt.Errorf("Entries() = %v before offset %d, want %v", e, v.c.Offset(), v.value(int64(e.Offset)))
		}
		v.received++
		if n++; n == v.leave {
			return false, nil
		}
		time.Sleep(v.pause)
	}
	return true, nil
}

// readChan does it with Chan, where only the values tell their offsets.
func (v *visit[T]) readChan(ctx context.Context) (done bool, err error) {
	off, n := v.c.Offset(), 0
	values, stop := v.c.Chan(ctx, v.channel)
	for got := range values {
		_, next := v.log.Bounds()
		from := off
		for v.skips && off < next && got != v.value(int64(off)) {
			off++
		}
		if off == next || got != v.value(int64(off)) {
			stop()
			return false, fmt.Errorf("Chan() = %v, want %v or, if it skips gaps, a later value", got, v.value(int64(from)))
		}
		off++
		v.received++
		if n++; n == v.leave {
			break
		}
		time.Sleep(v.pause)
	}
	err = stop()
	if _, gap := err.(*sluice.LagError); gap && !v.skips || err == errTired {
		return false, nil
	}
	return err == nil && n != v.leave, err
}
