package diskq_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// roll appends until there is another segment.
func roll(t *testing.T, q *diskq.DiskQueue[string]) {
	t.Helper()
	for before := q.Stats().Segments; q.Stats().Segments == before; {
		_, next := q.Bounds()
		add(t, q, value(int(next)))
	}
}

// A segment that is complete while another one is sealed is synced before it gets a footer: that says that all before it is
// there.
func TestSealAfterTheSync(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			var began, sealed atomic.Bool
			syncs := 0 // of the first segment: of its values, and then of its footer
			sealing, free, cut := make(chan bool), make(chan bool), make(chan *fsx.Mem, 1)
			q := open(t, &hookFS{m, func(op fsx.Op, name string) error {
				switch {
				case !began.Load() || op != fsx.OpSync:
				case name == firstSegment:
					if syncs++; syncs == 2 {
						sealing <- true
						<-free
						sealed.Store(true)
					}
				case sealed.CompareAndSwap(true, false): // the first sync of the second segment behind that
					m.Inject(fsx.Nth(0, fsx.ErrPowerCut, fsx.OpSync))
					go func() { cut <- m.PowerCut(seed) }()
				}
				return nil
			}}, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			add(t, q, value(0))
			began.Store(true)
			roll(t, q)
			<-sealing
			roll(t, q)
			free <- true
			r, err := readAll(open(t, <-cut, diskq.Options{}))
			must(t, err)
			if len(r.gaps) > 0 {
				t.Errorf("seed %d: a power cut leaves damage: %v", seed, r.gaps[0])
			}
		})
	}
}

// A segment that becomes complete while a sync fails for want of a descriptor is synced by the next one.
func TestSyncAfterARollDuringAFailedOne(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			var names atomic.Value // what becomes of a sync of the directory
			names.Store("works")
			syncing, fail, failed := make(chan bool), make(chan bool), make(chan error)
			q := open(t, &hookFS{m, func(op fsx.Op, _ string) error {
				if op != fsx.OpSyncDir || names.Load() == "works" {
					return nil
				}
				if names.CompareAndSwap("waits", "fails") {
					syncing <- true
					<-fail
				}
				return syscall.EMFILE
			}}, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			add(t, q, value(0))
			names.Store("fails")
			roll(t, q)
			for first := q.Stats().Bytes; q.Stats().Bytes < first+2500; {
				_, next := q.Bounds()
				add(t, q, value(int(next)))
			}
			synctest.Wait()
			names.Store("waits")
			go func() { failed <- q.Sync(context.Background()) }()
			<-syncing // about to sync the name of the second segment, and then what is in it
			add(t, q, large)
			m.SetRoom(m.Used()) // for no footer, whose sync would do it
			fail <- true
			if err := <-failed; !errors.Is(err, syscall.EMFILE) {
				t.Fatalf("Sync() = %v, want EMFILE", err)
			}
			synctest.Wait()
			names.Store("works")
			must(t, q.Sync(t.Context()))
			_, next := q.Bounds()
			r, err := readAll(open(t, m.PowerCut(seed), diskq.Options{}))
			must(t, err)
			if r.next != next || len(r.gaps) > 0 {
				t.Errorf("seed %d: a power cut behind Sync leaves %d values and gaps %v, want %d and none", seed, r.next, r.gaps, next)
			}
		})
	}
}
