package sourcetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/sourcetest"
	"pgregory.net/rapid"
)

// TestCursorOverScripts holds sluice.Cursor to the contract over random scripts, read in random ways, a few values at a
// time, with contexts that end in the middle.
func TestCursorOverScripts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := sourcetest.Scripts(rapid.IntRange(1, 1000)).Draw(rt, "script")
		rapid.SyncTest(rt, func(rt *rapid.T) {
			p := &player{T: rt, script: script, c: script.Cursor(sluice.Oldest())}
			defer p.c.Close()
			if p.skips = rapid.Bool().Draw(rt, "skip gaps"); p.skips {
				p.c.SkipGaps()
			}
			rt.Repeat(map[string]func(*rapid.T){
				"read":    p.read,
				"read on": p.read,
				"seek":    p.seek,
				"":        p.check,
			})
			p.readAll()
		})
	})
}

// A player reads a script and knows what must come.
type player struct {
	*rapid.T
	script *sourcetest.Script[int]
	c      *sluice.Cursor[int]
	off    sluice.Offset
	missed int64
	skips  bool
}

var errTimeout = errors.New("the time is up")

func (p *player) check(*rapid.T) {
	if off, missed := p.c.Offset(), p.c.Missed(); off != p.off || missed != p.missed {
		p.Fatalf("Offset() = %d, Missed() = %d, want %d, %d", off, missed, p.off, p.missed)
	}
	if lag := p.c.Lag(); lag < 0 {
		p.Fatalf("Lag() = %d, want at least 0", lag)
	}
}

func (p *player) seek(rt *rapid.T) {
	_, next := p.script.Bounds()
	off := sluice.Offset(rapid.Int64Range(-1, int64(next)+1).Draw(rt, "offset"))
	err := p.c.Seek(sluice.At(off))
	if bad := off < 0 || off > next; bad != (err != nil) {
		p.Fatalf("Seek(At(%d)) = %v with %d offsets", off, err, next)
	}
	if err == nil {
		p.off = off
	}
}

func (p *player) read(rt *rapid.T) {
	names, waiting := sourcetest.WayNames()
	name := rapid.SampledFrom(names).Draw(rt, "way")
	n := rapid.IntRange(1, 50).Draw(rt, "values")
	ctx, cancel := context.WithTimeoutCause(context.Background(),
		time.Duration(rapid.IntRange(0, 2000).Draw(rt, "ms"))*time.Millisecond, errTimeout)
	defer cancel()
	got, err := sourcetest.ReadBy(name, ctx, p.c, n, synctest.Wait)
	rt.Logf("%s gave %d of %d values, %v", name, len(got), n, err)
	p.saw(name, got)

	events := p.script.Events(p.off)
	isChan := strings.HasPrefix(name, "Chan")
	if p.skips {
		p.skip(name, len(got) < n || isChan)
		events = p.script.Events(p.off)
	}
	_, lag := err.(*sluice.LagError)
	_, corrupt := err.(*sluice.CorruptError)
	switch atEnd := len(events) == 0; {
	case err == nil && len(got) >= n:
	case err == nil && (name == "TryNext" || name == "TryBatch") && p.c.Lag() > 0:
		p.Fatalf("TryNext() gave nothing, want one of %d values", p.c.Lag())
	case err == nil && !slices.Contains(waiting, name): // there is nothing now
	case err == errTimeout:
	case lag || corrupt:
		p.gap(name, err, events)
	case (atEnd || isChan && len(got) == n) && err == p.script.End:
	default:
		p.Fatalf("%s ended with %v before %d events, want the end %v behind the last", name, err, len(events), p.script.End)
	}
}

// saw checks that got are the next values.
func (p *player) saw(name string, got []int) {
	for i, v := range got {
		events := p.events(true)
		if len(events) == 0 || events[0].Gap != nil || events[0].Value != v {
			p.Fatalf("%s gave %v, value %d is %d, want %+v", name, got, i, v, events[:min(1, len(events))])
		}
		p.off++
	}
}

// skip moves over gaps as the cursor may have done, if it has looked for more values.
func (p *player) skip(name string, looked bool) {
	for _, e := range p.script.Events(p.off) {
		if e.Gap == nil || p.c.Offset() == p.off {
			return
		}
		if !looked {
			p.Fatalf("%s moved over a gap at %d without need", name, p.off)
		}
		p.missed += missedBy(e.Gap)
		p.off += sluice.Offset(missedBy(e.Gap))
	}
}

func (p *player) gap(name string, err error, events []sourcetest.Event[int]) {
	if p.skips || len(events) == 0 || events[0].Gap == nil || err.Error() != events[0].Gap.Error() {
		p.Fatalf("%s failed with %v, want %+v", name, err, events[:min(1, len(events))])
	}
	p.missed += missedBy(err)
	p.off += sluice.Offset(missedBy(err))
}

func missedBy(gap error) int64 { return gap.(interface{ Missed() int64 }).Missed() }

