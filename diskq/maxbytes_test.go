package diskq_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
)

// The index of a queue with a value now and then is large. It counts before it is written, so Close does not exceed MaxBytes.
func TestMaxBytesWithFooters(t *testing.T) {
	const most = 16384
	for _, segment := range []int64{4096, most} {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			q := open(t, m, diskq.Options{Durability: diskq.Durable, MaxBytes: most, SegmentBytes: segment, WhenFull: diskq.Fail})
			for err := error(nil); err == nil; time.Sleep(600 * time.Millisecond) {
				if _, err = q.Append(t.Context(), ""); err != nil && !errors.Is(err, diskq.ErrFull) {
					t.Fatalf("Append() = %v, want ErrFull", err)
				}
			}
			must(t, q.Close())
			report, err := diskq.InspectOn(m, dir)
			must(t, err)
			sum := int64(0)
			for _, s := range report.Segments {
				sum += s.Bytes
			}
			if sum > most || sum < most*9/10 {
				t.Errorf("segments of %d: the files have %d bytes together, want up to %d, and not much less", segment, sum, most)
			}
		})
	}
}
