package replay

import (
	"reflect"
	"sync/atomic"

	"github.com/sluice-go/sluice"
)

// A chunk holds consecutive values: slots[k] has offset base+k, up to the base of the next chunk, or up to the end of the
// log if there is none.
//
//   - base and slots never change, nor does a slot below the published end: writers fill slots, under the lock of
//     Replay.tail, only from there on. A reader that loads the end from tail sees the slots below it whole: that pair
//     orders everything in this package.
//   - next goes nil -> the next chunk -> chain.cut, skip likewise. next is set when the chunk gets no more values, before
//     any later end is published: a reader that loads the end, and then next as nil, knows that all below that end is in
//     this chunk. Both are cut when the chunk is trimmed away, so that a stalled reader, who holds this chunk, holds none
//     of those behind it.
type chunk[T any] struct {
	base   sluice.Offset
	slots  []T
	next   atomic.Pointer[chunk[T]]
	skip   atomic.Pointer[chunk[T]] // the chunk skipOver behind, from every skipOver-th one: for finding an offset
	number int64                    // of the chunk, from 0
}

// skipOver is how many chunks one skip passes: a million chunks are found in about 31 000 steps.
const skipOver = 32

// The sizes of chunks. A log starts small and grows by about four, so that an almost empty one costs little and a full
// one almost nothing per value. Each size leaves room for the header in a size class of Go's allocator: 4000 int64 and
// the header fill 32 KiB. Header and slots are one object, so that appending allocates once a chunk.
const (
	size0 = 15
	size1 = 60
	size2 = 250
	size3 = 1000
	size4 = 4000
)

func newChunk[T any](size int) *chunk[T] {
	switch {
	case size >= size4:
		o := new(struct {
			chunk[T]
			slots [size4]T
		})
		o.chunk.slots = o.slots[:]
		return &o.chunk
	case size >= size3:
		o := new(struct {
			chunk[T]
			slots [size3]T
		})
		o.chunk.slots = o.slots[:]
		return &o.chunk
	case size >= size2:
		o := new(struct {
			chunk[T]
			slots [size2]T
		})
		o.chunk.slots = o.slots[:]
		return &o.chunk
	case size >= size1:
		o := new(struct {
			chunk[T]
			slots [size1]T
		})
		o.chunk.slots = o.slots[:]
		return &o.chunk
	}
	o := new(struct {
		chunk[T]
		slots [size0]T
	})
	o.chunk.slots = o.slots[:]
	return &o.chunk
}

// maxChunkBytes bounds a chunk of large values, as far as size0 of them allow.
const maxChunkBytes = 256 << 10

// maxChunkSize returns the size up to which the chunks of a log grow: at most maxChunkBytes, and, when old values are
// dropped by number, about an eighth of what is kept, because memory comes back by whole chunks.
func maxChunkSize[T any](maxValues int64) int {
	size := maxChunkBytes / max(1, int(reflect.TypeFor[T]().Size()))
	if maxValues > 0 {
		size = int(min(int64(size), maxValues/8))
	}
	return size
}