// readAll reads the rest with Entries, and compares it with the events.
func (p *player) readAll() {
	end := sluice.ErrClosed
	for e, err := range p.c.Entries(context.Background()) {
		events := p.events(err == nil || err == p.script.End)
		switch {
		case len(events) == 0 && err == p.script.End && end == sluice.ErrClosed:
			end = err
		case len(events) == 0:
			p.Fatalf("Entries gave %v, %v, want the end", e, err)
		case err != nil:
			p.gap("Entries", err, events)
		case e.Offset != events[0].Offset || e.Value != events[0].Value:
			p.Fatalf("Entries gave %v, want %+v", e, events[0])
		default:
			p.off++
		}
	}
	if events := p.events(true); len(events) > 0 || end != p.script.End {
		p.Fatalf("Entries ended with %v before %d events, want %v behind the last", end, len(events), p.script.End)
	}
	p.check(p.T)
}

// events returns what comes next, behind the gaps if there are any that the cursor skips.
func (p *player) events(behindGaps bool) []sourcetest.Event[int] {
	events := p.script.Events(p.off)
	for behindGaps && p.skips && len(events) > 0 && events[0].Gap != nil {
		p.missed += missedBy(events[0].Gap)
		p.off += sluice.Offset(missedBy(events[0].Gap))
		events = events[1:]
	}
	return events
}

// TestScriptCatchesKeptBatches: whoever keeps a lent batch sees junk.
func TestScriptCatchesKeptBatches(t *testing.T) {
	script := &sourcetest.Script[int]{
		Steps: []sourcetest.Step[int]{{Batch: []int{1, 2}}, {Batch: []int{3}}},
		End:   sluice.ErrClosed,
		Junk:  -1,
	}
	var kept [][]int
	for batch, err := range script.Cursor(sluice.Oldest()).Batches(t.Context()) {
		if err != nil {
			t.Fatalf("Batches() failed with %v", err)
		}
		kept = append(kept, batch)
	}
	if want := [][]int{{-1, -1}, {-1}}; !slices.EqualFunc(kept, want, slices.Equal) {
		t.Errorf("the kept batches are %v, want %v", kept, want)
	}
	if !slices.Equal(script.Steps[0].Batch, []int{1, 2}) {
		t.Errorf("the script is %v, want it unchanged", script)
	}
}

// TestScriptWaits: a script without an end makes readers wait, until their time is up or they are closed.
func TestScriptWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := &sourcetest.Script[int]{Steps: []sourcetest.Step[int]{{Pause: time.Second}, {Nothing: 2}, {Batch: []int{7}}}}
		c := script.Cursor(sluice.Oldest())
		start := time.Now()
		if v, err := c.Next(t.Context()); v != 7 || err != nil || time.Since(start) != time.Second {
			t.Fatalf("Next() = %v, %v after %v, want 7, nil after 1s", v, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTimeout)
		defer cancel()
		if v, err := c.Next(ctx); err != errTimeout {
			t.Fatalf("Next() = %v, %v, want %v", v, err, errTimeout)
		}
		go func() {
			synctest.Wait()
			c.Close()
		}()
		if v, err := c.Next(t.Context()); err != sluice.ErrClosed {
			t.Fatalf("Next() = %v, %v, want ErrClosed", v, err)
		}
	})
}

// TestChanStopBetweenGaps: stop takes back what nobody received, whatever gaps lie between. The cursor stands at the first of
// those values, and gets them and the count of what it missed as if there had been no channel.
func TestChanStopBetweenGaps(t *testing.T) {
	script := &sourcetest.Script[int]{
		Steps: []sourcetest.Step[int]{{Batch: []int{1, 2}}, {Lag: 3}, {Batch: []int{3, 4}}, {Corrupt: 2}, {Batch: []int{5}}, {Lag: 1}},
		End:   sluice.ErrClosed,
	}
	for size := range 7 {
		for first := range 5 {
			for second := range 5 - first {
				synctest.Test(t, func(t *testing.T) {
					c := script.Cursor(sluice.Oldest()).SkipGaps()
					defer c.Close()
					stopBetweenGaps(t, c, size, first)
					stopBetweenGaps(t, c, size, first+second)
					got := first + second
					for v, ok, err := c.TryNext(); err != sluice.ErrClosed; v, ok, err = c.TryNext() {
						if got++; v != got || !ok || err != nil {
							t.Fatalf("TryNext() = %v, %v, %v, want %d, true, nil", v, ok, err, got)
						}
					}
					if missed := c.Missed(); got != 5 || missed != 6 {
						t.Fatalf("got %d values, missed %d, want 5, 6", got, missed)
					}
				})
			}
		}
	}
}

// stopBetweenGaps receives the values up to that one through a channel, and stops it when it is full.
func stopBetweenGaps(t *testing.T, c *sluice.Cursor[int], size, upTo int) {
	t.Helper()
	got := int(int64(c.Offset()) - c.Missed())
	values, stop := c.Chan(t.Context(), size)
	for got < upTo {
		if v := <-values; v != got+1 {
			t.Fatalf("size %d, up to %d: <-values = %d, want %d", size, upTo, v, got+1)
		}
		got++
	}
	synctest.Wait()
	if err := stop(); err != nil {
		t.Fatalf("stop() = %v, want nil", err)
	}
	offset := []sluice.Offset{0, 1, 5, 6, 9}[upTo] // of the next value
	if off, missed := c.Offset(), c.Missed(); off != offset || missed != int64(offset)-int64(upTo) {
		t.Fatalf("size %d, up to %d: Offset() = %d, Missed() = %d, want %d, %d",
			size, upTo, off, missed, offset, int64(offset)-int64(upTo))
	}
}
