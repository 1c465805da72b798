package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
	"pgregory.net/rapid"
)

// A step is one thing that happens to a queue.
type step struct {
	kind  string
	n     int    // how many values, bytes, seconds; whatever the kind counts
	seed  uint64 // of a power cut
	delay int64  // in how many operations of the file system the power goes, or something fails
}

func (s step) String() string { return fmt.Sprintf("%s(%d,%d,%d)", s.kind, s.n, s.seed, s.delay) }

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		kind: rapid.SampledFrom([]string{
			"append", "append", "append", "appendAll", "appendAll", "sync", "sleep", "trim", "empty", "reopen",
			"kill", "cut", "cut in the middle", "no room", "room", "short write", "open fails",
		}).Draw(t, "kind"),
		n:     rapid.IntRange(1, 40).Draw(t, "n"),
		seed:  rapid.Uint64Range(0, 1<<20).Draw(t, "seed"),
		delay: rapid.Int64Range(0, 12).Draw(t, "delay"),
	}
})

// A history is a queue on a disk that loses power, and what must be left.
type history struct {
	o     diskq.Options
	m     *fsx.Mem
	q     *diskq.DiskQueue[string]
	model []string     // by offset
	inner map[int]bool // offsets in the middle of a batch: no end of the queue
	first sluice.Offset
	safe  int // everything before is synced
	tried []string
	trim  sluice.Offset // where a trim that was interrupted would have ended
	epoch uint64
	made  int
	armed bool

	windows bool
}

var background = context.Background()

func (h *history) open() error {
	q, err := diskq.Open(dir, diskq.String(), diskq.On(h.o, h.m))
	if err == nil {
		h.q = q
	}
	return err
}

func (h *history) value() string {
	h.made++
	return fmt.Sprintf("<%d%s>", h.made, strings.Repeat("y", h.made*13%97))
}

// run plays the steps and returns the first thing that is wrong.
func (h *history) run(steps []step) error {
	if err := h.open(); err != nil {
		return err
	}
	h.epoch = h.q.Epoch()
	for i, s := range steps {
		if err := h.play(s); err != nil {
			return fmt.Errorf("step %d of %v: %w", i, steps, err)
		}
	}
	h.m.Inject(nil)
	h.m.SetRoom(0)
	if err := h.powerCut(uint64(len(steps))); err != nil {
		return fmt.Errorf("at the end of %v: %w", steps, err)
	}
	return h.q.Close()
}

func (h *history) play(s step) (err error) {
	defer synctest.Wait() // for what goes on in the background, so that a history is the same each time
	switch s.kind {
	case "append", "appendAll":
		return h.append(s)
	case "sync":
		if err := h.q.Sync(background); err == nil {
			h.safe = len(h.model)
		} else if !h.excused(err) {
			return fmt.Errorf("Sync() = %w", err)
		}
	case "sleep":
		time.Sleep(time.Duration(s.n) * 100 * time.Millisecond)
	case "trim", "empty":
		return h.drop(s)
	case "reopen":
		return h.reopen()
	case "kill":
		return h.kill()
	case "cut":
		return h.powerCut(s.seed)
	case "cut in the middle":
		h.m.Inject(fsx.Nth(s.delay, fsx.ErrPowerCut, fsx.OpAny))
		h.armed = true
	case "no room":
		h.m.SetRoom(h.m.Used() + int64(s.n*s.n))
	case "room":
		h.m.SetRoom(0)
	case "short write":
		if !h.armed {
			h.m.Inject(fsx.Nth(s.delay/3, &fsx.ShortWrite{N: s.n, Err: syscall.ENOSPC}, fsx.OpWrite))
		}
	case "open fails":
		if !h.armed {
			h.m.Inject(fsx.Nth(s.delay/3, syscall.EMFILE, fsx.OpOpen))
		}
	}
	return h.powerOn(s.seed)
}

// excused reports whether an error is one that was asked for.
func (h *history) excused(err error) bool {
	return errors.Is(err, fsx.ErrPowerCut) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE)
}

// append appends by one of both ways. What fails must never be seen again, unless the power went in the middle.
func (h *history) append(s step) error {
	n := 1
	if s.kind == "appendAll" {
		n = s.n
	}
	vs := make([]string, n)
	for i := range vs {
		vs[i] = h.value()
	}
	var off sluice.Offset
	var err error
	if s.kind == "append" {
		off, err = h.q.Append(background, vs[0])
	} else {
		off, err = h.q.AppendAll(background, vs)
	}
	switch {
	case err == nil && int(off) != len(h.model):
		return fmt.Errorf("%s() = %d, want %d", s.kind, off, len(h.model))
	case err == nil:
		h.take(vs)
	case errors.Is(err, fsx.ErrPowerCut):
		h.tried = vs
	case !h.excused(err):
		return fmt.Errorf("%s() = %w", s.kind, err)
	}
	if err == nil && h.o.Durability == diskq.Durable {
		h.safe = len(h.model)
	}
	return h.powerOn(s.seed)
}

func (h *history) take(vs []string) {
	for i, v := range vs {
		if i > 0 {
			h.inner[len(h.model)] = true
		}
		h.model = append(h.model, v)
	}
}

func (h *history) drop(s step) error {
	var err error
	before := sluice.Offset(len(h.model) * s.n / 40)
	if s.kind == "empty" {
		before = sluice.Offset(len(h.model))
		err = h.q.Empty()
	} else {
		err = h.q.Trim(before)
	}
	h.trim = max(h.trim, before)
	if err != nil && !h.excused(err) {
		return fmt.Errorf("%s() = %w", s.kind, err)
	}
	first, _ := h.q.Bounds()
	if first < h.first || first > max(before, h.first) || err == nil && s.kind == "empty" && first != before {
		return fmt.Errorf("after %s(%d) the first value is %d, and was %d", s.kind, before, first, h.first)
	}
	if err == nil {
		h.first = first
	}
	return h.powerOn(s.seed)
}

