package diskq_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// fillSegment appends until the next large value needs another segment.
func fillSegment(t *testing.T, q *diskq.DiskQueue[string]) (n int) {
	for q.Stats().Bytes < 3000 {
		add(t, q, value(n))
		n++
	}
	return n
}

var large = string(make([]byte, 2000))

// A segment that could not be begun is gone for certain before anything else is appended: its name would end the one
// before it.
func TestUndoneRollStaysAway(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Durable} {
		for seed := range uint64(40) {
			synctest.Test(t, func(t *testing.T) { // so that no late sync point is the write that fails
				m := newMem()
				q := open(t, m, diskq.Options{Durability: d, SegmentBytes: 4096, SyncEvery: -1})
				n := fillSegment(t, q)
				files := m.Open()
				m.Inject(fsx.Nth(0, syscall.ENOSPC, fsx.OpWrite)) // the header of the next segment
				if _, err := q.Append(t.Context(), large); !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("Append() = %v, want ENOSPC", err)
				}
				m.Inject(nil)
				if m.Open() != files {
					t.Errorf("%d files are open, %d before", m.Open(), files)
				}
				add(t, q, "small", "smaller") // they fit in the last one
				must(t, q.Sync(t.Context()))
				r, err := readAll(open(t, m.PowerCut(seed), diskq.Options{}))
				must(t, err)
				if int(r.next) != n+2 || r.values[r.next-1] != "smaller" || len(r.gaps) > 0 {
					t.Fatalf("%v, seed %d: the queue ends at %d, with gaps %v, want %d and none", d, seed, r.next, r.gaps, n+2)
				}
			})
		}
	}
}

// A durable append that fails because the name of its segment can't be synced, for want of a descriptor, leaves nothing:
// neither the value, nor the promise that it is there.
func TestAppendWithoutAName(t *testing.T) {
	for seed := range uint64(60) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable, SegmentBytes: 4096})
		n := fillSegment(t, q)
		m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpSyncDir))
		if _, err := q.Append(t.Context(), large); !errors.Is(err, syscall.EMFILE) {
			t.Fatalf("Append() = %v, want EMFILE", err)
		}
		m.Inject(nil)
		if seed == 0 {
			if r, err := readAll(open(t, m.Kill(), diskq.Options{})); err != nil || int(r.next) != n {
				t.Fatalf("after kill -9 the queue ends at %d, %v, want %d", r.next, err, n)
			}
			continue
		}
		must(t, q.Sync(t.Context()))
		if s := q.Stats().Synced; int(s) != n {
			t.Errorf("Stats().Synced = %d, want %d", s, n)
		}
		m.Inject(func(c fsx.Call) error { // in the middle of the next append
			if c.Op == fsx.OpWrite && c.Size > 900 {
				return fsx.ErrPowerCut
			}
			return nil
		})
		if _, err := q.Append(t.Context(), large[:900]); !errors.Is(err, fsx.ErrPowerCut) {
			t.Fatalf("Append() = %v, want ErrPowerCut", err)
		}
		r, err := readAll(open(t, m.PowerCut(seed), diskq.Options{}))
		must(t, err)
		if int(r.next) > n+1 || int(r.next) < n || len(r.gaps) > 0 {
			t.Fatalf("seed %d: the queue ends at %d, with gaps %v, want %d or %d, and none", seed, r.next, r.gaps, n, n+1)
		}
	}
}

// Nor is it promised once the name can be synced: what a process that is killed then has written of the next append, behind a
// sync point that is whole, is a torn end, and no damage.
func TestAppendWithoutANameIsNotPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable, SegmentBytes: 4096})
		n := fillSegment(t, q)
		m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpSyncDir))
		if _, err := q.Append(t.Context(), large); !errors.Is(err, syscall.EMFILE) {
			t.Fatalf("Append() = %v, want EMFILE", err)
		}
		m.Inject(nil)
		must(t, q.Sync(t.Context()))
		m.Inject(func(c fsx.Call) error {
			switch c.Op {
			case fsx.OpWrite:
				return &fsx.ShortWrite{N: 100, Err: syscall.EIO} // a sync point, and the beginning of the value
			case fsx.OpTruncate:
				return syscall.EIO
			}
			return nil
		})
		if _, err := q.Append(t.Context(), large); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Append() = %v, want EIO", err)
		}
		left := open(t, m.Kill(), diskq.Options{})
		if r, err := readAll(left); err != nil || int(r.next) != n || len(r.gaps) > 0 || left.Stats().Recovery.Cut == 0 {
			t.Errorf("the queue ends at %d, with gaps %v, %v, and %d bytes were cut: want %d, none, nil, and some",
				r.next, r.gaps, err, left.Stats().Recovery.Cut, n)
		}
	})
}

