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
	b, trust := w.buf[w.i:w.n], w.trust-w.i
	if w.i < w.run {
		b, trust = w.buf[w.i:w.run], 0
	}
	n, size := cutPlain(batch[had:], b, w.id+uint64(w.pos), uint32(off-w.seg.first), trust)
	*r.raw = batch[:had+n]
	if !r.lends {
		r.keepPlain(batch[had:had+n], b[:size])
	}
	if n > 0 {
		r.why = nil
	}
	w.skip(size)
	return off + sluice.Offset(n)
}

// keptPiece is how much memory kept values are cut from, but for one that is larger: the most that the allocator has at hand.
const keptPiece = 32 << 10

// keepPlain replaces payloads that were cut off b by those of copies of b, in memory that nothing else will use: one copy for
// many is much faster than one for each.
func (r *reader[T]) keepPlain(payloads [][]byte, b []byte) {
	for len(payloads) > 0 {
		n, size := 1, frameHeader+len(payloads[0])
		if size > len(r.fresh) {
			r.fresh = make([]byte, max(size, keptPiece))
		}
		for n < len(payloads) && size+frameHeader+len(payloads[n]) <= len(r.fresh) {
			size += frameHeader + len(payloads[n])
			n++
		}
		copy(r.fresh, b[:size])
		at := 0
		for i, p := range payloads[:n] {
			end := at + frameHeader + len(p)
			payloads[i] = r.fresh[at+frameHeader : end : end]
			at = end
		}
		r.fresh, payloads, b = r.fresh[size:], payloads[n:], b[size:]
	}
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
