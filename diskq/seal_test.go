package diskq_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// opening calls before ahead of each OpenFile, under no lock of its own.
type opening struct {
	*fsx.Mem
	before func(name string, flag int)
}

func (o *opening) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	o.before(name, flag)
	return o.Mem.OpenFile(name, flag, perm)
}

// While the keeper is busy complete segments wait to be sealed, but no more than a few: each has a descriptor, and what a power
// cut may take. Then who appends seals them.
func TestFewSegmentsWaitToBeSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		o := diskq.Options{SegmentBytes: 4096, SyncEvery: -1, MaxAge: time.Hour}
		q := open(t, m, o)
		roll(t, q)
		_, second := q.Bounds()
		roll(t, q)
		must(t, q.Close())
		free := make(chan bool)
		q = open(t, &opening{Mem: m, before: func(name string, flag int) {
			if name == segmentFile(second-1) && flag == os.O_RDONLY { // by the keeper, which looks how old it is
				<-free
			}
		}}, o)
		most := 0
		for range 3 * diskq.MaxOld {
			roll(t, q)
			synctest.Wait()
			report, err := diskq.InspectOn(m, dir)
			must(t, err)
			waiting := -1 // the last one does not
			for _, s := range report.Segments {
				if !s.Sealed {
					waiting++
				}
			}
			most = max(most, waiting)
		}
		close(free)
		if most != diskq.MaxOld {
			t.Errorf("%d segments waited to be sealed, want %d at most, and that many", most, diskq.MaxOld)
		}
		must(t, q.Close())
	})
}

// The footer of a segment may be smaller than was thought: who waits for that room gets it when the segment is sealed.
func TestSealingMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		syncing, free := make(chan bool), make(chan bool)
		var hold atomic.Bool
		q := open(t, &hookFS{Mem: newMem(), before: func(op fsx.Op, name string) error {
			if op == fsx.OpSync && name == firstSegment && hold.CompareAndSwap(true, false) {
				syncing <- true
				<-free
			}
			return nil
		}}, diskq.Options{SegmentBytes: 8192, MaxBytes: 12 << 10, SyncEvery: -1})
		add(t, q, value(0))
		hold.Store(true)
		roll(t, q)
		<-syncing // about to seal the first segment
		noWait, cancel := context.WithCancel(t.Context())
		cancel()
		for n := 4096; ; n-- { // up to the last byte
			if _, err := q.Append(noWait, string(make([]byte, n))); err == nil {
				break
			} else if !errors.Is(err, context.Canceled) {
				t.Fatalf("Append() = %v, want nil, or that it would have to wait", err)
			}
		}
		done := make(chan error, 1)
		go func() {
			_, err := q.Append(t.Context(), "")
			done <- err
		}()
		synctest.Wait()
		if len(done) > 0 {
			t.Fatalf("Append() = %v, want that it waits for room", <-done)
		}
		free <- true
		synctest.Wait()
		if len(done) == 0 {
			t.Fatal("the segment is sealed, and Append waits on")
		}
		must(t, <-done)
	})
}

// A segment whose header is damaged is not sealed by recovery: its bytes stay as they are.
func TestDamagedHeaderIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newMem(), diskq.Options{SyncEvery: -1}
		add(t, open(t, m, o), values(10)...)
		m = m.Kill()
		flipAt(t, m, firstSegment, 60)
		data, err := fsx.ReadFile(m, firstSegment)
		must(t, err)
		q := open(t, m, o)
		synctest.Wait()
		if r, err := readAll(q); err != nil || r.next != 10 || len(r.gaps) > 0 {
			t.Errorf("the queue ends at %d, with gaps %v, %v; want 10, none, nil", r.next, r.gaps, err)
		}
		must(t, q.Close())
		if kept, err := fsx.ReadFile(m, firstSegment); err != nil || string(kept) != string(data) {
			t.Errorf("the damaged segment has %d bytes, %v, want the %d that it had", len(kept), err, len(data))
		}
	})
}

// A segment whose footer can't be synced is let go of once: Close says what failed, and nothing else.
func TestSealThatCantBeSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, value(0))
		sealing := false
		m.Inject(func(c fsx.Call) error {
			sealing = sealing || c.Op == fsx.OpTruncate && c.Name == firstSegment
			if sealing && c.Op == fsx.OpSync {
				return syscall.EIO
			}
			return nil
		})
		must(t, diskq.Roll(q))
		synctest.Wait()
		if err := q.Close(); !errors.Is(err, syscall.EIO) || errors.Is(err, fs.ErrClosed) {
			t.Errorf("Close() = %v, want EIO alone", err)
		}
		if n := m.Open(); n != 0 {
			t.Errorf("%d files are open, want none", n)
		}
	})
}

// Who has to seal before a segment can be begun, and can't for now, is told so.
func TestRollThatCantSeal(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	looks := 0
	m.Inject(func(c fsx.Call) error {
		if c.Op != fsx.OpSyncDir {
			return nil
		}
		if looks++; looks > 1000 { // and not for ever
			return nil
		}
		return syscall.EMFILE
	})
	for i := range diskq.MaxOld + 1 {
		add(t, q, value(i))
		if err := diskq.Roll(q); errors.Is(err, syscall.EMFILE) != (i == diskq.MaxOld) {
			t.Fatalf("with %d segments that wait to be sealed another is begun: %v, want EMFILE at %d", i, err, diskq.MaxOld)
		}
	}
}
