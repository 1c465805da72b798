package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

func TestDropOldest(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{MaxBytes: 32 << 10, WhenFull: diskq.DropOldest})
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	const n = 5000
	add(t, q, values(n)...)
	s := q.Stats()
	if s.Bytes > 32<<10 || s.Bytes < 20<<10 || s.First == 0 {
		t.Errorf("%d bytes are held from value %d on, want about 32 KiB", s.Bytes, s.First)
	}
	report, err := diskq.InspectOn(m, dir)
	must(t, err)
	for _, s := range report.Segments[:len(report.Segments)-1] {
		if s.Bytes < 3800 {
			t.Errorf("segment %s has %d bytes, want about 4096: others could be dropped", s.Name, s.Bytes)
		}
	}
	_, err = c.Next(t.Context())
	if lag := (*sluice.LagError)(nil); !errors.As(err, &lag) || lag.From != 0 || lag.To != s.First {
		t.Errorf("Next() = %v, want a *LagError [0, %d)", err, s.First)
	}
	if v, err := c.Next(t.Context()); v != value(int(s.First)) || err != nil {
		t.Errorf("Next() = %q, %v, want %q", v, err, value(int(s.First)))
	}
	must(t, q.Close())
	if used := m.Used(); used > 33<<10 {
		t.Errorf("%d bytes are on the disk, want at most 32 KiB and the last index", used)
	}
}

func TestFullFails(t *testing.T) {
	q := open(t, newMem(), diskq.Options{MaxBytes: 16 << 10, WhenFull: diskq.Fail})
	n := fillQueue(t, q)
	must(t, q.Trim(sluice.Offset(n/2)))
	add(t, q, "room")
	must(t, q.Empty())
	if first, next := q.Bounds(); first != next {
		t.Errorf("Bounds() = %d, %d after Empty, want the same", first, next)
	}
	if again := fillQueue(t, q); again < n/2 {
		t.Errorf("%d values fit after Empty, %d before", again, n)
	}
}

func fillQueue(t *testing.T, q *diskq.DiskQueue[string]) (n int) {
	for ; ; n++ {
		if _, err := q.Append(t.Context(), value(n)); errors.Is(err, diskq.ErrFull) {
			if s := q.Stats(); !strings.Contains(err.Error(), fmt.Sprintf("it has %d bytes", s.Bytes)) {
				t.Errorf("Append() = %v, want an error that says how full the queue is, %d of 16384", err, s.Bytes)
			}
			return n
		} else if err != nil {
			t.Fatal(err)
		}
		if n > 10_000 {
			t.Fatal("the queue is never full")
		}
	}
}

func TestFullBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{MaxBytes: 16 << 10})
		defer q.Close()
		ended := make(chan error)
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			for {
				if _, err := q.Append(ctx, value(7)); err != nil {
					ended <- err
					return
				}
			}
		}()
		synctest.Wait()
		_, full := q.Bounds()
		if full == 0 || q.Stats().Bytes > 16<<10 {
			t.Fatalf("%d values, %d bytes, want at most 16 KiB", full, q.Stats().Bytes)
		}
		if n := q.Stats().Waiting; n != 1 {
			t.Errorf("Stats() says that %d appends wait, want 1", n)
		}
		must(t, q.Trim(full/2))
		synctest.Wait()
		if _, next := q.Bounds(); next <= full {
			t.Errorf("nothing was appended after Trim")
		}
		cause := errors.New("enough")
		cancel(cause)
		if err := <-ended; err != cause {
			t.Errorf("Append() = %v, want the cause", err)
		}
		if n := q.Stats().Waiting; n != 0 {
			t.Errorf("Stats() says that %d appends wait, want none", n)
		}
		go func() {
			for {
				if _, err := q.Append(t.Context(), value(7)); err != nil {
					ended <- err
					return
				}
			}
		}()
		synctest.Wait()
		must(t, q.Close())
		if err := <-ended; err != sluice.ErrClosed {
			t.Errorf("Append() = %v, want ErrClosed", err)
		}
	})
}