// reopen closes the queue and opens it: nothing is lost by that.
func (h *history) reopen() error {
	if err := h.q.Close(); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
			return h.after(h.m.Kill(), false) // buffered values may be lost, and Close said so
		}
		return h.orPowerOn(err, 1)
	}
	h.safe = len(h.model)
	if err := h.open(); err != nil {
		if h.m.Inject(nil); errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENOSPC) {
			h.m.SetRoom(0)
			err = h.open()
		}
		if err != nil {
			return h.orPowerOn(err, 2)
		}
	}
	if h.q.Epoch() != h.epoch && h.q.Stats().Recovery.Clean { // without room for its mark, a close looks like a crash
		return fmt.Errorf("the epoch changed by closing and opening")
	}
	h.epoch = h.q.Epoch()
	if err := h.compare(len(h.model), len(h.model)); err != nil {
		return h.orPowerOn(err, 3)
	}
	return nil
}

func (h *history) orPowerOn(err error, seed uint64) error {
	if errors.Is(err, fsx.ErrPowerCut) {
		return h.powerCut(seed)
	}
	return err
}

// powerOn opens the queue again if the power has gone.
func (h *history) powerOn(seed uint64) error {
	if !h.armed {
		return nil
	}
	if _, err := h.m.Stat("/"); errors.Is(err, fsx.ErrPowerCut) {
		return h.powerCut(seed)
	}
	return nil
}

func (h *history) kill() error { return h.after(h.m.Kill(), false) }

func (h *history) powerCut(seed uint64) error { return h.after(h.m.PowerCut(seed), true) }

// after goes on with what a crash left.
func (h *history) after(m *fsx.Mem, power bool) error {
	h.q.Close() // the old one gets no further; its goroutine ends
	h.m, h.armed = m, false
	if err := h.open(); err != nil {
		return fmt.Errorf("Open() after a crash = %w", err)
	}
	least := h.safe
	if !power && h.o.Durability != diskq.Buffered {
		least = len(h.model)
	}
	acknowledged := len(h.model)
	if _, next := h.q.Bounds(); int(next) > len(h.model) {
		h.take(h.tried) // the append in whose middle it came
	}
	h.tried = nil
	if err := h.compare(least, len(h.model)); err != nil {
		return err
	}
	_, next := h.q.Bounds()
	changed := h.q.Epoch() != h.epoch
	if int(next) < acknowledged && !changed {
		return fmt.Errorf("%d of %d values are left, and the epoch is the same", next, acknowledged)
	}
	if changed && h.o.Durability == diskq.Durable {
		return fmt.Errorf("the epoch of a durable queue changed")
	}
	if changed && !power && h.o.Durability == diskq.Written {
		return fmt.Errorf("the epoch changed, though the system went on")
	}
	h.epoch = h.q.Epoch()
	h.model = h.model[:next]
	for off := range h.inner {
		if off >= int(next) {
			delete(h.inner, off)
		}
	}
	h.safe = int(next)
	return nil
}

// compare reads everything, and fails unless the queue ends between least and most, and holds the model's values: none lost,
// none changed, none doubled, no failed one, no damage.
func (h *history) compare(least, most int) error {
	first, next := h.q.Bounds()
	if int(next) < least || int(next) > most || h.inner[int(next)] {
		return fmt.Errorf("the queue ends at %d, want it between %d and %d, and not within a batch", next, least, most)
	}
	if first < h.first && !h.windows || first > max(h.first, h.trim) { // on Windows a drop may be undone
		return fmt.Errorf("the queue begins at %d, want %d, or up to %d by an interrupted trim", first, h.first, h.trim)
	}
	h.first, h.trim = first, 0
	r, err := readAll(h.q)
	if err != nil {
		return err
	}
	if len(r.gaps) > 0 {
		return fmt.Errorf("damage: %v", r.gaps[0])
	}
	for off := first; off < next; off++ {
		if r.values[off] != h.model[off] {
			return fmt.Errorf("value %d = %q, want %q", off, r.values[off], h.model[off])
		}
	}
	return nil
}

func TestPowerCuts(t *testing.T) {
	if *exhaustive {
		for i := range 100 { // of rapid's 100
			t.Run(fmt.Sprint(i), func(t *testing.T) { rapid.Check(t, powerCuts(t)) })
		}
		return
	}
	rapid.Check(t, powerCuts(t))
}

func powerCuts(t *testing.T) func(*rapid.T) {
	return func(rt *rapid.T) {
		o := diskq.Options{
			Durability:   diskq.Durability(rapid.IntRange(0, 2).Draw(rt, "durability")),
			SegmentBytes: rapid.SampledFrom([]int64{4096, 8192, 0}).Draw(rt, "segment bytes"),
		}
		windows := rapid.IntRange(0, 4).Draw(rt, "windows") == 0
		script := rapid.SliceOfN(steps, 1, 60).Draw(rt, "steps")
		var err error
		synctest.Test(t, func(t *testing.T) {
			h := &history{o: o, m: fsx.NewMem(fsx.MemOptions{Windows: windows}), inner: map[int]bool{}, windows: windows}
			if err = h.run(script); err != nil && h.q != nil {
				h.q.Close()
			}
		})
		if err != nil {
			rt.Fatal(err)
		}
	}
}
