package diskq

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/sluice-go/sluice"
)

// readPlain is readSegment as far as all is plain: whole records, in memory as they are, one behind the other. It stops at
// whatever else there is.
func (r *reader[T]) readPlain(off, end sluice.Offset) sluice.Offset {
	w, had := &r.w, len(*r.raw)
	most := int(min(end-off, sluice.Offset(maxBatch-had)))
	batch := slices.Grow(*r.raw, most)[:had+most]
	n, size := cutPlain(batch[had:], w.buf[w.i:w.n], w.id+uint64(w.pos), uint32(off-w.seg.first), w.trust-w.i)
	*r.raw = batch[:had+n]
	w.skip(size)
	return off + sluice.Offset(n)
}

// cutPlain cuts records off the start of b, one behind the other from that index on, and puts their payloads into dst. It
// returns how many there are and their size in the file, and stops at whatever is no whole, undamaged record. place is the
// segment's id plus where b lies in it. What begins at b[trust] or behind it comes from memory, and is not verified.
//
// Reading spends its time here. So there are only numbers and two slices in it: whatever else it used would be loaded and
// stored again around each checksum.
func cutPlain(dst [][]byte, b []byte, place uint64, index uint32, trust int) (n, size int) {
	// A record of the kind and size of the one before begins with the same bytes, but for its index. For that one end is right
	// already, and the processor, which guesses that it comes, is with the next record before this one's size is in.
	same, end := uint64(0), math.MaxInt // zeros are never a frame, see frame
	for n < len(dst) {
		f := b[size:]
		if len(f) < frameHeader {
			break
		}
		begin := binary.LittleEndian.Uint64(f)
		if begin != same {
			length, ok := frameSize(uint32(begin))
			if !ok || kind(begin&3) > kindPart || uint32(begin>>32) != index {
				break
			}
			same, end = begin, frameHeader+length
		}
		if end > len(f) {
			break
		}
		payload := f[frameHeader:end:end]
		if size < trust && binary.LittleEndian.Uint32(f[8:]) != crc32.Update(mix(place, begin), castagnoli, payload) {
			break
		}
		dst[n] = payload
		n++
		index++
		same += 1 << 32
		place += uint64(end)
		size += end
	}
	return n, size
}
