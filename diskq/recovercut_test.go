package diskq_test

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// What is cut off a segment is off its index too: values that are appended in place of it are not passed over by who asks for a time
// before they came.
func TestSinceBehindACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newMem(), diskq.Options{SyncEvery: -1}
		add(t, open(t, m, o), values(10_000)...) // over several sync points
		time.Sleep(time.Second)
		crash := time.Now()
		time.Sleep(time.Second)
		m = m.Kill()
		flip(t, m, value(100))
		q := open(t, bootless{m}, o)
		add(t, q, values(50)...)
		if off, err := q.Since(crash).Resolve(q.Bounds()); off > 100 || err != nil {
			t.Errorf("Since() = %d, %v, want 100 at most", off, err)
		}
		must(t, q.Close())
	})
}

// Where the segment that a queue is to go on in can't be made, and more is found damaged before the next Open, that cut is another
// one: somebody may have seen what the first one kept.
func TestEpochOfAnotherCut(t *testing.T) {
	m, o := newMem(), diskq.Options{SyncEvery: -1}
	epochs := map[uint64]bool{}
	see := func(q *diskq.DiskQueue[string], end sluice.Offset) {
		t.Helper()
		if _, next := q.Bounds(); next != end || epochs[q.Epoch()] {
			t.Errorf("the queue ends at %d, with a new epoch: %v; want %d, true", next, !epochs[q.Epoch()], end)
		}
		epochs[q.Epoch()] = true
	}
	q := open(t, m, o)
	add(t, q, values(20)...)
	see(q, 20)
	m = m.Kill()
	m.Inject(fsx.From(0, syscall.EIO, fsx.OpRename))
	see(open(t, bootless{m}, o), 20)
	m = m.Kill()
	flip(t, m, value(10))
	see(open(t, bootless{m}, o), 10)
}

// A batch whose end did not come to the disk is gone as a whole, also where the value before it is damaged: a sync point stands between
// them.
func TestTornBatchBehindDamage(t *testing.T) {
	m, o := newMem(), diskq.Options{SyncEvery: -1}
	q := open(t, m, o)
	add(t, q, values(6)...)
	must(t, q.Sync(t.Context()))
	_, err := q.AppendAll(t.Context(), []string{"a batch", "of three", "values"})
	must(t, err)
	m = m.Kill()
	cutSegment(t, m, 0, 8)
	flip(t, m, value(5))
	q = open(t, m, o)
	if next := missesValue5(t, q); next != 6 {
		t.Errorf("the queue ends at %d, want 6", next)
	}
	if r := q.Stats().Recovery; r.Damaged != 1 || r.Cut == 0 {
		t.Errorf("Recovery = %+v, want one damaged value, and that the batch was cut", r)
	}
}

// A cut never takes what was promised, though nobody knows where the append began that it would take: the value before is damaged.
func TestCutOfAnAppendThatIsPromised(t *testing.T) {
	m := newMem()
	h := &hookFS{Mem: m, before: func(fsx.Op, string) error { return nil }}
	q := open(t, h, diskq.Options{SyncEvery: -1})
	add(t, q, values(6)...)
	h.synced = func() {
		h.synced = nil
		_, err := q.AppendAll(t.Context(), []string{"a batch", "of three", "values"}) // without a sync point before it
		must(t, err)
	}
	must(t, q.Sync(t.Context()))
	add(t, q, "behind a sync point that promises six")
	m = m.Kill()
	flip(t, m, value(5))
	flip(t, m, "values")
	q = open(t, bootless{m}, diskq.Options{SyncEvery: -1})
	r, err := readAll(q)
	must(t, err)
	if len(r.gaps) != 2 || r.gaps[0].From != 5 || r.gaps[1].From != 8 || r.next != 10 {
		t.Errorf("gaps %v, and the queue ends at %d, want values 5 and 8, and 10", r.gaps, r.next)
	}
}

// A whole record whose number was passed before, such as one of an append that was taken back, is no end of the queue.
func TestRecordOfAnEarlierNumber(t *testing.T) {
	m, o := newMem(), diskq.Options{SyncEvery: -1}
	add(t, open(t, m, o), values(10)...)
	m = m.Kill()
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	id := diskq.SegmentID(data)
	must(t, fsx.WriteFile(m, firstSegment, append(data, diskq.EncodeFrame([]byte("taken back"), id, int64(len(data)), 3, 0)...)))
	r, err := readAll(open(t, m, o))
	must(t, err)
	if r.next != 10 || len(r.gaps) > 0 || r.values[3] != value(3) {
		t.Errorf("the queue ends at %d, with gaps %v, and value 3 is %q; want 10, none, %q", r.next, r.gaps, r.values[3], value(3))
	}
}

// What is damaged behind the place where a segment was cut is nobody's: only what lies before it is counted.
func TestDamageOverTheEndOfACutSegment(t *testing.T) {
	m, o := newMem(), diskq.Options{SyncEvery: -1}
	q := open(t, m, o)
	add(t, q, values(8)...)
	diskq.PointDue(q)
	add(t, q, values(2)...)
	m = m.Kill()
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	flip(t, m, value(5))
	m.Inject(fsx.From(0, syscall.EIO, fsx.OpTruncate)) // so that what was cut stays behind
	q = open(t, bootless{m}, o)
	must(t, q.Close())
	m = m.Kill()
	f, err := m.OpenFile(firstSegment, os.O_RDWR, 0)
	must(t, err)
	from := pieces[2+4]
	_, err = f.WriteAt(make([]byte, pieces[2+7].End-from.Pos), from.Pos) // values 4 to 7
	must(t, err)
	must(t, f.Close())
	q = open(t, bootless{m}, o)
	if _, next := q.Bounds(); next != 5 || q.Stats().Recovery.Damaged != 1 {
		t.Errorf("the queue ends at %d, %+v, want 5, and one damaged value", next, q.Stats().Recovery)
	}
}
