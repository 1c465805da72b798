package diskq

import (
	"sync/atomic"

	"github.com/sluice-go/sluice/internal/fsx"
)

// blockSize is how much of the end of a queue is written, and how much a reader reads, at once. Past 256 KiB a larger piece gains
// little.
const blockSize = 256 << 10

// blockRoom is how large a block is: what begins in a piece ends in the same block, if it is small.
const blockRoom = blockSize + 8<<10

// A block is the end of the queue in memory: the bytes of a segment from base on. Frames are put into it, written to the
// file from it, and read from it by those who follow the end, without a system call.
//
//   - Bytes below ready are published, and never change until the block is used again; those above belong to the writer
//     (under its mu). ready only grows.
//   - Everything of the segment that lies before base is in the file. So a block is replaced only when all of it is, up to
//     where the next one begins, which has the rest.
//   - pins counts the readers that copy out of it, or is taken. A reader enters by a compare-and-swap from n >= 0 to n+1;
//     the writer uses a block again after one from 0 to taken. seg and base change only while it is taken, and are
//     read only by readers inside. A block that can't be taken is left to them, and the collector.
type block struct {
	pins  atomic.Int32
	seg   *segment
	base  int64
	data  []byte
	ready atomic.Int64

	// Of a block that has a half of a tailFile, constant: the header and the data of that, which are for the next Open. Nobody reads
	// them: what comes out of a file again may be damaged, or can't be had.
	head   []byte
	mirror []byte
}

const taken = -1

func newBlock(size int) *block { return &block{data: make([]byte, max(size, blockRoom))} }

// enter reports whether the caller may read the block, until leave. If not it is no longer the end.
func (b *block) enter() bool {
	for {
		n := b.pins.Load()
		if n < 0 {
			return false
		}
		if b.pins.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (b *block) leave() { b.pins.Add(-1) }

// copyOut copies what is published from a place on to dst. The caller has entered.
func (b *block) copyOut(dst []byte, from int64) int {
	ready := b.ready.Load()
	return copy(dst, b.data[min(from, ready):ready])
}

// store puts data[from:to] into the half, if the block has one: then it is in the system's hands.
func (b *block) store(from, to int) error {
	if b.mirror == nil {
		return nil
	}
	return fsx.Guard(func() { copy(b.mirror[from:to], b.data[from:to]) })
}

// copyTail copies what is published of g from pos on, and in memory, to dst. If there is nothing because it is in the segment,
// inFile is how far that goes: up to there all is written.
func (s *segments) copyTail(dst []byte, g *segment, pos int64) (n int, inFile int64) {
	for {
		b := s.tail.Load()
		if b == nil {
			return 0, openEnd
		}
		if !b.enter() {
			continue // it has been replaced; the new one is in place
		}
		switch {
		case b.seg != g:
			inFile = openEnd
		case pos < b.base:
			inFile = b.base
		default:
			n = b.copyOut(dst, pos-b.base)
		}
		b.leave()
		return n, inFile
	}
}
