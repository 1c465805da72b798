package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A step is one thing that happens to a queue.
type step struct {
	kind  string
	n     int    // how many values, bytes, seconds; whatever the kind counts
	seed  uint64 // of a power cut
	delay int64  // in how many operations of the file system the power goes, or something fails
}

func (s step) String() string { return fmt.Sprintf("%s(%d,%d,%d)", s.kind, s.n, s.seed, s.delay) }

// A fault is how a file system fails.
type fault struct {
	kinds fsx.Op
	err   error
}

// faults are those that a step of that kind brings: once or, if its n is a multiple of 4, until it is mended.
var faults = map[string]fault{
	"open fails":           {fsx.OpOpen, syscall.EMFILE},
	"open breaks":          {fsx.OpOpen, syscall.EIO},
	"write fails":          {fsx.OpWrite, syscall.EIO},
	"sync fails":           {fsx.OpSync, syscall.EIO},
	"directory sync fails": {fsx.OpSyncDir, syscall.EIO},
	"directory open fails": {fsx.OpSyncDir, syscall.EMFILE},
	"truncate fails":       {fsx.OpTruncate, syscall.EIO},
	"rename fails":         {fsx.OpRename, syscall.EIO},
	"remove fails":         {fsx.OpRemove, syscall.EIO},
	"read fails":           {fsx.OpRead | fsx.OpSize | fsx.OpStat | fsx.OpReadDir, syscall.EIO},
	"close fails":          {fsx.OpClose, syscall.EIO},
	"disk breaks":          {fsx.OpWrite | fsx.OpTruncate, &fsx.ShortWrite{N: 1 << 20, Err: syscall.EIO}}, // but what is written is
}

var faultKinds = append(slices.Sorted(maps.Keys(faults)), "short write")

// A history is a queue on a disk that fails and loses power, and what must be left.
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
	armed bool // the power will go

	// What fails, and what did since the queue was opened. The file system asks fail under its lock.
	fails []func(fsx.Call) error
	fatal atomic.Bool // what may make the queue fail
	lost  atomic.Bool // a sync of a file: what it was to sync may be in the system's cache only, for ever
	stuck atomic.Bool // a truncation

	failed bool         // the queue: until it is opened again
	calls  atomic.Int64 // syncs and writes of files
	before int64        // calls, when the queue failed
	doubt  map[int]bool // offsets that a failed sync was to sync, though the queue was then opened from the cache

	windows bool
}

var background = context.Background()

func newHistory(o diskq.Options, disk fsx.MemOptions) *history {
	h := &history{
		o: o, m: fsx.NewMem(disk), windows: disk.Windows, inner: map[int]bool{}, doubt: map[int]bool{},
	}
	h.m.Inject(h.fail)
	return h
}

// fail says what becomes of an operation.
func (h *history) fail(c fsx.Call) error {
	if c.Op&(fsx.OpSync|fsx.OpWrite) != 0 {
		h.calls.Add(1)
	}
	for _, f := range h.fails {
		err := f(c)
		if err == nil {
			continue
		}
		if c.Op&(fsx.OpSync|fsx.OpSyncDir|fsx.OpTruncate|fsx.OpRemove) != 0 {
			h.fatal.Store(true)
		}
		if c.Op == fsx.OpTruncate {
			h.stuck.Store(true)
		}
		if c.Op == fsx.OpSync && err != fsx.ErrPowerCut {
			h.lost.Store(true)
		}
		return err
	}
	return nil
}

// mend ends all faults, but a power cut that is on its way.
func (h *history) mend() {
	if !h.armed {
		h.m.Inject(nil) // from here on nobody asks fail
		h.fails = nil
		h.m.Inject(h.fail)
	}
}

func (h *history) open() error {
	h.fatal.Store(false)
	h.failed = false
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
	if err := h.begin(); err != nil {
		return err
	}
	for i, s := range steps {
		if err := h.play(s); err != nil {
			return fmt.Errorf("step %d of %v: %w", i, steps, err)
		}
	}
	h.fails, h.armed = nil, false
	h.m.SetRoom(0)
	if err := h.powerCut(uint64(len(steps))); err != nil {
		return fmt.Errorf("at the end of %v: %w", steps, err)
	}
	return h.q.Close()
}

// begin opens the queue for the first time, if need be once more.
func (h *history) begin() error {
	err := h.open()
	if err != nil && h.excused(err) {
		if errors.Is(err, fsx.ErrPowerCut) {
			h.reborn(h.m.PowerCut(1))
		}
		h.fails = nil
		err = h.open()
	}
	if err != nil {
		return err
	}
	h.epoch = h.q.Epoch()
	return h.powerOn(1)
}

func (h *history) play(s step) (err error) {
	defer synctest.Wait() // for what goes on in the background, so that a history is the same each time
	switch s.kind {
	case "append", "appendAll":
		err = h.append(s)
	case "sync":
		err = h.sync()
	case "sleep":
		time.Sleep(time.Duration(s.n) * 100 * time.Millisecond)
	case "read":
		err = h.read()
	case "trim", "empty":
		err = h.drop(s)
	case "reopen":
		return h.reopen()
	case "kill":
		return h.kill()
	case "cut":
		return h.powerCut(s.seed)
	case "cut in the middle":
		h.armed = true
		h.fails = append(h.fails, fsx.Nth(s.delay, fsx.ErrPowerCut, fsx.OpAny))
	case "no room":
		h.m.SetRoom(h.m.Used() + int64(s.n*s.n))
	case "mended":
		h.m.SetRoom(0)
		h.mend()
	case "short write":
		h.fails = append(h.fails, fsx.Nth(s.delay/3, &fsx.ShortWrite{N: s.n, Err: syscall.ENOSPC}, fsx.OpWrite))
	case "struck":
		return h.struck(s)
	default:
		h.arm(faults[s.kind], s)
	}
	if err != nil {
		return err
	}
	synctest.Wait()
	if err := h.look(); err != nil {
		return fmt.Errorf("after %v: %w", s, err)
	}
	return h.powerOn(s.seed)
}