func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{MaxAge: time.Hour})
		defer func() { q.Close() }()
		for i := range 240 { // four hours
			add(t, q, value(i))
			time.Sleep(time.Minute)
		}
		first, next := q.Bounds()
		if kept := int64(next - first); kept < 59 || kept > 76 {
			t.Errorf("%d values of a minute each are kept, want those of 60 to 75 minutes", kept)
		}
		must(t, q.Close())
		q = open(t, m, diskq.Options{MaxAge: time.Hour})
		time.Sleep(2 * time.Hour)
		if first, next := q.Bounds(); first != next || next != 240 {
			t.Errorf("Bounds() = %d, %d after two idle hours, want 240, 240", first, next)
		}
		add(t, q, "again")
	})
}

// A damaged header, which says when a segment was begun, holds nothing back: the next one says it too.
func TestMaxAgeOverDamagedHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{MaxAge: 4 * time.Hour})
		for i := range 240 {
			add(t, q, value(i))
			time.Sleep(time.Minute)
		}
		must(t, q.Close())
		report, err := diskq.InspectOn(m, dir)
		must(t, err)
		if len(report.Segments) < 4 {
			t.Fatalf("%d segments, want one an hour", len(report.Segments))
		}
		for _, s := range report.Segments[1:3] {
			data, err := fsx.ReadFile(m, s.Name)
			must(t, err)
			data[60] ^= 1
			must(t, fsx.WriteFile(m, s.Name, data))
		}
		q = open(t, m, diskq.Options{MaxAge: 4 * time.Hour})
		defer q.Close()
		for _, c := range []struct{ hours, first int }{{0, 0}, {24, 240}} {
			time.Sleep(time.Duration(c.hours) * time.Hour)
			if first, next := q.Bounds(); int(first) != c.first || next != 240 {
				t.Errorf("Bounds() = %d, %d after %d hours, want %d, 240", first, next, c.hours, c.first)
			}
		}
	})
}

func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 8192})
		defer func() { q.Close() }()
		start := time.Now()
		const n = 600
		for i := range n {
			add(t, q, value(i))
			time.Sleep(10 * time.Second)
		}
		check := func() {
			for _, i := range []int{0, 1, 17, 300, 301, 599} {
				at := start.Add(time.Duration(i) * 10 * time.Second)
				c := q.Cursor(q.Since(at))
				if off := int(c.Offset()); off > i || off < i-1 {
					t.Errorf("Since() of value %d is %d, want at most one before it", i, off)
				}
				c.Close()
			}
			c := q.Cursor(q.Since(start.Add(24 * time.Hour)))
			if off := c.Offset(); off < n-1 {
				t.Errorf("Since() of tomorrow is %d, want the end or the value before", off)
			}
			c.Close()
		}
		check()
		must(t, q.Close())
		q = open(t, m, diskq.Options{})
		check()
		add(t, q, value(n)) // over the footer, which had the index
		check()
	})
}

// What Since knows is still known behind a crash.
func TestSinceBehindACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{})
		start := time.Now()
		for i := range 100 {
			add(t, q, value(i))
			time.Sleep(10 * time.Second)
		}
		m = m.Kill()
		for range 2 {
			q = open(t, m, diskq.Options{})
			for i := range 100 {
				c := q.Cursor(q.Since(start.Add(time.Duration(i) * 10 * time.Second)))
				if off := int(c.Offset()); off > i || off < i-1 {
					t.Errorf("Since() of value %d is %d, want at most one before it", i, off)
				}
				c.Close()
			}
			must(t, q.Close())
		}
	})
}

