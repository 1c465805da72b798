package diskq_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// roll appends until there is another segment.
func roll(t *testing.T, q *diskq.DiskQueue[string]) {
	t.Helper()
	for before := q.Stats().Segments; q.Stats().Segments == before; {
		_, next := q.Bounds()
		add(t, q, value(int(next)))
	}
}

// A segment that is complete while another one is sealed is synced before it gets a footer: that says that all before it is
// there.
func TestSealAfterTheSync(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			var began, sealed atomic.Bool
			syncs := 0 // of the first segment: of its values, and then of its footer
			sealing, free, cut := make(chan bool), make(chan bool), make(chan *fsx.Mem, 1)
			q := open(t, &hookFS{Mem: m, before: func(op fsx.Op, name string) error {
				switch {
				case !began.Load() || op != fsx.OpSync:
				case name == firstSegment:
					if syncs++; syncs == 2 {
						sealing <- true
						<-free
						sealed.Store(true)
					}
				case sealed.CompareAndSwap(true, false): // the first sync of the second segment behind that
					m.Inject(fsx.Nth(0, fsx.ErrPowerCut, fsx.OpSync))
					go func() { cut <- m.PowerCut(seed) }()
				}
				return nil
			}}, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			add(t, q, value(0))
			began.Store(true)
			roll(t, q)
			<-sealing
			roll(t, q)
			free <- true
			r, err := readAll(open(t, <-cut, diskq.Options{}))
			must(t, err)
			if len(r.gaps) > 0 {
				t.Errorf("seed %d: a power cut leaves damage: %v", seed, r.gaps[0])
			}
		})
	}
}

// A segment that becomes complete while a sync fails for want of a descriptor is synced by the next one.
func TestSyncAfterARollDuringAFailedOne(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			var names atomic.Value // what becomes of a sync of the directory
			names.Store("works")
			syncing, fail, failed := make(chan bool), make(chan bool), make(chan error)
			q := open(t, &hookFS{Mem: m, before: func(op fsx.Op, _ string) error {
				if op != fsx.OpSyncDir || names.Load() == "works" {
					return nil
				}
				if names.CompareAndSwap("waits", "fails") {
					syncing <- true
					<-fail
				}
				return syscall.EMFILE
			}}, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			add(t, q, value(0))
			names.Store("fails")
			roll(t, q)
			for first := q.Stats().Bytes; q.Stats().Bytes < first+2500; {
				_, next := q.Bounds()
				add(t, q, value(int(next)))
			}
			synctest.Wait()
			names.Store("waits")
			go func() { failed <- q.Sync(context.Background()) }()
			<-syncing // about to sync the name of the second segment, and then what is in it
			add(t, q, large)
			m.SetRoom(m.Used()) // for no footer, whose sync would do it
			fail <- true
			if err := <-failed; !errors.Is(err, syscall.EMFILE) {
				t.Fatalf("Sync() = %v, want EMFILE", err)
			}
			synctest.Wait()
			names.Store("works")
			must(t, q.Sync(t.Context()))
			_, next := q.Bounds()
			r, err := readAll(open(t, m.PowerCut(seed), diskq.Options{}))
			must(t, err)
			if r.next != next || len(r.gaps) > 0 {
				t.Errorf("seed %d: a power cut behind Sync leaves %d values and gaps %v, want %d and none", seed, r.next, r.gaps, next)
			}
		})
	}
}

// What is written while a sync is under way does not count as synced by it.
func TestSyncPromisesWhatItBeganWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var armed atomic.Bool
		synced, goOn := make(chan bool), make(chan bool)
		q := open(t, &hookFS{Mem: newMem(), before: func(fsx.Op, string) error { return nil }, synced: func() {
			if armed.CompareAndSwap(true, false) {
				synced <- true
				<-goOn
			}
		}}, diskq.Options{SyncEvery: -1})
		add(t, q, "first")
		armed.Store(true)
		done := make(chan error)
		go func() { done <- q.Sync(context.Background()) }()
		<-synced
		add(t, q, "second")
		goOn <- true
		must(t, <-done)
		if s := q.Stats(); s.Synced != 1 || s.Next != 2 {
			t.Errorf("Stats() = %+v, want 1 of 2 synced", s)
		}
		must(t, q.Sync(t.Context()))
		if s := q.Stats(); s.Synced != 2 {
			t.Errorf("Stats() = %+v, want both synced", s)
		}
	})
}

