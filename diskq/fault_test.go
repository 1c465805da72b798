package diskq_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A trial of a faulty disk: what was acknowledged, and what was refused.
type faulty struct {
	m       *fsx.Mem
	o       diskq.Options
	acked   map[sluice.Offset]string
	refused map[string]bool
	errs    int
}

// run uses a queue in every way, whatever fails, and never sees a panic or a wrong offset.
func (f *faulty) run() error {
	q, err := diskq.Open(dir, diskq.String(), diskq.On(f.o, f.m))
	if err != nil {
		f.errs++
		return nil
	}
	next := sluice.Offset(0)
	keep := func(off sluice.Offset, err error, vs ...string) error {
		if err != nil {
			f.errs++
			for _, v := range vs {
				f.refused[v] = true
			}
			return nil
		}
		if off != next {
			return fmt.Errorf("offset %d, want %d", off, next)
		}
		for _, v := range vs {
			f.acked[next] = v
			next++
		}
		return nil
	}
	var problems []error
	for i := range 60 {
		vs := []string{value(3 * i), value(3*i + 1), value(3*i + 2)}
		off, err := q.Append(ctxBackground, vs[0])
		problems = append(problems, keep(off, err, vs[0]))
		off, err = q.AppendAll(ctxBackground, vs[1:])
		problems = append(problems, keep(off, err, vs[1:]...))
		if i%7 == 0 {
			f.note(q.Sync(ctxBackground))
		}
		if i == 40 {
			f.note(q.Trim(20))
		}
	}
	if _, err := readAll(q); err != nil {
		f.note(err)
	}
	f.note(q.Close())
	return errors.Join(problems...)
}

func (f *faulty) note(err error) {
	if err != nil {
		f.errs++
	}
}

// check opens what is left, on a disk that works again.
func (f *faulty) check(m *fsx.Mem, complete, strict bool) error {
	q, err := diskq.Open(dir, diskq.String(), diskq.On(f.o, m))
	if err != nil {
		return fmt.Errorf("Open() afterwards = %w", err)
	}
	defer q.Close()
	r, err := readAll(q)
	if err != nil {
		return err
	}
	if len(r.gaps) > 0 && strict {
		return fmt.Errorf("damage: %v", r.gaps[0])
	}
	for off, v := range r.values {
		if want, ok := f.acked[off]; ok && v != want {
			return fmt.Errorf("value %d = %q, want %q", off, v, want)
		} else if !ok && strict {
			return fmt.Errorf("value %d = %q, which was refused: %v", off, v, f.refused[v])
		}
	}
	first, _ := q.Bounds()
	for off, want := range f.acked {
		if _, ok := r.values[off]; !ok && complete && off >= first {
			return fmt.Errorf("value %d, %q, is gone, though it was acknowledged", off, want)
		}
	}
	if _, err := q.Append(ctxBackground, "later"); err != nil {
		return fmt.Errorf("Append() afterwards = %w", err)
	}
	return nil
}

// Each operation of the file system fails in turn, once and from then on.
func TestEveryOperationFails(t *testing.T) {
	kinds := []fsx.Op{
		fsx.OpOpen, fsx.OpRename, fsx.OpRemove, fsx.OpMkdir, fsx.OpReadDir, fsx.OpStat, fsx.OpSyncDir, fsx.OpLock,
		fsx.OpRead, fsx.OpWrite, fsx.OpSync, fsx.OpTruncate, fsx.OpPreallocate, fsx.OpSize, fsx.OpClose,
	}
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		for _, kind := range kinds {
			for _, forEver := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%v/%v", d, kind, forEver), func(t *testing.T) { failEach(t, d, kind, forEver) })
			}
		}
	}
}

func failEach(t *testing.T, d diskq.Durability, kind fsx.Op, forEver bool) {
	for n, step := int64(0), int64(1); ; n += step {
		if n >= 20 && !*exhaustive {
			step = 17
		}
		f := &faulty{m: newMem(), acked: map[sluice.Offset]string{}, refused: map[string]bool{}}
		f.o = diskq.Options{Durability: d, SegmentBytes: 4096, SyncEvery: -1}
		var hit bool
		fail := fsx.Nth(n, syscall.EIO, kind)
		if forEver {
			fail = fsx.From(n, syscall.EIO, kind)
		}
		f.m.Inject(func(c fsx.Call) error {
			err := fail(c)
			hit = hit || err != nil
			return err
		})
		if err := f.run(); err != nil {
			t.Fatalf("%v number %d failed: %v", kind, n, err)
		}
		if !hit {
			return
		}
		f.m.Inject(nil)
		cut := f.m.PowerCut(uint64(n))
		if err := f.check(cut, d == diskq.Durable, kind != fsx.OpSync); err != nil {
			t.Fatalf("%v number %d failed, then the power: %v", kind, n, err)
		}
	}
}