// While something is appended the places that Since knows are a sync apart: not two, though syncs never come exactly in time.
func TestSinceBetweenSyncs(t *testing.T) {
	for every, most := range map[time.Duration]time.Duration{
		0: time.Second, 900 * time.Millisecond: time.Second, 200 * time.Millisecond: time.Second, 3 * time.Second: 3 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			q := open(t, newMem(), diskq.Options{SyncEvery: every})
			defer q.Close()
			var at []time.Time
			for i := range 6000 {
				at = append(at, time.Now())
				add(t, q, value(i))
				time.Sleep(3 * time.Millisecond)
			}
			for i := 0; i < len(at); i += 100 {
				c := q.Cursor(q.Since(at[i]))
				off := int(c.Offset())
				if early := at[i].Sub(at[off]); off > i || early > most+20*time.Millisecond {
					t.Errorf("SyncEvery %v: Since() is early by %v, want at most %v", every, early, most)
				}
				c.Close()
			}
		})
	}
}

// Values of the same moment are on both sides of a sync point: Since passes over none.
func TestSinceTheSameMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{SyncEvery: -1})
		defer q.Close()
		add(t, q, value(0))
		time.Sleep(2 * time.Second)
		now := time.Now()
		add(t, q, value(1))
		must(t, q.Sync(t.Context()))
		time.Sleep(2 * time.Second)
		must(t, q.Sync(t.Context()))
		add(t, q, value(2))
		must(t, q.Sync(t.Context()))
		add(t, q, value(3))
		for _, at := range []time.Time{now, time.Now()} {
			c := q.Cursor(q.Since(at))
			want := sluice.Offset(1)
			if at != now {
				want = 2
			}
			if off := c.Offset(); off > want {
				t.Errorf("Since() is %d, want %d or before", off, want)
			}
			c.Close()
		}
	})
}

// What was buffered is written within 10 ms, what was written is synced within a second, and then nothing is done.
func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Buffered})
		defer q.Close()
		add(t, q, "a")
		before := q.Stats()
		add(t, q, "b")
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if s := q.Stats(); s.Writes != before.Writes+1 {
			t.Errorf("%d writes within 20 ms, want 1", s.Writes-before.Writes)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := q.Stats(); s.Synced != 2 {
			t.Errorf("synced up to %d within 2 s, want 2", s.Synced)
		}
		ops := m.Ops()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := m.Ops() - ops; got != 0 {
			t.Errorf("%d operations of the file system in an idle day, want none", got)
		}
	})
}

func TestTrimKeepsWholeSegments(t *testing.T) {
	q := open(t, newMem(), diskq.Options{SegmentBytes: 4096})
	add(t, q, values(500)...)
	for before := range sluice.Offset(520) {
		must(t, q.Trim(before))
		first, next := q.Bounds()
		if first > before || next != 500 {
			t.Fatalf("Bounds() = %d, %d after Trim(%d)", first, next, before)
		}
		if before >= 500 && first != 500 {
			t.Fatalf("Trim(%d) leaves values from %d on, want none", before, first)
		}
	}
}

// A queue that is closed drops nothing: the files may be somebody else's.
func TestTrimAfterClose(t *testing.T) {
	m := newMem()
	closed := open(t, m, diskq.Options{SegmentBytes: 4096})
	add(t, closed, values(500)...)
	must(t, closed.Close())
	q := open(t, m, diskq.Options{SegmentBytes: 4096})
	add(t, q, values(500)...)
	must(t, closed.Trim(400))
	must(t, closed.Empty())
	r, err := readAll(q)
	must(t, err)
	if len(r.values) != 1000 {
		t.Errorf("%d values are left, want 1000", len(r.values))
	}
}

