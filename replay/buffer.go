package replay

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/internal/notify"
	"github.com/sluice-go/sluice/internal/tail"
)

var (
	_ io.WriteCloser  = (*Buffer)(nil)
	_ io.ReaderFrom   = (*Buffer)(nil)
	_ io.StringWriter = (*Buffer)(nil)
)

// Buffer is a stream of bytes that is written once and read by any number of readers, each at its own pace: one that comes
// late is played back all that was written, and then follows. The bytes lie in memory, in a file, or in both; see
// [NewBuffer], [CreateBuffer] and [OpenBuffer]. It must not be copied.
//
// All methods may be called concurrently. The bytes of one Write stay together; those of one ReadFrom may have others
// between them.
type Buffer struct {
	// Constant.
	maxBytes int64 // 0: no limit
	split    int64 // the bytes below it are in the chain, the others in the file

	_ [64]byte // readers load tail all the time, and nothing else shall lie in its line

	// tail is the end of the stream, how many bytes were written, and the lock of those who write or end it. The bytes below
	// the end are in place and never change: a reader that loads an end beyond n reads byte n as the writer left it; that
	// pair orders everything. (In a file, n may be overwritten once it is below first, so a reader looks at first again when
	// it has read.) A small Write into memory holds the lock for nanoseconds; everything else takes it with lock, also
	// while it writes to the file. ReadFrom reads from its source without it. lock order: tail, then store.mu or waiters.
	tail tail.Tail

	_ [64]byte

	room room // where the next bytes go in memory; guarded by tail

	// The bytes in memory. Its lock is tail, and its offsets are positions in the stream.
	chunks chain[byte]

	// first is the position of the oldest retained byte. It only grows, and is stored under the lock: before the chain is
	// trimmed, and before a byte of the file below it is overwritten.
	first atomic.Int64

	// ended is nil while the buffer is open. Close stores it under the lock, behind every byte, and a reader loads it
	// before tail, so one that sees the end sees all bytes too. Abort, which leaves bytes behind anyway, does not wait for the
	// lock, and may replace another ending: then ended changes no more.
	ended atomic.Pointer[ending]

	// The bytes from split on: the file, and the newest of them.
	store  store
	recent recent

	_ [64]byte // written by readers that park

	waiters notify.List
}

// BufferOptions says where the bytes of [NewBuffer] lie, and how many are kept. The zero BufferOptions keeps all in memory.
type BufferOptions struct {
	// MaxBytes is how many bytes are kept: the last ones. A reader that falls behind gets a *[sluice.LagError], whose offsets are
	// positions of bytes. It should be more than what is written in a few milliseconds, for a reader of small pieces rests that
	// long, see [BufferReader.Read]. 0: all. Negative: NewBuffer panics.
	MaxBytes int64

	// SpillBytes is how many bytes are kept in memory, the first ones: those behind go to a temporary file, which is there
	// from then until [Buffer.Remove]: nothing else deletes it, nor does the end of the process. For that file the newest MiB
	// lies in memory too until the stream ends, see [CreateBuffer], also for what happens when writing it fails. 0: no file.
	// Negative: NewBuffer panics. If MaxBytes is not larger, there is never a file; if it is, the file takes MaxBytes and
	// 256 KiB at most, and is overwritten round and round.
	SpillBytes int64

	// Dir is the directory of the temporary file. Empty: [os.TempDir].
	Dir string
}

// NewBuffer returns an empty buffer in memory, which spills over into a file if the options say so. It panics if the options
// make no sense: a negative number.
//
// A buffer in memory takes at most 5 % and 8 KiB more than what it keeps; with MaxBytes an eighth more, and 16 KiB. It grows by
// that much at a time, by 256 KiB at most, and no Write copies what was written before.
func NewBuffer(o BufferOptions) *Buffer { return newBuffer(fsx.OS{}, o) }

