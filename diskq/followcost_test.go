package diskq_test

import (
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A readFS counts the bytes that are read.
type readFS struct {
	*fsx.Mem
	bytes atomic.Int64
}

func (r *readFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := r.Mem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return readFile{f, r}, nil
}

type readFile struct {
	fsx.File
	fs *readFS
}

func (f readFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	f.fs.bytes.Add(int64(n))
	return n, err
}

// tornUnderAFollower is a reader of a queue of those values that ends in half a frame, as one does that is being written. It returns
// what has been read since, and the size of the file.
func tornUnderAFollower(t *testing.T, values ...string) (r *diskq.Reader[string], read *atomic.Int64, size int64) {
	t.Helper()
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
	add(t, q, values...)
	must(t, q.Sync(t.Context()))
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	data = data[:len(data)-3]
	must(t, fsx.WriteFile(m, firstSegment, data))
	counting := &readFS{Mem: m}
	r, err = diskq.OpenReader(dir, diskq.String(), diskq.FollowOn(diskq.ReaderOptions{}, counting))
	must(t, err)
	t.Cleanup(func() { r.Close() })
	counting.bytes.Store(0)
	return r, &counting.bytes, int64(len(data))
}

// A follower asked for the epoch again and again does not read all of a segment each time because its end is half a frame.
func TestFollowerAsksForTheEpochOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, read, size := tornUnderAFollower(t, values(20_000)...)
		for range 100 {
			r.Epoch()
			time.Sleep(10 * time.Millisecond)
		}
		if n := read.Load(); n > 2*size {
			t.Errorf("asking 100 times in a second reads %d bytes of a file of %d, want at most %d", n, size, 2*size)
		}
	})
}

// A follower that waits looks once through what a killed process left of a large value, and not every 10 ms.
func TestFollowerWaitsBehindALargeTornValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, read, size := tornUnderAFollower(t, value(0), string(make([]byte, 8<<20)))
		for range 1000 {
			r.Bounds()
			time.Sleep(10 * time.Millisecond)
		}
		if n := read.Load(); n > 60*size {
			t.Errorf("10 s of waiting read %d bytes of a file of %d, want at most %d", n, size, 60*size)
		}
	})
}
