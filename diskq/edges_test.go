package diskq_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A process that ends before the directories that it made are synced leaves that to the next one.
func TestDirectoriesLast(t *testing.T) {
	name := filepath.Join("a", "b", "queue")
	for kill := range int64(8) {
		for seed := range uint64(10) {
			m := newMem()
			m.Inject(fsx.From(kill, syscall.EIO, fsx.OpSyncDir))
			q, err := diskq.Open(name, diskq.String(), diskq.On(diskq.Options{}, m))
			if err == nil {
				q.Close()
			}
			m = m.Kill()
			q, err = diskq.Open(name, diskq.String(), diskq.On(diskq.Options{Durability: diskq.Durable}, m))
			must(t, err)
			add(t, q, "kept")
			m = m.PowerCut(seed)
			q.Close()
			q, err = diskq.Open(name, diskq.String(), diskq.On(diskq.Options{}, m))
			must(t, err)
			if _, next := q.Bounds(); next != 1 {
				t.Errorf("killed at sync %d of a directory, seed %d: the queue ends at %d, want 1", kill, seed, next)
			}
			must(t, q.Close())
		}
	}
}

// What Trim drops is gone when it returns, whoever reads it just then: else a crash could leave a segment and not the one
// behind it, which looks like damage.
func TestTrimWhileItIsRead(t *testing.T) {
	for _, windows := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := fsx.NewMem(fsx.MemOptions{Windows: windows})
			q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			add(t, q, values(500)...)
			must(t, q.Sync(t.Context()))
			synctest.Wait() // the keeper has sealed
			release, err := diskq.HoldFirst(q)
			must(t, err)
			trimmed := make(chan error, 1)
			go func() { trimmed <- q.Trim(400) }()
			synctest.Wait()
			select {
			case err := <-trimmed:
				if must(t, err); windows {
					t.Error("Trim() returned while the first segment could not be removed")
				}
			default:
				if !windows {
					t.Error("Trim() waits for a reader")
				}
			}
			entries, err := m.ReadDir(dir)
			must(t, err)
			if first := entries[0].Name(); (first == "00000000000000000000.seg") != windows {
				t.Errorf("windows %v: the first segment is %s while it is read", windows, first)
			}
			release()
			if windows {
				must(t, <-trimmed)
			}
			must(t, q.Close())
			r, err := diskq.InspectOn(m, dir)
			must(t, err)
			if len(r.Damage) > 0 || r.First == 0 {
				t.Errorf("Inspect() = %v from %d on, want no damage, and not from 0 on", r.Damage, r.First)
			}
			if m.Open() != 0 {
				t.Errorf("%d files are open after Close", m.Open())
			}
		})
	}
}

// The same bytes many times make a batch whose size overflows an int of 32 bits.
func TestHugeBatch(t *testing.T) {
	q, err := diskq.Open(dir, diskq.Bytes(), diskq.On(diskq.Options{}, newMem()))
	must(t, err)
	defer q.Close()
	vs := make([][]byte, 4200)
	for i := range vs {
		vs[i] = make([]byte, 0)
	}
	mb := make([]byte, 1<<20)
	for _, n := range []int{1100, 2048, 2100, 4096, 4200} {
		for i := range n {
			vs[i] = mb
		}
		if _, err := q.AppendAll(t.Context(), vs[:n]); !errors.Is(err, diskq.ErrTooLarge) {
			t.Errorf("AppendAll() of %d MiB = %v, want ErrTooLarge", n, err)
		}
	}
}

// The times of sync points are those of the clock on the wall: compared by another clock they would go back with it on the
// disk, and Since pass over values.
func TestPointsFollowTheWall(t *testing.T) {
	q := open(t, newMem(), diskq.Options{})
	add(t, q, "a")
	if at := diskq.LastPoint(q); at.IsZero() || at != at.Round(0) {
		t.Errorf("the last point is at %v, want a time without a monotonic clock", at)
	}
}

// Sessions that appended nothing leave sync points: a value that fits no more is refused, and nobody waits for ever.
func TestEmptyAndFull(t *testing.T) {
	for _, full := range []diskq.WhenFull{diskq.Block, diskq.Fail, diskq.DropOldest} {
		m := newMem()
		o := diskq.Options{MaxBytes: 8192, SegmentBytes: 8192, WhenFull: full}
		large := string(make([]byte, 7150))
		refused, tried := false, 0
		for range 20 {
			q := open(t, m, o)
			m.Inject(func(c fsx.Call) error {
				if c.Op == fsx.OpWrite && c.Size > 7000 {
					return syscall.ENOSPC
				}
				return nil
			})
			_, err := q.Append(t.Context(), large)
			refused = errors.Is(err, diskq.ErrTooLarge)
			if !refused && !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("%v: Append() = %v, want ENOSPC or ErrTooLarge", full, err)
			}
			if err != nil && !refused {
				tried++
			}
			m.Inject(nil)
			must(t, q.Close())
		}
		if !refused || tried == 0 {
			t.Errorf("%v: refused %v, tried %d times before", full, refused, tried)
		}
		q := open(t, m, o)
		add(t, q, "small")
		must(t, q.Close())
	}
}

