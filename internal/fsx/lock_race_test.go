package fsx_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sluice-go/sluice/internal/fsx"
)

// Whoever has the lock may remove its file: nobody then has a lock on what is gone while others lock the next file.
func TestLockOfARemovedFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be removed here")
	}
	name := filepath.Join(t.TempDir(), "LOCK")
	var holders, locked atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				l, err := fsx.OS{}.Lock(name)
				if err != nil {
					continue
				}
				locked.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				runtime.Gosched()
				holders.Add(-1)
				os.Remove(name)
				l.Close()
			}
		})
	}
	wg.Wait()
	if locked.Load() == 0 {
		t.Error("nobody got the lock")
	}
}
