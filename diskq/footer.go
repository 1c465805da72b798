package diskq

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// A place is an entry of a segment's sparse index: at pos lies a sync point, and behind it the record of that index. What
// lies before was appended before that time.
type place struct {
	pos   int64
	index uint32
	time  time.Time
}

// near reports whether p, behind last, is no entry of its own.
func (p place) near(last place) bool {
	return p.pos-last.pos < pointEvery && p.time.Sub(last.time) < time.Second/2
}

// A footer is the payload of the last frame of a sealed segment: a sync point, and the index. Behind the frame stands the
// trailer, which says where it begins.
type footer struct {
	syncPoint
	places []place
}

const (
	placeSize   = 20
	trailerSize = 16
)

const trailerMagic = 0x74666371 // "qcft", read backwards

func (f footer) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = f.syncPoint.append(dst)
	dst = le.AppendUint32(dst, uint32(len(f.places)))
	for _, p := range f.places {
		dst = le.AppendUint64(dst, uint64(p.pos))
		dst = le.AppendUint32(dst, p.index)
		dst = le.AppendUint64(dst, uint64(p.time.UnixNano()))
	}
	return dst
}

func parseFooter(b []byte) (f footer, ok bool) {
	if f.syncPoint, ok = parseSync(b); !ok || len(b) < syncSize+4 {
		return f, false
	}
	le := binary.LittleEndian
	n := int64(le.Uint32(b[syncSize:]))
	b = b[syncSize+4:]
	if n*placeSize != int64(len(b)) { // before anything is allocated
		return f, false
	}
	f.places = make([]place, n)
	for i := range f.places {
		e := b[i*placeSize:]
		f.places[i] = place{int64(le.Uint64(e)), le.Uint32(e[8:]), time.Unix(0, int64(le.Uint64(e[12:])))}
	}
	return f, true
}

// appendFooter appends the frame of a footer that will lie at pos, and the trailer behind it.
func appendFooter(dst []byte, f footer, pos int64, index uint32) []byte {
	payload := f.append(nil)
	at := len(dst)
	dst = append(dst, make([]byte, frameHeader+len(payload))...)
	putFrame(dst[at:], f.id, pos, kindFooter, index, payload)
	var t [trailerSize]byte
	binary.LittleEndian.PutUint64(t[:], uint64(pos))
	binary.LittleEndian.PutUint32(t[8:], trailerMagic)
	binary.LittleEndian.PutUint32(t[12:], crc32.Checksum(t[:12], castagnoli))
	return append(dst, t[:]...)
}

// parseTrailer returns where the footer begins in a file of that size.
func parseTrailer(b []byte, size int64) (pos int64, ok bool) {
	le := binary.LittleEndian
	if len(b) != trailerSize || le.Uint32(b[8:]) != trailerMagic || le.Uint32(b[12:]) != crc32.Checksum(b[:12], castagnoli) {
		return 0, false
	}
	pos = int64(le.Uint64(b))
	return pos, pos >= headerSize && pos <= size-trailerSize-frameHeader-syncSize-4
}
