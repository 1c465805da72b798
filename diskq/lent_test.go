package diskq_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// Lent values are what was appended for as long as the loop's body runs: over blocks, segments and damage, at the end that is
// being written, and when the codec changes from one Open to the next.
func TestLentBytes(t *testing.T) {
	m := newMem()
	q, err := diskq.Open(dir, diskq.LentBytes(), diskq.On(diskq.Options{SegmentBytes: 1 << 19}, m))
	must(t, err)
	const n = 50_000
	for i := range n {
		_, err := q.Append(t.Context(), []byte(value(i)))
		must(t, err)
	}
	if got := readLent(t, q); got != n {
		t.Errorf("%d values were read, want %d", got, n)
	}
	must(t, q.Close())
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	for _, i := range []int{7, 5000, len(pieces) - 10} {
		data[pieces[i].End-1] ^= 1
	}
	must(t, fsx.WriteFile(m, firstSegment, data))
	other, err := diskq.Open(dir, diskq.Bytes(), diskq.On(diskq.Options{}, m))
	must(t, err)
	must(t, other.Close())
	q, err = diskq.Open(dir, diskq.LentBytes(), diskq.On(diskq.Options{}, m))
	must(t, err)
	defer q.Close()
	if got := readLent(t, q); got != n-3 {
		t.Errorf("%d values were read, want all %d but the 3 damaged ones", got, n)
	}
}

// readLent reads everything, by values and by batches, and returns how many there are.
func readLent(t *testing.T, q *diskq.DiskQueue[[]byte]) (n int) {
	t.Helper()
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	for {
		off := c.Offset()
		v, ok, err := c.TryNext()
		gap := (*sluice.CorruptError)(nil)
		switch {
		case errors.As(err, &gap):
		case err != nil:
			t.Fatal(err)
		case !ok:
			_, next := q.Bounds()
			if off != next {
				t.Fatalf("nothing to read at %d, want more up to %d", off, next)
			}
			return n
		case string(v) != value(int(off)):
			t.Fatalf("value %d = %q, want %q", off, v, value(int(off)))
		default:
			n++
		}
	}
}

func TestLentBytesAllocateNothing(t *testing.T) {
	q, err := diskq.Open(t.TempDir(), diskq.LentBytes(), diskq.Options{Durability: diskq.Buffered})
	must(t, err)
	defer q.Close()
	payload := bytes.Repeat([]byte("x"), 100)
	const n = 30_000
	for range n {
		_, err := q.Append(ctxBackground, payload)
		must(t, err)
	}
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	read := 0
	got := testing.AllocsPerRun(5, func() { // all of it each time: a block is used again
		must(t, c.Seek(sluice.Oldest()))
		for read = 0; read < n; read++ {
			if v, ok, err := c.TryNext(); !ok || err != nil || !bytes.Equal(v, payload) {
				t.Fatal(v, ok, err)
			}
		}
	})
	if got > 10 { // for 30 000 values: not even one for a block
		t.Errorf("reading %d values allocates %v times, want hardly ever", n, got)
	}
}

// Lent batches are whole wherever the damage is.
func TestLentBytesAroundDamage(t *testing.T) {
	m := newMem()
	q, err := diskq.Open(dir, diskq.LentBytes(), diskq.On(diskq.Options{Durability: diskq.Buffered, SyncEvery: -1}, m))
	must(t, err)
	const n = 600
	for i := range n {
		_, err := q.Append(t.Context(), []byte(value(i)+strings.Repeat("l", 1990)))
		must(t, err)
	}
	must(t, q.Close())
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	orig, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	for i := 120; i < 150; i++ { // around the end of the first window
		if !pieces[i].Record {
			continue
		}
		data := append([]byte(nil), orig...)
		data[pieces[i].End-1] ^= 1
		m2 := newMem()
		must(t, m2.MkdirAll(dir, 0o700))
		must(t, fsx.WriteFile(m2, firstSegment, data))
		q, err := diskq.Open(dir, diskq.LentBytes(), diskq.On(diskq.Options{}, m2))
		must(t, err)
		c := q.Cursor(sluice.Oldest())
		for {
			off := c.Offset()
			v, ok, err := c.TryNext()
			if gap := (*sluice.CorruptError)(nil); errors.As(err, &gap) {
				continue
			}
			must(t, err)
			if !ok {
				break
			}
			if string(v) != value(int(off))+strings.Repeat("l", 1990) {
				t.Errorf("damage at %d (byte %d): value %d is %.20q", pieces[i].Offset, pieces[i].Pos, off, v)
				break
			}
		}
		c.Close()
		must(t, q.Close())
	}
}