// A queue whose fsync failed fails until it is opened again, and never tries another one.
func TestFailedSyncIsFinal(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Durable} {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: d, SyncEvery: -1})
		add(t, q, "a")
		syncs := 0
		m.Inject(func(c fsx.Call) error {
			if c.Op != fsx.OpSync {
				return nil
			}
			syncs++
			return syscall.EIO
		})
		_, err := q.Append(t.Context(), "b")
		if d == diskq.Written && err == nil {
			err = q.Sync(t.Context())
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatalf("%v: got %v, want EIO", d, err)
		}
		_, again := q.Append(t.Context(), "c")
		if !errors.Is(again, syscall.EIO) || !errors.Is(q.Sync(t.Context()), syscall.EIO) {
			t.Errorf("%v: Append() = %v afterwards, want EIO", d, again)
		}
		c := q.Cursor(sluice.Oldest())
		defer c.Close()
		var got []string
		var last error
		for v, err := range c.All(t.Context()) {
			if err != nil {
				last = err
				break
			}
			got = append(got, v)
		}
		if !errors.Is(last, syscall.EIO) || len(got) == 0 || got[0] != "a" {
			t.Errorf("%v: a reader gets %q, then %v, want what was published, then EIO", d, got, last)
		}
		if err := q.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v: Close() = %v, want EIO", d, err)
		}
		if syncs != 1 {
			t.Errorf("%v: %d syncs, want 1: a failed one is never tried again", d, syncs)
		}
	}
}

// The same holds for the sync that begins a session.
func TestFailedSyncOfTheFirstAppend(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	syncs := 0
	m.Inject(func(c fsx.Call) error {
		if c.Op != fsx.OpSync {
			return nil
		}
		if syncs++; syncs == 1 {
			return syscall.EIO
		}
		return nil
	})
	for range 3 {
		if _, err := q.Append(t.Context(), "a"); !errors.Is(err, syscall.EIO) {
			t.Errorf("Append() = %v, want EIO", err)
		}
	}
	if err := q.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close() = %v, want EIO", err)
	}
	if syncs != 1 {
		t.Errorf("%d syncs, want 1: a failed one is never tried again", syncs)
	}
}

// And for a sync of the directory, in Sync and in Trim.
func TestFailedDirectorySyncIsFinal(t *testing.T) {
	for name, act := range map[string]func(*diskq.DiskQueue[string]) error{
		"Sync": func(q *diskq.DiskQueue[string]) error { return q.Sync(ctxBackground) },
		"Trim": func(q *diskq.DiskQueue[string]) error { return q.Empty() },
	} {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
		add(t, q, values(200)...)
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpSyncDir))
		for _, v := range values(200) { // the keeper may be the first to find out
			if _, err := q.Append(t.Context(), v); err != nil && !errors.Is(err, syscall.EIO) {
				t.Errorf("Append() = %v, want nil or EIO", err)
			}
		}
		if err := act(q); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s() = %v, want EIO", name, err)
		}
		m.Inject(nil)
		if _, err := q.Append(t.Context(), "a"); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: Append() = %v, want EIO", name, err)
		}
		if err := q.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: a later Sync() = %v, want EIO", name, err)
		}
	}
}

// Where there are no more descriptors, readers close what they do not use.
func TestReadersMakeDoWithFewDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 4096})
		add(t, q, values(1000)...)
		synctest.Wait() // the keeper has sealed
		m.SetMaxOpen(m.Open() + 2)
		for range 2 {
			if r, err := readAll(q); err != nil || len(r.values) != 1000 {
				t.Errorf("%d values, %v, want 1000", len(r.values), err)
			}
		}
		must(t, q.Close())
	})
}

// A full disk fails appends, and only those; with room again the queue goes on, and nothing that failed appears.
func TestFullDisk(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Durable} {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: d, SegmentBytes: 8192})
		add(t, q, "before")
		for room := range int64(300) {
			m.SetRoom(m.Used() + room)
			failed, ok := 0, 0
			for range 5 {
				if _, err := q.Append(t.Context(), "x"+value(int(room))); errors.Is(err, syscall.ENOSPC) {
					failed++
				} else if err == nil {
					ok++
				} else {
					t.Fatalf("Append() = %v, want nil or ENOSPC", err)
				}
			}
			if room < 5 && failed == 0 && d == diskq.Written { // Durable has taken room ahead
				t.Fatalf("%v: %d appends succeeded in %d bytes", d, ok, room)
			}
			before, err := readAll(q)
			must(t, err)
			m.SetRoom(0)
			off, err := q.Append(t.Context(), "after")
			must(t, err)
			if off != before.next {
				t.Fatalf("Append() = %d, want %d", off, before.next)
			}
		}
		live, err := readAll(q)
		must(t, err)
		left, err := readAll(open(t, m.Kill(), diskq.Options{}))
		must(t, err)
		if len(live.values) != len(left.values) || len(left.gaps) != 0 {
			t.Errorf("%v: %d values after a crash, %d before", d, len(left.values), len(live.values))
		}
		for off, v := range live.values {
			if left.values[off] != v {
				t.Errorf("%v: value %d = %q after a crash, was %q", d, off, left.values[off], v)
			}
		}
	}
}