func newBuffer(fsys fsx.FS, o BufferOptions) *Buffer {
	switch {
	case o.MaxBytes < 0:
		panic(fmt.Sprintf("replay: MaxBytes must be at least 0, got %d", o.MaxBytes))
	case o.SpillBytes < 0:
		panic(fmt.Sprintf("replay: SpillBytes must be at least 0, got %d", o.SpillBytes))
	}
	b := &Buffer{maxBytes: o.MaxBytes, split: math.MaxInt64, store: store{fs: fsys, dir: o.Dir, users: 1}}
	if o.SpillBytes > 0 && (o.MaxBytes == 0 || o.MaxBytes > o.SpillBytes) {
		b.split = o.SpillBytes
	}
	if b.store.dir == "" {
		b.store.dir = os.TempDir()
	}
	b.sizeBlocks(blockSize)
	b.chunks.start(new(chunk[byte]))
	b.limitLocked()
	return b
}

// sizeBlocks sets the size of the blocks of a new buffer, and what follows from it: what a block overwrites in the file must
// have been dropped when the block was filled.
func (b *Buffer) sizeBlocks(size int64) {
	b.recent.size = size
	if b.maxBytes > 0 {
		b.store.wrap = min(b.maxBytes, math.MaxInt64-size) + size
	}
}

// Write adds p to the end of the stream. It never waits for readers. It fails if the buffer has ended, with
// [sluice.ErrClosed] or what [Buffer.Abort] was given, and if the file does, for which see [CreateBuffer]. n bytes are in the
// stream whatever err says. It does not keep p.
//
// In a file, a Write that fills a block of 256 KiB yields the processor once, so that readers that share it have their turn
// while the block is in its cache.
//
// Cost: a copy, two atomic read-modify-writes (above 4 KiB, and in a file, four) and two loads; in memory two allocations for
// each chunk of up to 256 KiB, in a file a system call for each 256 KiB.
func (b *Buffer) Write(p []byte) (n int, err error) { return write(b, p) }

// WriteString is [Buffer.Write].
func (b *Buffer) WriteString(s string) (n int, err error) { return write(b, s) }

// smallWrite is what may be copied while others spin.
const smallWrite = 4 << 10

func write[S []byte | string](b *Buffer, p S) (n int, err error) {
	if len(p) <= smallWrite && writeSmall(b, p) {
		return len(p), nil
	}
	before := b.recent.written.Load()
	b.lock()
	n, err = putLocked(b, p)
	b.unlock()
	b.recent.yieldSince(before)
	return n, err
}

// writeSmall writes p if there is room in memory, and reports whether it did.
func writeSmall[S []byte | string](b *Buffer, p S) bool {
	end := b.tail.Lock()
	next := end + int64(len(p))
	if next > b.room.limit || b.ended.Load() != nil {
		b.tail.Unlock(end)
		return false
	}
	copy(b.room.open[end-b.room.base:], p)
	b.tail.Unlock(next)
	b.wake()
	return true
}

// putLocked writes p piece by piece. Each is published when it is in place, so readers of a large p don't wait for all of it.
func putLocked[S []byte | string](b *Buffer, p S) (n int, err error) {
	for {
		if e := b.ended.Load(); e != nil {
			return n, e.writeErr()
		}
		if n == len(p) {
			return n, nil
		}
		end, k := b.tail.Next(), 0
		if end < b.split {
			k = copy(b.roomLocked(end, len(p)-n), p[n:])
			b.publishLocked(end + int64(k))
		} else {
			k, err = putFileLocked(b, end, p[n:])
		}
		n += k
		if err != nil {
			return n, b.failLocked(err)
		}
	}
}

// publishLocked lets readers see the bytes below end, and drops what MaxBytes says.
func (b *Buffer) publishLocked(end int64) {
	b.tail.Advance(end)
	if first := end - b.maxBytes; b.maxBytes > 0 && first > 0 {
		b.first.Store(first)
		b.chunks.trimLocked(sluice.Offset(first))
	}
	b.wake()
}

func (b *Buffer) lock() { b.tail.LockLong() }

func (b *Buffer) unlock() { b.tail.UnlockLong(b.tail.Next()) }

// wake is the writer's half of the handshake; see package notify. What it tells of was stored before.
func (b *Buffer) wake() {
	if b.waiters.Waiting() {
		b.waiters.Wake()
	}
}

// Len returns how many bytes were written so far, whether or not they are still kept. One atomic load.
func (b *Buffer) Len() int64 { return b.tail.Next() }
