package replay

import (
	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// ChunkSizes returns the sizes of the chunks that r holds, oldest first.
func ChunkSizes[T any](r *Replay[T]) (sizes []int) {
	for c := r.chunks.head.Load(); c != nil; c = c.next.Load() {
		sizes = append(sizes, len(c.slots))
	}
	return sizes
}

// NewAt returns an empty log whose first value gets offset off.
func NewAt[T any](o Options, off sluice.Offset) *Replay[T] {
	r := New[T](o)
	c := r.chunks.head.Load()
	c.base = off
	r.openLocked(c)
	r.tail.Init(int64(off), false)
	r.first.Store(int64(off))
	return r
}

// CreateBufferOn, OpenBufferOn and NewBufferOn are the functions without On, with the file on fsys.
func CreateBufferOn(fsys fsx.FS, name string) (*Buffer, error) { return createBuffer(fsys, name) }

func OpenBufferOn(fsys fsx.FS, name string) (*Buffer, error) { return openBuffer(fsys, name) }

func NewBufferOn(fsys fsx.FS, o BufferOptions) *Buffer { return newBuffer(fsys, o) }

// SmallBlocks makes the blocks of b's file so small that a test of some KiB uses them again and again. b is new.
func SmallBlocks(b *Buffer) *Buffer {
	b.sizeBlocks(64)
	return b
}

// NapTime is how long a reader of a trickle may be held back.
const NapTime = napTime

// FileName returns the name of b's file, empty if it has none.
func FileName(b *Buffer) string {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	return b.store.name
}

// ByteChunks returns the sizes of the chunks that b holds, oldest first.
func ByteChunks(b *Buffer) (sizes []int) {
	for c := b.chunks.head.Load(); c != nil; c = c.next.Load() {
		sizes = append(sizes, len(c.slots))
	}
	return sizes
}

// PinBlock enters the block of the byte at off, as a reader that copies from it does, and returns its bytes.
func PinBlock(b *Buffer, off int64) (data []byte, unpin func()) {
	k := b.recent.slot(off - b.split).Load()
	if !k.pin() {
		return nil, nil
	}
	return k.data, func() { k.pins.Add(-1) }
}
