package diskq_test

import (
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A segment that becomes complete while another one is sealed, and is synced already, gets no footer before the name of the next one
// is on stable storage: a last segment with a footer says that one was taken away.
func TestSealAfterTheNextName(t *testing.T) {
	const second = dir + "/00000000000000000001.seg"
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			var noNames atomic.Bool
			var q *diskq.DiskQueue[string]
			var cut *fsx.Mem
			sealing, rolled, sealed := false, false, false
			q = open(t, &hookFS{Mem: m, before: func(op fsx.Op, name string) error {
				switch {
				case op == fsx.OpSyncDir && noNames.Load():
					return syscall.EMFILE
				case op == fsx.OpSync && sealing && name == firstSegment && !rolled:
					rolled = true
					add(t, q, large) // begins the third
				case op == fsx.OpSync && rolled && name == second:
					sealed = true
				}
				return nil
			}, synced: func() {
				if sealed && cut == nil {
					cut = m.PowerCut(seed)
				}
			}}, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			noNames.Store(true) // so that the keeper seals nothing
			add(t, q, large+large)
			add(t, q, large)
			synctest.Wait()
			noNames.Store(false)
			must(t, q.Sync(t.Context()))
			sealing = true
			must(t, diskq.SealAll(q))
			if cut == nil {
				t.Fatal("the second segment is not sealed")
			}
			report, err := diskq.InspectOn(cut, dir)
			must(t, err)
			if last := report.Segments[len(report.Segments)-1]; last.Sealed {
				t.Errorf("seed %d: a power cut leaves %s as the last segment, and it is sealed", seed, last.Name)
			}
		})
	}
}
