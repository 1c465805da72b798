package diskq

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A tailFile is where a Written queue has a copy of its blocks: in a file that is mapped into memory. So what is put there is in
// the system's hands without a system call, and, as with Buffered, is written to the segment 256 KiB at a time. When the
// process is killed in between, the next Open finds the rest there: see restore.
//
// It has two halves, which are used in turns. Each is a page that begins with a header, which says what the block is, and
// the block's data. The frames in it need no more to be told from what is left of earlier ones: each is valid at one place of
// one segment only. A half is used again when all of its block is in the segment, but for what the block behind has too, or, if
// that has no half, when all of that one is: then nothing in it is needed.
//
// A store may have to wait for the disk, once for each page after the system has saved it, which it does every few seconds: as a
// write may, but without letting go of the processor.
type tailFile struct {
	m      *fsx.Mapping
	halves [2]*block
}

const (
	tailName    = "TAIL"
	halfHeader  = 4096
	halfSize    = halfHeader + blockRoom
	tailSize    = 2 * halfSize
	tailVersion = 1

	// oldRoom is how much data a half had before a block had room for what lies across the end of a piece.
	oldRoom = blockSize

	// halfUsed is how much of the header means something.
	halfUsed = 64
)

var tailMagic = [8]byte{'s', 'l', 'u', 'i', 'c', 'e', 't', 'l'}

// A half is the header: which block the data is.
type half struct {
	id    uint64        // of the segment
	index uint32        // of the first frame, but for the rest of what began before
	boot  uint64        // of the system that has it in its cache
	queue uint64        // of the queue
	first sluice.Offset // of the segment's first value: its name
	base  int64         // of the data, in the segment's file
	room  int           // for the data
}

// newTailFile makes the file.
func newTailFile(fsys fsx.FS, dir string) (*tailFile, error) {
	m, err := fsys.MapFile(join(dir, tailName), tailSize)
	if err != nil {
		return nil, err
	}
	t := &tailFile{m: m}
	for i := range t.halves {
		b := newBlock(0)
		b.head, b.mirror = m.Data[i*halfSize:][:halfUsed], m.Data[i*halfSize+halfHeader:(i+1)*halfSize]
		t.halves[i] = b
	}
	return t, nil
}

// spare returns a block that no reader is in, and that is not the tail, taken; or nil.
func (t *tailFile) spare(tail *block) *block {
	for _, b := range t.halves {
		if b != tail && b.pins.CompareAndSwap(0, taken) {
			return b
		}
	}
	return nil
}

// close gives the memory back. Neither block is the tail any more.
func (t *tailFile) close() {
	t.m.Close() // of memory that nobody uses: there is nothing to lose
}

// put stores the header so that, whenever the process is killed meanwhile, it is whole or begins with zeros.
func (h half) put(b []byte) {
	le := binary.LittleEndian
	clear(b[:8])
	le.PutUint32(b[8:], tailVersion)
	le.PutUint32(b[12:], blockRoom)
	le.PutUint64(b[16:], h.id)
	le.PutUint64(b[24:], h.queue)
	le.PutUint64(b[32:], uint64(h.first))
	le.PutUint64(b[40:], uint64(h.base))
	le.PutUint32(b[48:], h.index)
	le.PutUint64(b[52:], h.boot)
	le.PutUint32(b[halfUsed-4:], crc32.Checksum(b[8:halfUsed-4], castagnoli))
	copy(b, tailMagic[:])
}

// unused reports whether b is the header of a half that was never used, or is about to be: nothing in it is needed.
func unused(b []byte) bool { return binary.LittleEndian.Uint64(b) == 0 }

// parseHalf returns false for anything but a whole header, and errVersion for one of another version.
func parseHalf(b []byte) (h half, ok bool, err error) {
	le := binary.LittleEndian
	if len(b) < halfUsed || !bytes.Equal(b[:8], tailMagic[:]) ||
		le.Uint32(b[halfUsed-4:]) != crc32.Checksum(b[8:halfUsed-4], castagnoli) {
		return h, false, nil
	}
	if v, room := le.Uint32(b[8:]), int(le.Uint32(b[12:])); v != tailVersion || room != blockRoom && room != oldRoom {
		return h, false, fmt.Errorf("%s: %w %d: this program knows version %d", tailName, errVersion, v, tailVersion)
	}
	h = half{
		id: le.Uint64(b[16:]), queue: le.Uint64(b[24:]),
		first: sluice.Offset(le.Uint64(b[32:])), base: int64(le.Uint64(b[40:])),
		index: le.Uint32(b[48:]), boot: le.Uint64(b[52:]), room: int(le.Uint32(b[12:])),
	}
	return h, h.first >= 0 && h.base >= headerSize, nil
}

// halfSizeOf returns how large the halves of a TAIL are, as one of them says.
func halfSizeOf(data []byte) int {
	if h, ok, _ := parseHalf(data); ok {
		return halfHeader + h.room
	}
	for _, room := range []int{blockRoom, oldRoom} {
		if h, ok, _ := parseHalf(data[min(halfHeader+room, len(data)):]); ok && h.room == room {
			return halfHeader + room
		}
	}
	return halfSize
}