// What looks like the trailer of a footer, at the end of a value, is not believed: nothing is allocated for it.
func TestTrailerInAValue(t *testing.T) {
	m := newMem()
	b := make([]byte, 8<<20)
	trailer := b[len(b)-16:]
	binary.LittleEndian.PutUint64(trailer, 300)
	binary.LittleEndian.PutUint32(trailer[8:], 0x74666371)
	binary.LittleEndian.PutUint32(trailer[12:], crc32.Checksum(trailer[:12], crc32.MakeTable(crc32.Castagnoli)))
	q := open(t, m, diskq.Options{SyncEvery: -1})
	add(t, q, string(b))
	m = m.Kill()
	left := open(t, m, diskq.Options{})
	r, err := readAll(left)
	must(t, err)
	if len(r.values) != 1 || r.values[0] != string(b) || len(r.gaps) > 0 {
		t.Errorf("%d values and %d gaps, want the value", len(r.values), len(r.gaps))
	}
}

// A durable value is seen when it is on stable storage, not while it is being synced.
func TestDurableIsSeenAfterTheSync(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Durable})
	acked, syncs := sluice.Offset(0), 0
	m.Inject(func(c fsx.Call) error {
		if _, next := q.Bounds(); c.Op == fsx.OpSync && next > acked {
			t.Errorf("the end is %d during the sync of value %d", next, acked)
		}
		if c.Op == fsx.OpSync {
			syncs++
		}
		return nil
	})
	for i := range 10 {
		add(t, q, value(i))
		acked++
	}
	m.Inject(nil)
	if syncs < 10 {
		t.Errorf("%d syncs of 10 values", syncs)
	}
}

// A value that was written, and failed, can't be brought back by a power cut.
func TestFailedWriteStaysAway(t *testing.T) {
	for seed := range uint64(40) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, "first")
		m.Inject(fsx.Nth(0, &fsx.ShortWrite{N: 1 << 20, Err: syscall.ENOSPC}, fsx.OpWrite))
		if _, err := q.Append(t.Context(), "failed"); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("Append() = %v, want ENOSPC", err)
		}
		m.Inject(nil)
		r, err := readAll(open(t, m.PowerCut(seed), diskq.Options{}))
		must(t, err)
		if r.values[0] != "first" || len(r.values) != 1 {
			t.Errorf("seed %d: %q is there after a power cut, want the first alone", seed, r.values)
		}
	}
}

// A segment that is dropped while a reader is on its way to it is not damage.
func TestDropIsNoDamage(t *testing.T) {
	q := open(t, newMem(), diskq.Options{SegmentBytes: 4096})
	add(t, q, values(500)...)
	diskq.ForgetFirst(q)
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	var gap *sluice.CorruptError
	if _, err := c.Next(t.Context()); err == nil || errors.As(err, &gap) {
		t.Errorf("Next() = %v, want an error that is not damage", err)
	}
}

// The times of sync points never go back, also where the clock does between two sessions.
func TestPointsNeverGoBack(t *testing.T) {
	for _, end := range []string{"close", "kill"} {
		m, o := newMem(), diskq.Options{SyncEvery: -1}
		var last time.Time
		for i := range 2 { // each begins at the same time
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Duration(1-i) * time.Hour)
				q := open(t, m, o)
				add(t, q, value(0))
				if at := diskq.LastPoint(q); at.Before(last) {
					t.Errorf("%s: a sync point is of %v, and one before is of %v", end, at, last)
				} else {
					last = at
				}
				if end == "close" {
					must(t, q.Close())
				} else {
					m = m.Kill()
				}
			})
		}
	}
}

// In each segment sync points are as near to each other as in the first.
func TestPointsOfEachSegment(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Buffered, SegmentBytes: 250_000, SyncEvery: -1})
	for q.Stats().Segments < 3 {
		add(t, q, string(make([]byte, 1000)))
	}
	must(t, q.Sync(t.Context()))
	report, err := diskq.InspectOn(m, dir)
	must(t, err)
	for _, s := range report.Segments[:2] {
		pieces, err := diskq.Pieces(m, dir, s.First)
		must(t, err)
		last := pieces[0].Pos
		for _, p := range pieces {
			if !p.Record {
				last = p.Pos
			}
			if p.Pos-last > 64<<10 {
				t.Fatalf("segment %s: the sync point before byte %d is at %d, want it within 64 KiB", s.Name, p.Pos, last)
			}
		}
	}
}