// A background sync that finds no descriptor is tried again, though nothing is appended.
func TestBackgroundSyncIsTriedAgain(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered} {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			q := open(t, m, diskq.Options{Durability: d, SegmentBytes: 4096})
			add(t, q, value(0))
			m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpSyncDir))
			roll(t, q)
			time.Sleep(1500 * time.Millisecond)
			if s := q.Stats(); s.Synced == s.Next {
				t.Errorf("Stats() = %+v, want that not all is synced", s)
			}
			m.Inject(nil)
			time.Sleep(2 * time.Second)
			if s := q.Stats(); s.Synced != s.Next {
				t.Errorf("Stats() = %+v two seconds later, want that all is synced", s)
			}
			must(t, q.Close())
		})
	}
}

// Where a full disk fails a background write, it is tried again: what is buffered is written and synced, though nothing is
// appended.
func TestBackgroundWriteIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Buffered})
		add(t, q, value(0))
		time.Sleep(2 * time.Second)
		m.SetRoom(m.Used())
		add(t, q, value(1))
		time.Sleep(1500 * time.Millisecond)
		if s := q.Stats(); s.Synced != 1 {
			t.Errorf("Stats() = %+v on a full disk, want 1 synced", s)
		}
		m.SetRoom(0)
		time.Sleep(2 * time.Second)
		if s := q.Stats(); s.Synced != 2 {
			t.Errorf("Stats() = %+v two seconds later, want that all is synced", s)
		}
		must(t, q.Close())
	})
}

// Stats knows how large the files are, once they are sealed, and dropped.
func TestStatsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 4096})
		defer q.Close()
		check := func() {
			t.Helper()
			synctest.Wait()
			report, err := diskq.InspectOn(m, dir)
			must(t, err)
			sum := int64(0)
			for _, s := range report.Segments {
				sum += s.Bytes
			}
			if s := q.Stats(); s.Bytes != sum || s.Segments != len(report.Segments) {
				t.Errorf("Stats() = %+v, want %d bytes in %d segments", s, sum, len(report.Segments))
			}
		}
		add(t, q, values(1000)...)
		check()
		must(t, q.Trim(500))
		check()
		m.Inject(fsx.Nth(0, syscall.EMFILE, fsx.OpSyncDir))
		if err := q.Trim(700); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("Trim() = %v, want EMFILE", err)
		}
		must(t, q.Trim(700))
		check()
		must(t, q.Empty())
		check()
	})
}

// A sync point that is taken back with an append that failed comes with the next one: else damage to what lies before would
// look like a torn end.
func TestPointOfAFailedAppendComesLater(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	add(t, q, "first")
	must(t, q.Sync(t.Context()))
	m.Inject(fsx.Nth(0, syscall.ENOSPC, fsx.OpWrite))
	if _, err := q.Append(t.Context(), "failed"); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Append() = %v, want ENOSPC", err)
	}
	m.Inject(nil)
	add(t, q, "second")
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	if n := len(pieces); n < 3 || !pieces[n-1].Record || pieces[n-2].Record || !pieces[n-3].Record {
		t.Errorf("the file holds %+v, want a sync point between the two values", pieces)
	}
}

// Room is asked for ahead, and where there is none, not for each append.
func TestPreallocateIsAHint(t *testing.T) {
	m := newMem()
	asked := 0
	q := open(t, m, diskq.Options{Durability: diskq.Durable})
	m.Inject(func(c fsx.Call) error {
		if c.Op == fsx.OpPreallocate {
			asked++
			return syscall.ENOSPC
		}
		return nil
	})
	add(t, q, values(20)...)
	m.Inject(nil)
	if asked != 1 {
		t.Errorf("room was asked for %d times, want once", asked)
	}
}

// The sync point that comes 10 ms behind a durable append never takes the place of appends that wait for their turn.
func TestLatePointBehindWaiters(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			var armed atomic.Bool
			syncing, free := make(chan bool), make(chan bool)
			q := open(t, &hookFS{Mem: m, before: func(op fsx.Op, _ string) error {
				if op == fsx.OpSync && armed.CompareAndSwap(true, false) {
					syncing <- true
					<-free
				}
				return nil
			}}, diskq.Options{Durability: diskq.Durable})
			add(t, q, value(0))
			time.Sleep(time.Second)
			armed.Store(true)
			done := make(chan error)
			for i := range 3 {
				go func() {
					_, err := q.Append(context.Background(), value(1))
					done <- err
				}()
				if i == 0 {
					<-syncing
				}
				synctest.Wait()
			}
			time.Sleep(10 * time.Millisecond) // the point is due at this moment, and waits for the sync
			free <- true
			for range 3 {
				must(t, <-done)
			}
			r, err := readAll(open(t, m.PowerCut(7), diskq.Options{}))
			must(t, err)
			if len(r.values) != 4 || len(r.gaps) > 0 {
				t.Fatalf("%d values are left, and gaps %v, want 4 and none", len(r.values), r.gaps)
			}
			q.Close()
		})
	}
}

