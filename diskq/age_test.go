package diskq_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
)

// A queue that was opened again, and to which nothing is appended, keeps nothing for longer than 1.25 MaxAge either.
func TestMaxAgeOfAQueueAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newMem(), diskq.Options{MaxAge: time.Hour}
		q := open(t, m, o)
		add(t, q, value(0))
		time.Sleep(20 * time.Minute) // it has gone on in another segment
		add(t, q, value(1))
		time.Sleep(5 * time.Minute)
		must(t, q.Close())
		q = open(t, m, o)
		time.Sleep(34 * time.Minute)
		if first, next := q.Bounds(); first != 0 || next != 2 {
			t.Errorf("Bounds() = %d, %d behind 59 minutes, want 0, 2", first, next)
		}
		time.Sleep(37 * time.Minute) // 76 after the last value
		if first, next := q.Bounds(); first != 2 || next != 2 {
			t.Errorf("Bounds() = %d, %d when the last value is 76 minutes old, want 2, 2", first, next)
		}
		must(t, q.Close())
	})
}

// An empty queue has nothing to leave and nothing to drop: it does nothing at all.
func TestMaxAgeOfAnEmptyQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{MaxAge: time.Hour})
		add(t, q, value(0))
		time.Sleep(2 * time.Hour)
		if first, next := q.Bounds(); first != 1 || next != 1 {
			t.Fatalf("Bounds() = %d, %d after two hours, want 1, 1", first, next)
		}
		ops := m.Ops()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := m.Ops() - ops; got != 0 {
			t.Errorf("%d operations of the file system in an idle day, want none", got)
		}
		must(t, q.Close())
	})
}

// The sync point that begins a session is a place that Since knows: what lies behind a pause does not bring along what lies before.
func TestSinceTheSessionBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newMem(), diskq.Options{SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, values(10)...)
		must(t, q.Close())
		time.Sleep(time.Hour)
		q = open(t, m, o)
		add(t, q, value(10))
		time.Sleep(time.Minute)
		c := q.Cursor(q.Since(time.Now()))
		defer c.Close()
		if off := c.Offset(); off != 10 {
			t.Errorf("Since() is %d, want 10", off)
		}
		must(t, q.Close())
	})
}