// Those who append while a commit is under way that fails get its error: their values lie behind the ones that are taken
// back.
func TestFailedCommitFailsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		writing, fail := make(chan bool), make(chan error)
		var armed atomic.Bool
		hooked := &hookFS{Mem: m, before: func(op fsx.Op, _ string) error {
			if op == fsx.OpWrite && armed.CompareAndSwap(true, false) {
				writing <- true
				return <-fail
			}
			return nil
		}}
		q := open(t, hooked, diskq.Options{Durability: diskq.Durable})
		add(t, q, "first")
		armed.Store(true)
		results := make(chan error)
		appendOne := func(i int) {
			_, err := q.Append(context.Background(), value(i))
			results <- err
		}
		go appendOne(0)
		<-writing
		for i := range 5 {
			go appendOne(i + 1)
			synctest.Wait()
		}
		fail <- syscall.EIO
		for range 6 {
			if err := <-results; !errors.Is(err, syscall.EIO) {
				t.Errorf("Append() = %v, want EIO", err)
			}
		}
		add(t, q, "second")
		r, err := readAll(q)
		must(t, err)
		if len(r.values) != 2 || r.values[0] != "first" || r.values[1] != "second" {
			t.Errorf("the queue holds %q, want the first and the second", r.values)
		}
	})
}

// What was noted of sync points that are taken back is forgotten: a reader would look for values where there are others.
func TestTakenBackPointsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writing, fail := make(chan bool), make(chan error)
		var armed atomic.Int64
		q := open(t, &hookFS{Mem: newMem(), before: func(op fsx.Op, _ string) error {
			if op == fsx.OpWrite && armed.Add(-1) >= 0 {
				writing <- true
				return <-fail
			}
			return nil
		}}, diskq.Options{Durability: diskq.Durable})
		add(t, q, "first")
		armed.Store(2)
		results := make(chan error)
		for i, v := range []string{"second", strings.Repeat("x", 70_000), "behind a sync point"} {
			go func() {
				_, err := q.Append(context.Background(), v)
				results <- err
			}()
			if i == 0 {
				<-writing
			}
			synctest.Wait()
		}
		fail <- nil
		must(t, <-results)
		<-writing
		fail <- syscall.EIO // both of the others
		for range 2 {
			if err := <-results; !errors.Is(err, syscall.EIO) {
				t.Errorf("Append() = %v, want EIO", err)
			}
		}
		pad := strings.Repeat("y", 200)
		for i := range 400 {
			add(t, q, value(i)+pad)
		}
		for off := range sluice.Offset(402) {
			c := q.Cursor(sluice.At(off))
			if v, err := c.Next(t.Context()); err != nil || off >= 2 && v != value(int(off)-2)+pad {
				t.Fatalf("Next() at %d = %q, %v", off, v, err)
			}
			c.Close()
		}
	})
}

// What is buffered is with the system 10 ms later, however long a sync takes that is under way.
func TestBufferedIsWrittenDuringASync(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *diskq.DiskQueue[string]) int{
		"in the background": func(t *testing.T, q *diskq.DiskQueue[string]) int {
			add(t, q, "first")
			time.Sleep(2 * time.Second)
			return 1
		},
		"sealing": func(t *testing.T, q *diskq.DiskQueue[string]) int {
			add(t, q, values(200)...)
			return 200
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMem()
				var blocking atomic.Bool
				blocked, free := make(chan bool, 100), make(chan bool)
				q := open(t, &hookFS{Mem: m, before: func(op fsx.Op, _ string) error {
					if op == fsx.OpSync && blocking.Load() {
						blocked <- true
						<-free
					}
					return nil
				}}, diskq.Options{Durability: diskq.Buffered, SegmentBytes: 4096})
				add(t, q, "begin")
				blocking.Store(true)
				n := before(t, q) + 1
				<-blocked
				add(t, q, "late")
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				r := follow(t, m) // sees what is in the files
				if _, next := r.Bounds(); int(next) != n+1 {
					t.Errorf("%d values are in the files 10 ms later, want %d", next, n+1)
				}
				blocking.Store(false)
				close(free)
				must(t, q.Close())
				if s := q.Stats().Synced; s != sluice.Offset(n+1) {
					t.Errorf("Stats().Synced = %d after Close, want %d", s, n+1)
				}
			})
		})
	}
}

// A segment that could not be begun, nor taken back, makes the queue fail: what fits in the one before would be lost with a crash.
func TestRollThatCannotBeUndone(t *testing.T) {
	for _, op := range []fsx.Op{fsx.OpRemove, fsx.OpSyncDir} {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			n := fillSegment(t, q)
			m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite|op))
			if _, err := q.Append(t.Context(), large); !errors.Is(err, syscall.EIO) {
				t.Fatalf("%v: Append() = %v, want EIO", op, err)
			}
			m.Inject(nil)
			if _, err := q.Append(t.Context(), "small"); !errors.Is(err, syscall.EIO) {
				t.Errorf("%v: Append() = %v, want EIO until the queue is opened again", op, err)
			}
			r, err := readAll(open(t, m.Kill(), diskq.Options{}))
			must(t, err)
			if int(r.next) != n || len(r.gaps) > 0 {
				t.Errorf("%v: %d values are left, with gaps %v, want %d and none", op, r.next, r.gaps, n)
			}
		})
	}
}
