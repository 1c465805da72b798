package diskq_test

import (
	"testing"

	"github.com/sluice-go/sluice/diskq"
)

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
