package diskq_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

func TestDeleteConsumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 4096, DeleteConsumed: true})
		add(t, q, values(1000)...)
		if before := q.Stats().Segments; before < 8 {
			t.Fatalf("%d segments, want more for this test", before)
		}
		c := consume(t, q, diskq.ConsumerOptions{})
		other, err := q.Consumer("forgotten", diskq.ConsumerOptions{})
		must(t, err)
		must(t, other.Close())
		for i := range 900 {
			must(t, receive(t, c, sluice.Offset(i), 1).Ack())
		}
		time.Sleep(time.Minute)
		if first, _ := q.Bounds(); first != 0 {
			t.Errorf("Bounds() begins at %d, and a consumer is at 0", first)
		}
		s := q.Stats()
		if s.Consumers[1].Name != "forgotten" || s.Consumers[1].Depth != 1000 || s.Consumers[0].Depth != 100 {
			t.Errorf("Stats().Consumers = %+v, want the forgotten one, which has read nothing", s.Consumers)
		}
		must(t, q.RemoveConsumer("forgotten"))
		if s := q.Stats(); s.Segments > 2 || s.First > 900 {
			t.Errorf("%d segments are left, from offset %d on, want those from 900 on", s.Segments, s.First)
		}
		m = m.PowerCut(3)
		q.Close()
		q = open(t, m, diskq.Options{SegmentBytes: 4096, DeleteConsumed: true})
		c = consume(t, q, diskq.ConsumerOptions{})
		d, err := c.Receive(t.Context())
		if err != nil || d.Offset != 900 {
			t.Errorf("Receive() after a power cut = %d, %v, want 900", d.Offset, err)
		}
		must(t, q.Close())
	})
}

// A full queue goes on as soon as its consumer is done with something, even if all of it lies in one segment.
func TestFullQueueIsEmptiedByItsConsumer(t *testing.T) {
	for _, segment := range []int64{4096, 16 << 10} {
		synctest.Test(t, func(t *testing.T) {
			q := open(t, newMem(), diskq.Options{SegmentBytes: segment, MaxBytes: 16 << 10, DeleteConsumed: true})
			defer q.Close()
			c := consume(t, q, diskq.ConsumerOptions{SaveEvery: -1})
			const n = 2000
			done := make(chan error)
			go func() {
				for i := range n {
					if _, err := q.Append(t.Context(), value(i)); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			synctest.Wait()
			if _, next := q.Bounds(); next == n {
				t.Fatal("the writer did not wait for room")
			}
			for i := range n {
				must(t, receive(t, c, sluice.Offset(i), 1).Ack())
			}
			must(t, <-done)
			depth(t, c, 0, 0)
			must(t, q.Close())
		})
	}
}

// What a consumer is done with just behind an append's look for room is saved, and makes that room.
func TestRoomIsMadeBehindTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, newMem(), diskq.Options{SegmentBytes: 16 << 10, MaxBytes: 16 << 10, DeleteConsumed: true})
		c := consume(t, q, diskq.ConsumerOptions{SaveEvery: -1})
		looks := 0
		diskq.BehindLooks(q, func() {
			if looks++; looks > 1 {
				return
			}
			_, next := q.Bounds()
			for off := range next {
				must(t, receive(t, c, off, 1).Ack())
			}
			synctest.Wait()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i := 0; looks == 0; i++ {
			if _, err := q.Append(ctx, value(i)); err != nil {
				t.Fatalf("Append() = %v, though all before is consumed", err)
			}
		}
		must(t, q.Close())
	})
}

// An append whose queue fails just behind its look for room does not wait for any.
func TestFailureBehindTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 16 << 10, MaxBytes: 16 << 10, DeleteConsumed: true, SyncEvery: -1})
		diskq.BehindLooks(q, func() {
			m.Inject(fsx.From(0, syscall.EIO, fsx.OpSync))
			if err := q.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
				t.Errorf("Sync() = %v, want EIO", err)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := error(nil)
		for i := 0; err == nil; i++ {
			_, err = q.Append(ctx, value(i))
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("Append() = %v, want EIO", err)
		}
	})
}