// A segment that can't be left when it is old enough, for the disk is full, is tried again now and then, not all the time.
func TestMaxAgeOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{MaxAge: time.Hour})
		add(t, q, "a")
		time.Sleep(time.Minute)
		var tries, failing atomic.Int64
		failing.Store(1)
		m.Inject(func(call fsx.Call) error {
			if call.Op != fsx.OpOpen || failing.Load() == 0 {
				return nil
			}
			if tries.Add(1) > 10000 {
				failing.Store(0) // or the time in the bubble would not go on
			}
			return syscall.ENOSPC
		})
		time.Sleep(time.Hour)
		if n := tries.Load(); n == 0 || n > 4000 {
			t.Errorf("a new segment was tried %d times in an hour, want once a second at most", n)
		}
		failing.Store(0)
		time.Sleep(2 * time.Hour)
		if first, next := q.Bounds(); first != next || next != 1 {
			t.Errorf("Bounds() = %d, %d when there is room again, want 1, 1", first, next)
		}
		must(t, q.Close())
	})
}

// What could not be removed when it was old enough is removed as soon as it can be, though nothing is appended.
func TestMaxAgeTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{MaxAge: time.Hour})
		add(t, q, "a")
		var failing atomic.Bool
		failing.Store(true)
		m.Inject(func(call fsx.Call) error {
			if call.Op == fsx.OpRemove && failing.Load() {
				return syscall.EACCES
			}
			return nil
		})
		time.Sleep(3 * time.Hour)
		failing.Store(false)
		time.Sleep(2 * time.Second)
		if s := q.Stats(); s.Segments != 1 || s.Bytes > 1024 {
			t.Errorf("%d segments of %d bytes are left of what was old, want an empty one", s.Segments, s.Bytes)
		}
		if _, err := m.Stat(firstSegment); err == nil {
			t.Error("the old segment is there when it can be removed")
		}
		must(t, q.Close())
	})
}

// removing calls before ahead of each Remove, under no lock.
type removing struct {
	*fsx.Mem
	before func()
}

func (r *removing) Remove(name string) error {
	r.before()
	return r.Mem.Remove(name)
}

// An append that comes while the last segment but the empty one is being dropped waits for its room; it is not too large.
func TestAppendDuringADrop(t *testing.T) {
	for _, when := range []diskq.WhenFull{diskq.Block, diskq.Fail, diskq.DropOldest} {
		disk := &removing{Mem: newMem(), before: func() {}}
		q := open(t, disk, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1, SegmentBytes: 4096, MaxBytes: 8192, WhenFull: when})
		add(t, q, strings.Repeat("a", 3900))
		done := make(chan error, 1)
		disk.before = func() {
			disk.before = func() {}
			go func() {
				_, err := q.Append(t.Context(), strings.Repeat("b", 3900))
				done <- err
			}()
			for len(done) == 0 && !diskq.HeldUp(q) {
				runtime.Gosched()
			}
		}
		must(t, q.Empty())
		err := <-done
		if when == diskq.Fail && errors.Is(err, diskq.ErrFull) {
			err = nil
		}
		if err != nil {
			t.Errorf("WhenFull %d: Append() = %v, want nil", when, err)
		}
		if n := q.Stats().Segments; n != 1 {
			t.Errorf("WhenFull %d: %d segments, want 1: the empty one is not left for another of its name", when, n)
		}
		must(t, q.Close())
	}
}

// A value that can never fit is refused before anything is dropped for it.
func TestTooLargeDropsNothing(t *testing.T) {
	refused := 0
	for size := 6000; size < 8300; size += 20 {
		q := open(t, newMem(), diskq.Options{MaxBytes: 8192, SegmentBytes: 8192, WhenFull: diskq.DropOldest})
		add(t, q, "kept")
		_, err := q.Append(t.Context(), string(make([]byte, size)))
		if err == nil {
			continue
		}
		refused++
		if first, next := q.Bounds(); !errors.Is(err, diskq.ErrTooLarge) || first != 0 || next != 1 {
			t.Errorf("%d bytes: Append() = %v, and Bounds() = %d, %d; want ErrTooLarge, 0, 1", size, err, first, next)
		}
	}
	if refused == 0 {
		t.Error("nothing was too large")
	}
}