// Too many open files is not corruption: reading goes on where it stopped.
func TestTooManyOpenFiles(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SegmentBytes: 4096})
	add(t, q, values(400)...)
	must(t, q.Sync(t.Context()))
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpOpen))
	if _, err := c.Next(t.Context()); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("Next() = %v, want EMFILE", err)
	}
	m.Inject(nil)
	for i := range 400 {
		if v, err := c.Next(t.Context()); v != value(i) || err != nil {
			t.Fatalf("Next() = %q, %v, want %q", v, err, value(i))
		}
	}
}

// What a crash left is sealed when the queue is opened, without an append.
func TestRecoveredSegmentsAreSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
		m.SetRoom(m.Used() + 12_000) // not for footers
		for n := 0; ; n++ {
			if _, err := q.Append(t.Context(), value(n)); err != nil {
				break
			}
		}
		before, err := diskq.InspectOn(m, dir)
		must(t, err)
		m = m.Kill()
		q.Close()
		m.SetRoom(0)
		q = open(t, m, diskq.Options{})
		defer q.Close()
		synctest.Wait()
		after, err := diskq.InspectOn(m, dir)
		must(t, err)
		for _, s := range after.Segments[:len(after.Segments)-1] {
			if !s.Sealed {
				t.Errorf("%s has no footer", s.Name)
			}
		}
		if len(after.Segments) < 3 || after.Records != before.Records {
			t.Errorf("%d values in %d segments, want %d in at least 3", after.Records, len(after.Segments), before.Records)
		}
	})
}

// A Close whose fsync fails does not call the queue closed: the next Open looks through it, and the epoch changes.
func TestFailedSyncInClose(t *testing.T) {
	for seed := range uint64(20) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, values(50)...)
		syncs := 0
		m.Inject(func(c fsx.Call) error {
			if c.Op != fsx.OpSync {
				return nil
			}
			if syncs++; syncs == 1 {
				return syscall.EIO
			}
			return nil
		})
		if err := q.Close(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Close() = %v, want EIO", err)
		}
		if syncs != 1 {
			t.Fatalf("%d syncs, want 1: a failed one is never tried again", syncs)
		}
		m.Inject(nil)
		again := open(t, m.PowerCut(seed), diskq.Options{})
		if r := again.Stats().Recovery; r.Clean || !r.NewEpoch {
			t.Errorf("Recovery = %+v, want one that looked, and a new epoch", r)
		}
		r, err := readAll(again)
		must(t, err)
		if len(r.gaps) > 0 {
			t.Errorf("damage is told: %v, want the end to be cut", r.gaps[0])
		}
	}
}

// Without descriptors to begin a segment with, or to sync the directory, appends fail, and only those: when there are some
// again the queue goes on, and nothing that failed appears.
func TestAppendWithTooManyOpenFiles(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		for _, op := range []fsx.Op{fsx.OpOpen, fsx.OpSyncDir, fsx.OpOpen | fsx.OpSyncDir} {
			m := newMem()
			q := open(t, m, diskq.Options{Durability: d, SegmentBytes: 4096, SyncEvery: -1})
			add(t, q, "first")
			var want []string
			failed := 0
			for i := range 400 {
				switch i % 100 {
				case 10:
					m.Inject(fsx.From(0, syscall.EMFILE, op))
				case 90:
					m.Inject(nil)
				}
				v := value(i)
				err := error(nil)
				if _, err = q.Append(t.Context(), v); err == nil {
					want = append(want, v)
				} else if failed++; !errors.Is(err, syscall.EMFILE) || i%100 < 10 || i%100 >= 90 {
					t.Fatalf("%v, %v: Append() = %v, want nil or EMFILE", d, op, err)
				}
				if err := q.Sync(t.Context()); err != nil && !errors.Is(err, syscall.EMFILE) {
					t.Fatalf("%v, %v: Sync() = %v, want nil or EMFILE", d, op, err)
				}
			}
			if failed == 0 && (op&fsx.OpOpen != 0 || d == diskq.Durable) {
				t.Errorf("%v, %v: nothing failed", d, op)
			}
			must(t, q.Sync(t.Context()))
			r, err := readAll(open(t, m.PowerCut(uint64(d)), diskq.Options{}))
			must(t, err)
			if len(r.values) != len(want)+1 || len(r.gaps) > 0 {
				t.Fatalf("%v, %v: %d values and %d gaps after a crash, want %d", d, op, len(r.values), len(r.gaps), len(want)+1)
			}
			for i, v := range want {
				if got := r.values[sluice.Offset(i+1)]; got != v {
					t.Fatalf("%v, %v: value %d = %q, want %q", d, op, i+1, got, v)
				}
			}
		}
	}
}