func TestFullQueueFails(t *testing.T) {
	q := open(t, newMem(), diskq.Options{SegmentBytes: 4096, MaxBytes: 16 << 10, DeleteConsumed: true, WhenFull: diskq.Fail})
	c := consume(t, q, diskq.ConsumerOptions{SaveEvery: -1})
	n := 0
	for {
		_, err := q.Append(t.Context(), value(n))
		if errors.Is(err, diskq.ErrFull) {
			break
		}
		must(t, err)
		n++
	}
	for i := range n / 2 {
		must(t, receive(t, c, sluice.Offset(i), 1).Ack())
	}
	add(t, q, value(n)) // the append that wants room has the position saved
	depth(t, c, int64(n+1-n/2), 0)
}

func TestDropOldestIsTold(t *testing.T) {
	q := open(t, newMem(), diskq.Options{SegmentBytes: 4096, MaxBytes: 16 << 10, DeleteConsumed: true, WhenFull: diskq.DropOldest})
	c := consume(t, q, diskq.ConsumerOptions{})
	add(t, q, values(50)...)
	had := receive(t, c, 0, 1)
	must(t, receive(t, c, 1, 1).Nack(0))
	for i := 50; i < 3000; i++ {
		add(t, q, value(i))
	}
	first, next := q.Bounds()
	if first < 100 {
		t.Fatalf("Bounds() begins at %d", first)
	}
	depth(t, c, int64(next-first), 1)
	must(t, had.Nack(0))
	gone := map[sluice.Offset]bool{}
	for next := sluice.Offset(0); next < first; {
		d, err := c.Receive(t.Context())
		lag := (*sluice.LagError)(nil)
		if errors.As(err, &lag) {
			for off := lag.From; off < lag.To; off++ {
				if gone[off] {
					t.Fatalf("offset %d was told twice", off)
				}
				gone[off] = true
			}
			next = lag.To
			continue
		}
		must(t, err)
		gone[d.Offset] = true // the values of the batch that was read before
		must(t, d.Ack())
	}
	for off := range first {
		if !gone[off] {
			t.Errorf("offset %d was neither received nor told", off)
		}
	}
	depth(t, c, int64(next-first), 0)
	if s := c.Stats(); s.Missed == 0 || s.Position != first {
		t.Errorf("Stats() = %+v, want Position %d", s, first)
	}
}

func TestDamageCostsTheValue(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{})
	add(t, q, values(10)...)
	must(t, q.Close())
	flip(t, m, value(4))
	q = open(t, m, diskq.Options{})
	c := consume(t, q, diskq.ConsumerOptions{})
	for i := range 10 {
		if i == 4 {
			gap := (*sluice.CorruptError)(nil)
			if _, err := c.Receive(t.Context()); !errors.As(err, &gap) || gap.From != 4 || gap.To != 5 {
				t.Errorf("Receive() = %v, want the gap of value 4", err)
			}
			continue
		}
		must(t, receive(t, c, sluice.Offset(i), 1).Nack(0))
		must(t, receive(t, c, sluice.Offset(i), 2).Ack())
	}
	depth(t, c, 0, 0)
}

// flip damages a value in the first segment.
func flip(t *testing.T, m *fsx.Mem, v string) {
	t.Helper()
	name := dir + "/" + strings.Repeat("0", 20) + ".seg"
	data, err := fsx.ReadFile(m, name)
	must(t, err)
	i := strings.Index(string(data), v)
	if i < 0 {
		t.Fatalf("%q is not in %s", v, name)
	}
	data[i+1] ^= 1
	must(t, fsx.WriteFile(m, name, data))
}

func TestDestroyRemovesPositions(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{})
	consume(t, q, diskq.ConsumerOptions{})
	must(t, q.Close())
	must(t, diskq.DestroyOn(m, dir))
	if _, err := m.Stat(dir); err == nil {
		t.Error("the directory is still there")
	}
}
