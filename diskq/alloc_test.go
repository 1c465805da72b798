package diskq_test

import (
	"bytes"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

func TestAppendAllocatesNothing(t *testing.T) {
	payload := bytes.Repeat([]byte("x"), 100)
	batch := [][]byte{payload, payload, payload}
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		q, err := diskq.Open(t.TempDir(), diskq.Bytes(), diskq.Options{Durability: d})
		must(t, err)
		defer q.Close()
		one := func() {
			if _, err := q.Append(ctxBackground, payload); err != nil {
				t.Fatal(err)
			}
		}
		all := func() {
			if _, err := q.AppendAll(ctxBackground, batch); err != nil {
				t.Fatal(err)
			}
		}
		one()
		all()
		n := 10_000
		if d == diskq.Durable {
			n = 50
		}
		if got := testing.AllocsPerRun(n, one); got != 0 {
			t.Errorf("%v: Append allocates %v times, want 0", d, got)
		}
		if got := testing.AllocsPerRun(n, all); got != 0 {
			t.Errorf("%v: AppendAll allocates %v times, want 0", d, got)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	q, err := diskq.Open(t.TempDir(), diskq.Bytes(), diskq.Options{Durability: diskq.Buffered})
	must(t, err)
	defer q.Close()
	payload := bytes.Repeat([]byte("x"), 100)
	for range 30_000 {
		if _, err := q.Append(ctxBackground, payload); err != nil {
			t.Fatal(err)
		}
	}
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	next := func() {
		if v, err := c.Next(ctxBackground); err != nil || !bytes.Equal(v, payload) {
			t.Fatal(v, err)
		}
	}
	next()
	if got := testing.AllocsPerRun(20_000, next); got != 0 {
		t.Errorf("Next allocates %v times, want 0", got)
	}
}

// Values that were read stay as they are, whatever is read or written later.
func TestBytesMayBeKept(t *testing.T) {
	q, err := diskq.Open(t.TempDir(), diskq.Bytes(), diskq.Options{Durability: diskq.Buffered, SegmentBytes: 1 << 20})
	must(t, err)
	defer q.Close()
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	var kept [][]byte
	const n = 50_000
	for i := range n {
		if _, err := q.Append(ctxBackground, []byte(value(i))); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			continue
		}
		v, err := c.Next(ctxBackground)
		must(t, err)
		_ = append(v, "overwritten?"...)
		kept = append(kept, v)
	}
	for i, v := range kept {
		if string(v) != value(i) {
			t.Fatalf("value %d became %q", i, v)
		}
	}
}

// A reader that comes across a value larger than a block now and then keeps the memory that it has for them.
func TestReadingLargeValuesAllocatesNothing(t *testing.T) {
	q, err := diskq.Open(dir, diskq.LentBytes(), diskq.On(diskq.Options{Durability: diskq.Buffered}, newMem()))
	must(t, err)
	defer q.Close()
	small, large := []byte("small"), make([]byte, 300<<10)
	for range 12 {
		_, err := q.AppendAll(ctxBackground, [][]byte{small, large})
		must(t, err)
	}
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	next := func() {
		if _, err := c.Next(ctxBackground); err != nil {
			t.Fatal(err)
		}
	}
	next()
	next()
	if got := testing.AllocsPerRun(20, next); got != 0 {
		t.Errorf("Next allocates %v times, want 0", got)
	}
}
