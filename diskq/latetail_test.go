package diskq_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// inTail reports whether the end of a queue lies in the TAIL.
func inTail(q *diskq.DiskQueue[string]) bool {
	_, mapped, leave := diskq.EnterTail(q)
	leave()
	return mapped
}

// A TAIL that could not be made when the session began is made with the next segment.
func TestRollMakesTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		m.Inject(fsx.Nth(0, syscall.EMFILE, fsx.OpMap))
		for _, want := range []bool{false, true} {
			add(t, q, value(0))
			if got := inTail(q); got != want {
				t.Errorf("the end is in the TAIL: %v, want %v", got, want)
			}
			must(t, diskq.Roll(q))
		}
		must(t, q.Close())
	})
}

// If the segment can't be begun that a TAIL was made with, the last one goes on in it, and says so: whoever takes the TAIL away takes
// values.
func TestTailOfARollThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpMap))
		record := strings.Repeat("x", 88)                   // of 100 bytes
		for add(t, q, record); diskq.End(q) < piece+6000; { // behind a sync point, and before another block
			add(t, q, record)
		}
		_, next := q.Bounds()
		m.Inject(func(c fsx.Call) error {
			if c.Op == fsx.OpOpen && c.Name == segmentFile(next) {
				return syscall.EMFILE
			}
			return nil
		})
		if err := diskq.Roll(q); !errors.Is(err, syscall.EMFILE) {
			t.Fatalf("a segment was begun: %v, want EMFILE", err)
		}
		for range 100 { // until there is another block
			add(t, q, record)
		}
		if !inTail(q) {
			t.Fatal("the end is not in the TAIL")
		}
		_, next = q.Bounds()
		m = m.Kill()
		must(t, m.Remove(tailName))
		if again := open(t, m, diskq.Options{}); again.Epoch() == q.Epoch() {
			_, left := again.Bounds()
			t.Errorf("%d values are left of %d, and the epoch is the same", left, next)
		}
	})
}