// A look for a late sync point that finds an append about to be written is followed by another one: that append may have told
// of itself before the look, and is behind it when it is done.
func TestLatePointBehindAnAppendUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{Durability: diskq.Durable})
		add(t, q, "a")
		again, err := diskq.LookLateDuring(q, "b")
		must(t, err)
		if !again {
			t.Error("nobody looks again")
		}
		time.Sleep(time.Second)
		if again, err := diskq.LookLateDuring(q, "c"); err != nil || !again {
			t.Errorf("after a pause: %v, %v", again, err)
		}
		must(t, q.Close())
	})
}

// A late sync point that can't be written is written with the next append: there is no hole in the file.
func TestLatePointThatCantBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable})
		add(t, q, "a")
		var tries atomic.Int64
		m.Inject(func(c fsx.Call) error {
			if c.Op == fsx.OpWrite && tries.Add(1) == 1 {
				return syscall.EIO
			}
			return nil
		})
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if n := tries.Load(); n != 1 {
			t.Errorf("the point was tried %d times, want once", n)
		}
		add(t, q, "b")
		pieces, err := diskq.Pieces(m, dir, 0)
		must(t, err)
		if n := len(pieces); n < 3 || !pieces[n-1].Record || pieces[n-1].Offset != 1 || pieces[n-2].Record {
			t.Errorf("the file holds %+v, want a sync point before the last of two values", pieces)
		}
		must(t, q.Close())
	})
}

// What a failed append gives back of the room that was taken is taken again.
func TestPreallocateBehindAFailedAppend(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Durable})
	add(t, q, value(0))
	var asked atomic.Int64
	m.Inject(func(call fsx.Call) error {
		switch call.Op {
		case fsx.OpPreallocate:
			asked.Add(1)
		case fsx.OpWrite:
			return syscall.EIO
		}
		return nil
	})
	if _, err := q.Append(t.Context(), value(1)); err == nil {
		t.Fatal("Append() = nil, and the write failed")
	}
	m.Inject(func(call fsx.Call) error {
		if call.Op == fsx.OpPreallocate {
			asked.Add(1)
		}
		return nil
	})
	add(t, q, value(1), value(2))
	if n := asked.Load(); n != 1 {
		t.Errorf("room was asked for %d times behind the failed append, want once", n)
	}
	must(t, q.Close())
}

// What is appended just behind a background sync is synced by the next one, though the one before had been told of appends that
// it took along.
func TestAppendBehindABackgroundSync(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered} {
		synctest.Test(t, func(t *testing.T) {
			q := open(t, newMem(), diskq.Options{Durability: d})
			for _, pause := range []time.Duration{995, 7, 0} { // so the sync is between the second and the third
				add(t, q, "a")
				time.Sleep(pause * time.Millisecond)
			}
			time.Sleep(2 * time.Second)
			if s := q.Stats(); s.Synced != 3 {
				t.Errorf("%v: Stats() = %+v two seconds later, want that all is synced", d, s)
			}
			must(t, q.Close())
		})
	}
}

// A background sync takes along what is not written yet.
func TestBackgroundSyncWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{Durability: diskq.Buffered, SyncEvery: time.Millisecond})
		add(t, q, "a")
		time.Sleep(2 * time.Millisecond)
		if s := q.Stats(); s.Synced != 1 {
			t.Errorf("Stats() = %+v behind two SyncEvery, want that all is synced", s)
		}
		must(t, q.Close())
	})
}

// What could not be written within 10 ms is tried again, also where nothing is synced in the background.
func TestLateWriteIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
		add(t, q, "a")
		m.Inject(fsx.Nth(0, syscall.ENOSPC, fsx.OpWrite))
		time.Sleep(50 * time.Millisecond)
		if _, next := follow(t, m).Bounds(); next != 1 {
			t.Errorf("%d values are in the files, want 1", next)
		}
		must(t, q.Close())
	})
}

// A late sync point for which the block has no room comes with the next append.
func TestLatePointWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable})
		begin := diskq.End(q) + 76 // behind the sync point of the session
		add(t, q, "a")
		full := begin + piece + 8192
		add(t, q, string(make([]byte, full-diskq.End(q)-76-12)))
		if end := diskq.End(q); end != full {
			t.Fatalf("the queue ends at byte %d, want %d", end, full)
		}
		time.Sleep(time.Second)
		add(t, q, "c")
		pieces, err := diskq.Pieces(m, dir, 0)
		must(t, err)
		if n := len(pieces); !pieces[n-1].Record || pieces[n-2].Record {
			t.Errorf("the file ends with %+v, want a sync point and the last value", pieces[n-2:])
		}
		must(t, q.Close())
	})
}
