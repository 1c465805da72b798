package diskq_test

import (
	"runtime"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

// A reader that had a large value does not keep as much memory for small ones.
func TestReaderLetsGoOfALargeBuffer(t *testing.T) {
	q, err := diskq.Open(t.TempDir(), diskq.Bytes(), diskq.Options{Durability: diskq.Buffered, MaxRecordBytes: 40 << 20})
	must(t, err)
	defer q.Close()
	_, err = q.Append(t.Context(), make([]byte, 20<<20))
	must(t, err)
	for range 20_000 {
		_, err = q.Append(t.Context(), make([]byte, 100))
		must(t, err)
	}
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	c := q.Cursor(sluice.Oldest())
	for range 15_000 {
		_, err := c.Next(t.Context())
		must(t, err)
	}
	if got := int64(heap()) - int64(before); got > 4<<20 {
		t.Errorf("behind a value of 20 MiB the reader holds %d KiB", got>>10)
	}
	c.Close()
}
