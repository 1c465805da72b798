package diskq_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A follower waits for a value that is not whole yet, whatever lies behind it already: a sync point that promises what is before that
// value does not promise it.
func TestFollowWaitsForWhatIsBeingWritten(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	add(t, q, values(2)...)
	must(t, q.Sync(t.Context()))
	add(t, q, value(2))
	diskq.PointDue(q)
	add(t, q, value(3))
	m = m.Kill()
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	hit := pieces[len(pieces)-3].Pos
	flipAt(t, m, firstSegment, hit)
	c := follow(t, m).Cursor(sluice.Oldest())
	defer c.Close()
	for i := range 4 {
		if i == 2 {
			if v, ok, err := c.TryNext(); ok || err != nil {
				t.Fatalf("TryNext() = %q, %v, %v, want nothing yet", v, ok, err)
			}
			flipAt(t, m, firstSegment, hit) // now it is whole
		}
		if v, ok, err := c.TryNext(); v != value(i) || !ok || err != nil {
			t.Fatalf("TryNext() = %q, %v, %v, want %q", v, ok, err, value(i))
		}
	}
}

// A segment that has a name and no header yet bounds the one before, and is followed as soon as it has one.
func TestFollowASegmentWithoutHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable})
		add(t, q, value(0))
		must(t, diskq.Roll(q))
		add(t, q, value(1))
		time.Sleep(20 * time.Millisecond) // until a sync point promises it
		m = m.Kill()
		data, err := fsx.ReadFile(m, segmentFile(1))
		must(t, err)
		must(t, fsx.WriteFile(m, segmentFile(1), nil))
		c := follow(t, m).Cursor(sluice.Oldest())
		defer c.Close()
		if v, ok, err := c.TryNext(); v != value(0) || !ok || err != nil {
			t.Fatalf("TryNext() = %q, %v, %v, want %q", v, ok, err, value(0))
		}
		if v, ok, err := c.TryNext(); ok || err != nil {
			t.Fatalf("TryNext() = %q, %v, %v, want nothing yet", v, ok, err)
		}
		must(t, fsx.WriteFile(m, segmentFile(1), data))
		if v, ok, err := c.TryNext(); v != value(1) || !ok || err != nil {
			t.Errorf("TryNext() = %q, %v, %v, want %q", v, ok, err, value(1))
		}
	})
}

// The end that a follower told stays, though what it saw there is taken back, because that append failed.
func TestFollowersEndStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		add(t, open(t, m, diskq.Options{SyncEvery: -1}), values(6)...)
		m = m.Kill()
		r := follow(t, m)
		if _, next := r.Bounds(); next != 6 {
			t.Fatalf("the end is %d, want 6", next)
		}
		cutSegment(t, m, 0, 3)
		for range 3 { // until it has looked where the file ends, and again at all of it
			time.Sleep(2 * time.Second)
			if _, next := r.Bounds(); next != 6 {
				t.Errorf("the end is %d, want 6 as before", next)
			}
		}
	})
}

// Whoever finds more wakes all who wait for it, whenever they would have looked.
func TestFollowersWakeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		r, err := diskq.OpenReader(dir, diskq.String(), diskq.FollowOn(diskq.ReaderOptions{PollEvery: time.Hour}, m))
		must(t, err)
		defer r.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := make(chan string, 1)
		go func() {
			c := r.Cursor(sluice.Oldest())
			defer c.Close()
			v, _ := c.Next(ctx)
			got <- v
		}()
		synctest.Wait()
		add(t, q, value(0))
		r.Bounds()
		synctest.Wait()
		if len(got) == 0 {
			t.Error("a value was found, and who waits for it sleeps on")
		}
		must(t, q.Close())
	})
}

// A follower lets go of segments that were dropped: while it had them open they would take room on the disk.
func TestFollowClosesWhatWasDropped(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	for i := range 4 {
		add(t, q, value(i))
		must(t, diskq.Roll(q))
	}
	must(t, q.Close())
	r := follow(t, m)
	if all, err := readAll(r); err != nil || all.next != 4 {
		t.Fatalf("a follower reads up to %d, %v, want 4, nil", all.next, err)
	}
	before := m.Open()
	for i := range sluice.Offset(3) {
		must(t, m.Remove(segmentFile(i)))
	}
	r.Epoch() // a look at the directory
	if now := m.Open(); now != before-3 {
		t.Errorf("%d files are open, want three fewer than %d", now, before)
	}
}

// A position that can't be had is told as that, and not what is wrong with the disk.
func TestFollowFromABadPosition(t *testing.T) {
	m := newMem()
	must(t, open(t, m, diskq.Options{}).Close())
	r := follow(t, m)
	c := r.Cursor(sluice.At(7))
	defer c.Close()
	m.Inject(fsx.From(0, syscall.EIO, fsx.OpAny))
	if _, _, err := c.TryNext(); err == nil || errors.Is(err, syscall.EIO) {
		t.Errorf("TryNext() = %v, want that there is no offset 7", err)
	}
}
