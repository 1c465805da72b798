package diskq_test

import (
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// flipPoints damages the sync points of a segment, but the first so many of them.
func flipPoints(t *testing.T, m *fsx.Mem, first sluice.Offset, but int) {
	t.Helper()
	pieces, err := diskq.Pieces(m, dir, first)
	must(t, err)
	data, err := fsx.ReadFile(m, segmentFile(first))
	must(t, err)
	for _, p := range pieces {
		if data[p.Pos]&3 != 2 {
			continue
		}
		if but--; but < 0 {
			data[p.Pos+20] ^= 1
		}
	}
	must(t, fsx.WriteFile(m, segmentFile(first), data))
}

// missesValue5 reports the end of a queue, and fails the test unless value 5, and nothing else, can't be read.
func missesValue5(t *testing.T, q *diskq.DiskQueue[string]) (next sluice.Offset) {
	t.Helper()
	r, err := readAll(q)
	must(t, err)
	if len(r.gaps) != 1 || r.gaps[0].From != 5 || r.gaps[0].To != 6 {
		t.Errorf("gaps %v, want value 5 alone", r.gaps)
	}
	return r.next
}

// What recovery keeps it promises: it is not cut when the system has been started again since, whether the sync point says so that
// the new segment begins with, or only its header.
func TestWhatIsKeptIsPromised(t *testing.T) {
	for _, points := range []int{1, 0} {
		synctest.Test(t, func(t *testing.T) {
			m, o := newMem(), diskq.Options{SyncEvery: -1}
			add(t, open(t, m, o), values(10)...)
			m = m.Kill()
			flip(t, m, value(5))
			m.Inject(fsx.From(0, syscall.EIO, fsx.OpTruncate)) // so that the first segment is not sealed, which says it too
			missesValue5(t, open(t, m, o))
			synctest.Wait()
			m = m.PowerCut(0)
			flipPoints(t, m, 10, points)
			if next := missesValue5(t, open(t, m, o)); next != 10 {
				t.Errorf("with %d sync points: the queue ends at %d, want 10", points, next)
			}
		})
	}
}

// A footer promises all that is before it, and says which queue and epoch it is, though all sync points are damaged: of a segment that
// is the last one because a later one was taken away.
func TestFooterPromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newMem(), diskq.Options{SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, values(10)...)
		must(t, diskq.Roll(q))
		synctest.Wait() // until the first segment is sealed
		m = m.PowerCut(0)
		removeLastSegment(t, m)
		flip(t, m, value(5))
		flipPoints(t, m, 0, 0)
		files := filesOf(t, m)
		var epochs [2]uint64
		for i := range epochs {
			q := open(t, bootless{diskWith(t, files)}, o)
			if next := missesValue5(t, q); next != 10 {
				t.Errorf("the queue ends at %d, want 10", next)
			}
			epochs[i] = q.Epoch()
		}
		if epochs[0] == q.Epoch() || epochs[1] != epochs[0] {
			t.Errorf("the epoch was %d, and now it is %d, then %d, want one that follows from it", q.Epoch(), epochs[0], epochs[1])
		}
	})
}

// A queue that goes on behind a sync point that says that it was closed is not closed, though the one is damaged that says so.
func TestDamagedBeginOfASession(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered} {
		m, o := newMem(), diskq.Options{Durability: d, SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, values(10)...)
		must(t, q.Sync(t.Context()))
		m = m.PowerCut(0)
		flipPoints(t, m, 0, 1)
		again := open(t, m, o)
		if _, next := again.Bounds(); next != 10 || again.Epoch() == q.Epoch() {
			t.Errorf("%v: the queue ends at %d, with the old epoch: %v; want 10, false", d, next, again.Epoch() == q.Epoch())
		}
	}
}