func (h *history) arm(f fault, s step) {
	if s.n%4 == 0 {
		h.fails = append(h.fails, fsx.From(s.delay/3, f.err, f.kinds))
	} else {
		h.fails = append(h.fails, fsx.Nth(s.delay/3, f.err, f.kinds))
	}
}

// struck is a fault, something that it hits, and a crash or none.
func (h *history) struck(s step) error {
	pick := func(kinds ...string) string {
		kind := kinds[s.seed%uint64(len(kinds))]
		s.seed /= uint64(len(kinds))
		return kind
	}
	for _, kind := range []string{
		pick(faultKinds...),
		pick("append", "appendAll", "sync", "trim", "empty", "reopen", "append", "appendAll"),
		pick("append", "sync", "appendAll", "kill", "cut", "reopen"),
		pick("append", "appendAll", "kill", "cut"),
	} {
		if err := h.play(step{kind, s.n, s.seed, s.delay}); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// look notes that the queue has failed. From then on nothing is written or synced.
func (h *history) look() error {
	err := diskq.Failure(h.q)
	switch {
	case err != nil && !h.excused(err), err == nil && h.failed:
		return fmt.Errorf("the queue's failure is %w", err)
	case errors.Is(err, fsx.ErrPowerCut):
	case err != nil && !h.failed:
		if !h.fatal.Load() {
			return fmt.Errorf("nothing failed that would make the queue fail with %w", err)
		}
		h.failed, h.before = true, h.calls.Load()
	case h.failed && h.calls.Load() != h.before:
		return fmt.Errorf("%d writes and syncs after the queue failed", h.calls.Load()-h.before)
	}
	return nil
}

// excused reports whether an error is one that was asked for.
func (h *history) excused(err error) bool {
	for _, asked := range []error{fsx.ErrPowerCut, syscall.ENOSPC, syscall.EMFILE, syscall.EIO} {
		if errors.Is(err, asked) {
			return true
		}
	}
	return false
}

// append appends by one of both ways. What fails must never be seen again, unless the power went in the middle, or the queue
// failed with it.
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
	case err == nil && (int(off) != len(h.model) || h.failed):
		return fmt.Errorf("%s() = %d, want %d, or an error: %v", s.kind, off, len(h.model), h.failed)
	case err == nil:
		h.take(vs)
	case !h.excused(err):
		return fmt.Errorf("%s() = %w", s.kind, err)
	case errors.Is(err, fsx.ErrPowerCut), !h.failed && diskq.Failure(h.q) != nil && h.o.Durability != diskq.Buffered:
		h.tried = vs
	}
	if err == nil && h.o.Durability == diskq.Durable {
		h.safe = len(h.model)
	}
	return nil
}

func (h *history) sync() error {
	err := h.q.Sync(background)
	switch {
	case err == nil && h.failed:
		return errors.New("Sync() = nil, though one failed before")
	case err == nil:
		h.safe = len(h.model)
	case !h.excused(err):
		return fmt.Errorf("Sync() = %w", err)
	}
	return nil
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
	if first < h.first || first > max(h.trim, h.first) || err == nil && s.kind == "empty" && first != before {
		return fmt.Errorf("after %s(%d) the first value is %d, and was %d", s.kind, before, first, h.first)
	}
	if err == nil {
		h.first = first
	}
	return nil
}

// reopen closes the queue and opens it: nothing is lost by that.
func (h *history) reopen() error {
	if err := h.q.Close(); errors.Is(err, fsx.ErrPowerCut) {
		return h.powerCut(1)
	} else if err != nil && h.excused(err) {
		return h.kill() // buffered values may be lost, and Close said so
	} else if err != nil {
		return fmt.Errorf("Close() = %w", err)
	}
	if h.failed {
		return errors.New("Close() = nil, though the queue had failed")
	}
	if _, err := h.m.Stat("/"); errors.Is(err, fsx.ErrPowerCut) {
		return h.powerCut(1) // only what Close needs not say went wrong
	}
	h.safe = len(h.model)
	h.lost.Store(false)
	err := h.open()
	if err != nil && h.excused(err) && !errors.Is(err, fsx.ErrPowerCut) {
		h.m.SetRoom(0)
		h.fails, h.armed = nil, false
		err = h.open()
	}
	if errors.Is(err, fsx.ErrPowerCut) {
		return h.powerCut(2)
	} else if err != nil {
		return fmt.Errorf("Open() = %w", err)
	}
	// Without room for its mark, a close looks like a crash.
	if h.q.Epoch() != h.epoch && (h.q.Stats().Recovery.Clean || h.o.Durability != diskq.Buffered) {
		return fmt.Errorf("the epoch changed by closing and opening")
	}
	h.epoch = h.q.Epoch()
	err = h.compare(len(h.model), len(h.model))
	if err != nil && h.excused(err) && !errors.Is(err, fsx.ErrPowerCut) {
		h.mend()
		if diskq.Failure(h.q) != nil {
			return h.kill() // the keeper met it, before or behind the first look
		}
		err = h.compare(len(h.model), len(h.model))
	}
	if errors.Is(err, fsx.ErrPowerCut) {
		return h.powerCut(3)
	}
	return err
}
