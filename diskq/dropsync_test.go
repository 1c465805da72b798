package diskq_test

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A drop that could not be made to last is, by the next sync in the background that can.
func TestBackgroundSyncOfADrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: time.Second})
		add(t, q, value(0))
		must(t, diskq.Roll(q))
		add(t, q, value(1))
		must(t, q.Sync(t.Context()))
		m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpSyncDir))
		if err := q.Trim(1); !errors.Is(err, syscall.EMFILE) {
			t.Fatalf("Trim() = %v, want EMFILE", err)
		}
		time.Sleep(3 * time.Second / 2) // there is none to spare in the background either
		synced := 0
		m.Inject(func(c fsx.Call) error {
			if c.Op == fsx.OpSyncDir {
				synced++
			}
			return nil
		})
		time.Sleep(10 * time.Second)
		m.Inject(nil) // from here on nobody counts
		if synced != 1 {
			t.Errorf("the directory was synced %d times, want 1", synced)
		}
		must(t, q.Close())
	})
}
