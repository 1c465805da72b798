package diskq_test

import (
	"io/fs"
	"testing"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A sinkFS keeps nothing of large writes.
type sinkFS struct{ *fsx.Mem }

func (s sinkFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := s.Mem.OpenFile(name, flag, perm)
	return sinkFile{f}, err
}

type sinkFile struct{ fsx.File }

func (f sinkFile) WriteAt(b []byte, off int64) (int, error) {
	if len(b) > 1<<20 {
		return len(b), nil
	}
	return f.File.WriteAt(b, off)
}

// Two of the largest batches are more bytes than an int of 32 bits can say.
func TestLargestBatches(t *testing.T) {
	if !*exhaustive {
		t.Skip("it needs -exhaustive, and 2 GiB of memory")
	}
	o := diskq.Options{Durability: diskq.Buffered, SegmentBytes: 1 << 40, SyncEvery: -1}
	q, err := diskq.Open(dir, diskq.Bytes(), diskq.On(o, sinkFS{newMem()}))
	must(t, err)
	largest := make([]byte, 16<<20-12) // 64 of them, with their frames, are two bytes more than a batch may have
	vs := make([][]byte, 64)
	for i := range vs {
		vs[i] = largest
	}
	vs[63] = largest[2:]
	for i := range 3 {
		if off, err := q.AppendAll(t.Context(), vs); int(off) != i*64 || err != nil {
			t.Fatalf("AppendAll() = %d, %v, want %d, nil", off, err, i*64)
		}
	}
	must(t, q.Close())
}
