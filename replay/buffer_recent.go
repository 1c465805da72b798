package replay

import (
	"io"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
)

// The newest bytes of a stream in a file lie in memory too: there the writer gathers them, and readers that keep up find them
// without a system call. A write to the file of 256 KiB costs a quarter to a third less for each byte than one of 32 KiB.
const (
	blockSize = 256 << 10
	blocks    = 4
	ahead     = 8 << 20          // how much room is taken on the device at once, at most
	flushTime = time.Millisecond // within which bytes are in the file
)

// A block is some bytes of the file, from base on.
//
//   - base and the bytes below the published end change only while pins is -1. A reader enters by adding one to pins, unless
//     that is negative; then it looks at base. The writer uses a block again only after changing pins from 0 to
//     -1, and else leaves it to the collector: so no byte is read while it is written, however long a reader takes.
type block struct {
	pins atomic.Int32
	base atomic.Int64
	data []byte
}

func (k *block) pin() bool {
	for {
		n := k.pins.Load()
		if n < 0 {
			return false
		}
		if k.pins.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// recent holds the newest blocks of a file: the one of byte n (counted from Buffer.split) in slot(n), as long as that is not
// needed for a newer one. Buffer.tail guards it, but for what readers load.
//
// A block is replaced only when all of it is in the file. So a reader that loads the end, and then does not find a byte
// below it here, finds it there, below written.
type recent struct {
	size    int64 // of a block; constant
	slots   [blocks]atomic.Pointer[block]
	written atomic.Int64 // how many bytes are in the file

	allocated int64 // where the room ends that was taken for the file

	timer *time.Timer // nil until the first write
	armed bool        // the timer will flush
}

func (r *recent) slot(n int64) *atomic.Pointer[block] { return &r.slots[n/r.size%blocks] }

// copyAt copies bytes at n to p, up to end, and returns how many: none if they are not here.
func (r *recent) copyAt(p []byte, n, end int64) (copied int) {
	k := r.slot(n).Load() // after end
	if k == nil || !k.pin() {
		return 0
	}
	if base := n - n%r.size; k.base.Load() == base {
		copied = copy(p, k.data[n-base:min(end-base, r.size)])
	}
	k.pins.Add(-1)
	return copied
}

// blockLocked returns the block of byte n, where the next byte is written.
func (r *recent) blockLocked(n int64) *block {
	slot := r.slot(n)
	k, base := slot.Load(), n-n%r.size
	switch {
	case k == nil || k.base.Load() != base && !k.pins.CompareAndSwap(0, -1): // there is none, or a reader is in it
		k = &block{data: make([]byte, r.size)}
		k.base.Store(base)
		slot.Store(k)
	case k.base.Load() != base:
		k.base.Store(base)
		k.pins.Store(0)
	}
	return k
}

// putFileLocked takes some of p at the end of the stream.
func putFileLocked[S []byte | string](b *Buffer, end int64, p S) (n int, err error) {
	at, size := end-b.split, b.recent.size
	n = copy(b.recent.blockLocked(at).data[at%size:], p)
	b.publishLocked(end + int64(n))
	if (at+int64(n))%size == 0 {
		return n, b.flushLocked()
	}
	b.armLocked()
	return n, nil
}

// armLocked sees to it that the bytes are in the file some time soon.
func (b *Buffer) armLocked() {
	switch r := &b.recent; {
	case r.armed:
		return
	case r.timer == nil:
		r.timer = time.AfterFunc(flushTime, b.flush)
	default:
		r.timer.Reset(flushTime)
	}
	b.recent.armed = true
}

// flush is what the timer calls.
func (b *Buffer) flush() {
	b.lock()
	defer b.unlock()
	b.recent.armed = false
	if b.ended.Load() != nil {
		return
	}
	if err := b.flushLocked(); err != nil {
		b.failLocked(err) // the next write, Close and the readers get it
	}
}

// flushLocked puts into the file what is not there yet. It is all in one block.
func (b *Buffer) flushLocked() error {
	r, end := &b.recent, b.tail.Next()-b.split
	for at := r.written.Load(); at < end; at = r.written.Load() {
		base := at - at%r.size
		if err := b.writeFileLocked(r.slot(at).Load().data[at-base : end-base]); err != nil {
			return err
		}
	}
	return nil
}

// writeFileLocked writes some of p behind what is in the file.
func (b *Buffer) writeFileLocked(p []byte) error {
	f, err := b.store.writable()
	if err != nil {
		return err
	}
	at, room := b.store.place(b.recent.written.Load())
	p = p[:min(int64(len(p)), room)]
	b.allocateLocked(f, at+int64(len(p)))
	n, err := f.WriteAt(p, at)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	b.recent.written.Add(int64(n))
	return err
}

// yieldSince lets readers run if more than that was put into the file, which is once in each block. Otherwise a writer on a
// processor that it shares with readers goes on for the 10 ms of its time slice, and is some 40 MB ahead of them then: they would
// find next to nothing in memory, and read it from the file, out of cold caches (16 readers: 1 to 8 % of the bytes
// instead of 85 %, and twice the time).
func (r *recent) yieldSince(before int64) {
	if r.written.Load() > before {
		runtime.Gosched()
	}
}

// allocateLocked takes room on the device ahead of a stream that has filled a block: as much again as it has, up to ahead. A
// write costs a third less where there is room already. It is a hint: if it fails it is not tried again.
func (b *Buffer) allocateLocked(f fsx.File, end int64) {
	r := &b.recent
	if end < r.size || end <= r.allocated {
		return
	}
	from := r.allocated
	r.allocated = b.store.within(end + min(end, ahead))
	if f.Preallocate(from, r.allocated) != nil {
		r.allocated = math.MaxInt64
	}
}

// trimLocked gives the room back that was taken and is not needed. If that fails the file is larger on the device than it
// has to be; what is in it is not touched.
func (b *Buffer) trimLocked() {
	size := b.store.within(b.recent.written.Load())
	if f := b.store.file.Load(); f != nil && b.recent.allocated > size {
		f.Truncate(size)
	}
	b.recent.allocated = 0
}

// dropLocked lets go of the blocks, which are in the file or will never be read again.
func (r *recent) dropLocked() {
	for i := range r.slots {
		r.slots[i].Store(nil)
	}
}
