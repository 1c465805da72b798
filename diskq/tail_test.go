package diskq_test

import (
	"encoding/binary"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// Who follows the end reads it out of memory: there is no system call for a value, nor for a batch of them.
func TestTailIsReadFromMemory(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: d, SyncEvery: -1})
		c := q.Cursor(sluice.Newest())
		defer c.Close()
		var reads atomic.Int64
		m.Inject(func(c fsx.Call) error {
			if c.Op&(fsx.OpRead|fsx.OpOpen|fsx.OpSize|fsx.OpStat) != 0 {
				reads.Add(1)
			}
			return nil
		})
		add(t, q, value(0)) // begins the session, and opens the segment
		_, err := c.Next(t.Context())
		must(t, err)
		reads.Store(0)
		const n = 3000
		for i := range n {
			add(t, q, value(i))
			if v, err := c.Next(t.Context()); v != value(i) || err != nil {
				t.Fatalf("Next() = %q, %v, want %q", v, err, value(i))
			}
		}
		if got := reads.Load(); got > 0 {
			t.Errorf("%v: %d reads or opens for %d values at the end, want none", d, got, n)
		}
		m.Inject(nil)
	}
}

// A length that can't be is refused before anything is allocated for it, in the tail and in the middle.
func TestImpossibleLengths(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	add(t, q, values(100)...)
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	for _, at := range []int64{pieces[50].Pos, pieces[len(pieces)-1].Pos} {
		for _, size := range []uint32{1<<30 - 2, 1 << 29, uint32(len(data)), 1 << 20} {
			file := append([]byte(nil), data...)
			binary.LittleEndian.PutUint32(file[at:], (size+1)<<2)
			m := newMem()
			must(t, m.MkdirAll(dir, 0o700))
			must(t, fsx.WriteFile(m, firstSegment, file))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := diskq.InspectOn(m, dir)
			must(t, err)
			q := open(t, m, diskq.Options{SyncEvery: -1})
			r, err := readAll(q)
			must(t, err)
			must(t, q.Close())
			runtime.ReadMemStats(&after)
			if len(r.values) != 99 {
				t.Errorf("a length of %d at byte %d: %d values are left, want 99", size, at, len(r.values))
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("a length of %d at byte %d: %d bytes were allocated, want about four blocks", size, at, used)
			}
		}
	}
}

// An error says what is full, or too large, and what the limit is.
func TestErrorsSayWhy(t *testing.T) {
	q := open(t, newMem(), diskq.Options{MaxRecordBytes: 10})
	_, err := q.Append(t.Context(), "0123456789a")
	if err == nil || !strings.Contains(err.Error(), "11 bytes") || !strings.Contains(err.Error(), "MaxRecordBytes is 10") {
		t.Errorf("Append() = %v, want an error with both sizes", err)
	}
}
