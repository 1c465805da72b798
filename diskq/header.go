package diskq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/sluice-go/sluice"
)

const (
	version    = 1
	headerSize = 128
	maxCodec   = 59 // bytes of a codec's name
)

var magic = [8]byte{'s', 'l', 'u', 'i', 'c', 'e', 'd', 'q'}

// A header is the first 128 bytes of a segment file. What of it is needed to read the segment also stands in each sync
// point, and the first of these follows at once: a damaged header costs nothing.
type header struct {
	id      uint64 // of the segment, drawn by chance
	queue   uint64 // of the queue, likewise
	epoch   uint64
	first   sluice.Offset // of the first record
	synced  sluice.Offset // everything before is on stable storage
	created time.Time
	codec   string
}

var (
	errHeader  = errors.New("the header is damaged")
	errVersion = errors.New("unknown format version")
)

func (h header) append(dst []byte) []byte {
	b := append(dst, make([]byte, headerSize)...)
	b = b[len(dst):]
	le := binary.LittleEndian
	copy(b, magic[:])
	le.PutUint32(b[8:], version)
	le.PutUint32(b[12:], headerSize)
	le.PutUint64(b[16:], h.id)
	le.PutUint64(b[24:], h.queue)
	le.PutUint64(b[32:], h.epoch)
	le.PutUint64(b[40:], uint64(h.first))
	le.PutUint64(b[48:], uint64(h.synced))
	le.PutUint64(b[56:], uint64(h.created.UnixNano()))
	b[64] = byte(len(h.codec))
	copy(b[65:headerSize-4], h.codec)
	le.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli))
	return append(dst, b...)
}

// parseHeader returns errHeader for anything but a whole, undamaged header, and errVersion for one of another version.
func parseHeader(b []byte) (h header, err error) {
	le := binary.LittleEndian
	if len(b) < headerSize || !bytes.Equal(b[:8], magic[:]) ||
		le.Uint32(b[headerSize-4:]) != crc32.Checksum(b[:headerSize-4], castagnoli) {
		return h, errHeader
	}
	if v := le.Uint32(b[8:]); v != version {
		return h, fmt.Errorf("%w %d: this program knows version %d", errVersion, v, version)
	}
	h = header{
		id:      le.Uint64(b[16:]),
		queue:   le.Uint64(b[24:]),
		epoch:   le.Uint64(b[32:]),
		first:   sluice.Offset(le.Uint64(b[40:])),
		synced:  sluice.Offset(le.Uint64(b[48:])),
		created: time.Unix(0, int64(le.Uint64(b[56:]))),
	}
	h.codec = string(b[65 : 65+min(int(b[64]), maxCodec)])
	if h.first < 0 || h.synced < 0 {
		return h, errHeader
	}
	return h, nil
}

// A syncPoint is the payload of a sync frame: where and when it is, who wrote it, and the line between what is on stable
// storage for certain and what is not.
type syncPoint struct {
	id, queue, epoch uint64
	next             sluice.Offset // of the record behind it
	synced           sluice.Offset // everything before was on stable storage when this was written
	time             time.Time     // what lies before was appended earlier
	boot             uint64        // of the system that wrote it; 0: unknown
	durability       Durability
	closed           bool   // nothing followed: the queue was closed
	tail             bool   // what follows may be in the TAIL, and not here
	summed           bool   // sum is there
	sum              uint32 // of the run before, see run
}

const syncSize = 64

func (p syncPoint) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint64(dst, p.id)
	dst = le.AppendUint64(dst, p.queue)
	dst = le.AppendUint64(dst, p.epoch)
	dst = le.AppendUint64(dst, uint64(p.next))
	dst = le.AppendUint64(dst, uint64(p.synced))
	dst = le.AppendUint64(dst, uint64(p.time.UnixNano()))
	dst = le.AppendUint64(dst, p.boot)
	flags := uint32(p.durability) & 3
	if p.closed {
		flags |= 4
	}
	if p.tail {
		flags |= 8
	}
	if p.summed {
		flags |= 16
	}
	dst = le.AppendUint32(dst, flags)
	return le.AppendUint32(dst, p.sum)
}

func parseSync(b []byte) (p syncPoint, ok bool) {
	if len(b) < syncSize {
		return p, false
	}
	le := binary.LittleEndian
	flags := le.Uint32(b[56:])
	p = syncPoint{
		id: le.Uint64(b), queue: le.Uint64(b[8:]), epoch: le.Uint64(b[16:]),
		next:       sluice.Offset(le.Uint64(b[24:])),
		synced:     sluice.Offset(le.Uint64(b[32:])),
		time:       time.Unix(0, int64(le.Uint64(b[40:]))),
		boot:       le.Uint64(b[48:]),
		durability: Durability(flags & 3),
		closed:     flags&4 != 0,
		tail:       flags&8 != 0,
		summed:     flags&16 != 0,
		sum:        le.Uint32(b[60:]),
	}
	return p, p.next >= 0 && p.synced >= 0
}
