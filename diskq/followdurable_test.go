package diskq_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

const firstSegment = dir + "/00000000000000000000.seg"

// Of a durable queue a follower sees nothing before it is on stable storage, also where a sync point lies behind values
// that were written with it.
func TestFollowSeesWhatIsSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		syncing, free, hold := make(chan bool), make(chan bool), false
		q := open(t, &hookFS{Mem: m, before: func(op fsx.Op, _ string) error {
			if hold && op == fsx.OpSync {
				syncing <- true
				<-free
			}
			return nil
		}}, diskq.Options{Durability: diskq.Durable})
		r := follow(t, m)
		add(t, q, "first")
		hold = true
		done := make(chan error, 3)
		for i, v := range []string{"second", strings.Repeat("third", 20_000), "behind a sync point"} {
			go func() {
				_, err := q.Append(context.Background(), v)
				done <- err
			}()
			if i == 0 {
				<-syncing
			}
			synctest.Wait()
		}
		if _, next := r.Bounds(); next > 1 {
			t.Errorf("a follower sees up to %d while the second value is synced, want 1 at most", next)
		}
		free <- true
		<-syncing
		if p, err := diskq.Pieces(m, dir, 0); err != nil || p[len(p)-1].Offset != 3 || p[len(p)-2].Record {
			t.Fatalf("the file ends with %+v, %v, want a sync point and the last value", p, err)
		}
		if _, next := r.Bounds(); next > 2 {
			t.Errorf("a follower sees up to %d while the third and fourth value are synced, want 2 at most", next)
		}
		hold = false
		free <- true
		for range 3 {
			must(t, <-done)
		}
		time.Sleep(20 * time.Millisecond)
		if _, next := r.Bounds(); next != 4 {
			t.Errorf("a follower sees up to %d in the end, want 4", next)
		}
	})
}

// A follower sees a batch when all of it is in the file, however that grows.
func TestFollowSeesWholeBatches(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	add(t, q, "first")
	if _, err := q.AppendAll(t.Context(), values(5)); err != nil {
		t.Fatal(err)
	}
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	other := newMem()
	must(t, other.MkdirAll(dir, 0o700))
	must(t, fsx.WriteFile(other, firstSegment, data[:pieces[0].End]))
	r := follow(t, other)
	for size := range data {
		must(t, fsx.WriteFile(other, firstSegment, data[:size+1]))
		want := sluice.Offset(0)
		for _, p := range pieces {
			if p.Record && p.End <= int64(size+1) && (p.Offset == 0 || p.Offset == 5) {
				want = p.Offset + 1
			}
		}
		if _, next := r.Bounds(); next != want {
			t.Fatalf("a follower sees up to %d of %d bytes, want %d", next, size+1, want)
		}
	}
}

// Damage costs a follower the value that it hits, as soon as a sync point says that it was one.
func TestFollowOverDamage(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	add(t, q, values(3)...)
	must(t, q.Sync(t.Context()))
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	for _, p := range pieces {
		if p.Record && p.Offset == 1 {
			data[p.End-1] ^= 4
		}
	}
	must(t, fsx.WriteFile(m, firstSegment, data))
	r := follow(t, m)
	if _, next := r.Bounds(); next != 1 {
		t.Errorf("a follower sees up to %d, want 1: nothing says yet what lies behind", next)
	}
	add(t, q, "behind a sync point")
	all, err := readAll(r)
	must(t, err)
	if all.next != 4 || len(all.gaps) != 1 || all.gaps[0].From != 1 || all.gaps[0].To != 2 || len(all.values) != 3 {
		t.Errorf("a follower gets %v and %v, want all but the second value", all.values, all.gaps)
	}
}

func TestFollowSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 8192})
		defer q.Close()
		r := follow(t, m)
		start := time.Now()
		for i := range 300 {
			add(t, q, value(i))
			time.Sleep(10 * time.Second)
		}
		for _, i := range []int{0, 1, 17, 150, 299} {
			at := start.Add(time.Duration(i) * 10 * time.Second)
			c := r.Cursor(r.Since(at))
			if off := int(c.Offset()); off > i {
				t.Errorf("Since() of value %d is %d, want none that is passed over", i, off)
			}
			c.Close()
		}
		sealed := r.Cursor(r.Since(start.Add(17 * 10 * time.Second)))
		defer sealed.Close()
		if off := int(sealed.Offset()); off < 16 {
			t.Errorf("Since() of value 17, in a sealed segment, is %d, want at most one before", off)
		}
	})
}

// A follower that stands in a segment when that is dropped is told what it missed.
func TestFollowThroughATrim(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
	add(t, q, values(6000)...)
	r := follow(t, m)
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	if v, err := c.Next(t.Context()); v != value(0) || err != nil {
		t.Fatalf("Next() = %q, %v, want %q", v, err, value(0))
	}
	for _, before := range []sluice.Offset{2500, 4500, 6000} {
		must(t, q.Trim(before))
		first, _ := q.Bounds()
		for missed := false; !missed; {
			off := c.Offset()
			v, err := c.Next(t.Context())
			lag := (*sluice.LagError)(nil)
			switch missed = errors.As(err, &lag); {
			case missed && lag.To != first:
				t.Fatalf("Next() = %v, want a gap up to %d", err, first)
			case !missed && (err != nil || v != value(int(off)) || off >= first):
				t.Fatalf("Next() at %d = %q, %v, want the value or a gap", off, v, err)
			}
		}
		if before == 6000 {
			add(t, q, "more")
			if v, err := c.Next(t.Context()); v != "more" || err != nil {
				t.Errorf("Next() = %q, %v, want more", v, err)
			}
		} else if v, err := c.Next(t.Context()); v != value(int(first)) || err != nil {
			t.Errorf("Next() = %q, %v, want %q", v, err, value(int(first)))
		}
	}
}
