package tail_test

import (
	"sync"
	"testing"

	"github.com/sluice-go/sluice/internal/tail"
)

// Writers that lock in both ways, and readers without a lock: a slot below the end is whole, and none is written twice. The
// race detector sees to the rest.
func TestWritersAndReaders(t *testing.T) {
	const writers, each = 4, 20_000
	var end tail.Tail
	const start = 1<<62 - 5000 // through the middle of the word's range
	end.Init(start, false)
	slots := make([]int64, writers*each)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if (i+w)%100 == 0 {
					n := end.LockLong()
					slots[n-start] += n
					end.Advance(n + 1)
					end.UnlockLong(n + 1)
					continue
				}
				n := end.Lock()
				slots[n-start] += n
				end.Unlock(n + 1)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for seen := int64(start); seen < start+writers*each; {
				next := end.Next()
				if next < seen {
					t.Errorf("Next() = %d after %d", next, seen)
				}
				for ; seen < next; seen++ {
					if got := slots[seen-start]; got != seen {
						t.Errorf("slot %d holds %d", seen, got)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := end.Next(); got-start != writers*each {
		t.Errorf("Next() = %d, want %d more than at the start", got-start, writers*each)
	}
}

func TestSingleWriterKeepsItsOwnEnd(t *testing.T) {
	var end tail.Tail
	end.Init(7, true)
	for want := int64(7); want < 20; want += 2 {
		if n := end.Lock(); n != want || end.Next() != want {
			t.Fatalf("Lock() = %d, Next() = %d, want %d", n, end.Next(), want)
		}
		end.Unlock(want + 1)
		if n := end.LockLong(); n != want+1 {
			t.Fatalf("LockLong() = %d, want %d", n, want+1)
		}
		end.UnlockLong(want + 2)
	}
}
