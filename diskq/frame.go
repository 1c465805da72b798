package diskq

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame is what a segment file is made of, behind its header:
//
//	word u32 | index u32 | crc u32 | payload
//
// word is (len(payload)+1)<<2 | kind, so zeros are never a frame. index is the number of the record within its segment; of
// a sync point or footer, that of the record that comes next. crc is a CRC-32C of the payload, begun with a mix of the
// segment's id, the frame's place in the file, word and index: see checksum. All integers are little-endian.
type frame struct {
	kind    kind
	index   uint32
	payload []byte // lent
}

type kind uint32

const (
	kindRecord kind = iota // a value, and the last or only one of its append
	kindPart               // a value whose append goes on with the next record
	kindSync               // a sync point
	kindFooter             // the footer: no record follows
)

const (
	frameHeader = 12
	maxPayload  = 1<<30 - 2
	maxIndex    = 1<<32 - 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers all that tells a frame from another one: the same bytes in another segment, at another place, or with
// another length or index have another checksum.
func checksum(id uint64, pos int64, word, index uint32, payload []byte) uint32 {
	return crc32.Update(seed(id, pos, word, index), castagnoli, payload)
}

// seed is what a frame's checksum begins with. For one place, different (word, index) always have different h. It and mix are
// functions of their own so that the compiler can put them into the loops.
func seed(id uint64, pos int64, word, index uint32) uint32 {
	return mix(id+uint64(pos), uint64(index)<<32|uint64(word))
}

// mix is seed, of a frame's id plus its place, and its first eight bytes.
func mix(place, begin uint64) uint32 {
	h := place * 0x9e3779b97f4a7c15
	h ^= begin
	h *= 0xbf58476d1ce4e5b9
	return uint32(h ^ h>>32)
}

func frameWord(k kind, size int) uint32 { return uint32(size+1)<<2 | uint32(k) }

// frameSize returns the size of a frame's payload, or false if word can't be a frame's.
func frameSize(word uint32) (int, bool) { return int(word>>2) - 1, word >= 4 }

// putFrame writes a frame to the start of dst, which has room for it, and returns its size. id and pos say where it will
// be.
func putFrame(dst []byte, id uint64, pos int64, k kind, index uint32, payload []byte) int {
	word := frameWord(k, len(payload))
	n := copy(dst[frameHeader:], payload)
	binary.LittleEndian.PutUint32(dst, word)
	binary.LittleEndian.PutUint32(dst[4:], index)
	binary.LittleEndian.PutUint32(dst[8:], checksum(id, pos, word, index, payload))
	return frameHeader + n
}

// parseFrame returns the frame at the start of b, which lies at pos of the segment with that id, and its size. It fails on
// anything but a whole, undamaged frame, and looks at no more of b than that.
func parseFrame(b []byte, id uint64, pos int64) (f frame, size int, ok bool) {
	if len(b) < frameHeader {
		return f, 0, false
	}
	word := binary.LittleEndian.Uint32(b)
	n, ok := frameSize(word)
	if !ok || n > len(b)-frameHeader {
		return f, 0, false
	}
	size = frameHeader + n
	f = frame{kind(word & 3), binary.LittleEndian.Uint32(b[4:]), b[frameHeader:size:size]}
	return f, size, binary.LittleEndian.Uint32(b[8:]) == checksum(id, pos, word, f.index, f.payload)
}