// Who waits for room is told when the queue fails.
func TestFailureEndsTheWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{MaxBytes: 8192, SegmentBytes: 8192, SyncEvery: -1})
		add(t, q, large, large, large)
		done := make(chan error, 1)
		go func() {
			_, err := q.Append(context.Background(), large+large)
			done <- err
		}()
		synctest.Wait()
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpSync))
		if err := q.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Sync() = %v, want EIO", err)
		}
		synctest.Wait()
		select {
		case err := <-done:
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("Append() = %v, want EIO", err)
			}
		default:
			t.Error("the queue has failed, and Append waits on")
			m.Inject(nil)
			must(t, q.Empty())
		}
	})
}

// An empty segment is not left for another of its name while what lies before can't be removed.
func TestRoomBehindADropThatFailed(t *testing.T) {
	m := newMem()
	o := diskq.Options{SegmentBytes: 4096, MaxBytes: 8192, SyncEvery: -1, WhenFull: diskq.DropOldest}
	q := open(t, m, o)
	add(t, q, large+large[:1900])
	m.Inject(fsx.Nth(0, syscall.EACCES, fsx.OpRemove))
	if err := q.Empty(); !errors.Is(err, syscall.EACCES) {
		t.Fatalf("Empty() = %v, want EACCES", err)
	}
	m.Inject(nil)
	add(t, q, large+large[:1900])
	if s := q.Stats(); s.Segments != 1 || s.First != 1 || s.Next != 2 {
		t.Errorf("Stats() = %+v, want one segment, with the second value", s)
	}
	must(t, q.Close())
}

// A drop whose last step failed is finished by the next, though there is nothing more to drop: then no power cut undoes it.
func TestDropThatFailedIsFinished(t *testing.T) {
	for seed := range uint64(10) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
		add(t, q, values(500)...)
		must(t, q.Sync(t.Context()))
		m.Inject(fsx.Nth(0, syscall.EMFILE, fsx.OpSyncDir))
		first, _ := q.Bounds()
		for before := sluice.Offset(0); first == 0; before++ { // the first segment, and no other
			if err := q.Trim(before); err != nil && !errors.Is(err, syscall.EMFILE) {
				t.Fatalf("Trim() = %v, want nil or EMFILE", err)
			}
			first, _ = q.Bounds()
		}
		must(t, q.Trim(first))
		again := open(t, m.PowerCut(seed), diskq.Options{})
		if got, _ := again.Bounds(); got != first {
			t.Errorf("seed %d: the queue begins at %d behind a power cut, want %d", seed, got, first)
		}
	}
}

// Whoever finds a segment gone from the list finds that the queue begins behind it.
func TestFirstMovesBeforeTheList(t *testing.T) {
	q := open(t, newMem(), diskq.Options{SegmentBytes: 4096})
	add(t, q, values(500)...)
	if first := diskq.FirstBeforeUnlisting(q, func() { must(t, q.Trim(400)) }); first == 0 {
		t.Error("the first segment is about to leave the list, and the queue begins with it")
	}
}

// What is appended while a segment is about to be left is written to it before.
func TestAppendWhileASegmentIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writing, free := make(chan bool), make(chan bool)
		var armed atomic.Bool
		q := open(t, &hookFS{Mem: newMem(), before: func(op fsx.Op, _ string) error {
			if op == fsx.OpWrite && armed.CompareAndSwap(true, false) {
				writing <- true
				<-free
			}
			return nil
		}}, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
		add(t, q, "first")
		armed.Store(true)
		trimmed := make(chan error)
		go func() { trimmed <- q.Trim(1) }()
		<-writing
		add(t, q, "second")
		free <- true
		must(t, <-trimmed)
		r, err := readAll(q)
		must(t, err)
		if len(r.gaps) > 0 || r.next != 2 || r.values[1] != "second" || q.Stats().Segments != 2 {
			t.Errorf("the queue holds %q, with gaps %v, in %d segments, want both values, in one that was left", r.values, r.gaps, q.Stats().Segments)
		}
		must(t, q.Close())
	})
}
