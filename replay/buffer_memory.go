package replay

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/sluice-go/sluice"
)

// Chunks of bytes grow with what is held, so that the unused part of the last one is at most a twentieth of it.
const (
	minBytesChunk = 1 << 10
	maxBytesChunk = 256 << 10
	spareShare    = 20
)

// room is where the next bytes go in memory: open[end-base:], up to split.
type room struct {
	open []byte // the slots of the last chunk
	base int64  // the position of open[0]

	// limit is how far a small write may go without a look at anything else: the end of open, or less than any position.
	limit int64

	// lent says that a ReadFrom reads from its source into the room, without the lock. Whoever needs room meanwhile opens another
	// chunk and sets shared: then nothing is lent any more, so that there is one such chunk at most. A loan is
	// good for as long as the end has not moved.
	lent, shared bool
}

// roomLocked returns room at the end, at least one byte. need is how many bytes will come, as far as that is known.
func (b *Buffer) roomLocked(end int64, need int) []byte {
	r := &b.room
	if r.lent {
		r.shared = true
		b.growLocked(end, need)
	} else if end == r.base+int64(len(r.open)) {
		b.growLocked(end, need)
	}
	free := r.open[end-r.base:]
	return free[:min(int64(len(free)), b.split-end)]
}

// growLocked puts a new chunk behind the last one. The end is below split, behind which none of it would be used.
func (b *Buffer) growLocked(end int64, need int) {
	size := min(b.split-end, max(minBytesChunk, int64(need), (end-b.first.Load())/spareShare))
	most := int64(maxBytesChunk)
	if b.maxBytes > 0 { // memory comes back by whole chunks
		most = min(most, max(minBytesChunk, b.maxBytes/16))
	}
	slots := newBytes(int(min(size, most)))
	b.chunks.addLocked(&chunk[byte]{base: sluice.Offset(end), slots: slots})
	b.room = room{open: slots, base: end, shared: b.room.shared}
	b.limitLocked()
}

// limitLocked sets the limit of small writes.
func (b *Buffer) limitLocked() {
	r := &b.room
	if r.limit = min(r.base+int64(len(r.open)), b.split); b.maxBytes > 0 || r.lent || r.open == nil {
		r.limit = math.MinInt64
	}
}

// newBytes returns at least that many bytes: all that the allocator takes for them anyway. Above 32 KiB these are whole pages,
// which it need not clear if the system gave them just now.
func newBytes(size int) []byte {
	if size <= 32<<10 {
		p := slices.Grow([]byte(nil), size)
		return p[:cap(p)]
	}
	const page = 8 << 10
	p := make([]byte, (size+page-1)&^(page-1))
	populate(p)
	return p
}

// ReadFrom writes all that src has, until its io.EOF, which is no error and does not end the buffer. It returns the other
// errors of src, and those of [Buffer.Write]. In memory, src reads right into the buffer, and its bytes are seen by readers as
// soon as its Read returns; the buffer is not locked while it reads. Only one ReadFrom at a time can do so, and none after it
// was seen to run beside another writer: then it reads into memory of its own, 64 KiB, as for a file.
func (b *Buffer) ReadFrom(src io.Reader) (n int64, err error) {
	var own []byte
	for empty := 0; ; {
		dst, at, err := b.lend()
		if err != nil {
			return n, err
		}
		lent := dst != nil
		if !lent {
			if own == nil {
				own = make([]byte, 64<<10)
			}
			dst = own
		}
		k, srcErr := src.Read(dst)
		if k < 0 || k > len(dst) {
			return n, fmt.Errorf("replay: ReadFrom: Read of %T returned the count %d for %d bytes", src, k, len(dst))
		}
		before := b.recent.written.Load()
		m, err := b.take(dst[:k], lent, at)
		b.recent.yieldSince(before)
		n += int64(m)
		switch {
		case err != nil:
			return n, err
		case srcErr == io.EOF:
			return n, nil
		case srcErr != nil:
			return n, srcErr
		}
		if empty++; k > 0 {
			empty = 0
		} else if empty == maxEmptyReads {
			return n, io.ErrNoProgress
		}
	}
}

const maxEmptyReads = 100

// lend returns room at the end, at, for a source to read into; nil if it can't be lent. If the source panics nothing but the room
// is lost, and not even that if there is no other writer.
func (b *Buffer) lend() (dst []byte, at int64, err error) {
	b.lock()
	defer b.unlock()
	r := &b.room
	at = b.tail.Next()
	switch e := b.ended.Load(); {
	case e != nil:
		return nil, 0, e.writeErr()
	case r.lent:
		r.shared = true // what is lent stays so; this one reads elsewhere
		return nil, 0, nil
	case r.shared || at >= b.split:
		return nil, 0, nil
	}
	dst = b.roomLocked(at, 0)
	r.lent = true
	b.limitLocked()
	return dst, at, nil
}

// take writes p, which a source has read: it is in place if it was lent at the end and nobody wrote since.
func (b *Buffer) take(p []byte, lent bool, at int64) (n int, err error) {
	b.lock()
	defer b.unlock()
	if !lent || b.tail.Next() != at {
		return putLocked(b, p)
	}
	b.room.lent = false
	b.limitLocked()
	if e := b.ended.Load(); e != nil {
		return 0, e.writeErr()
	}
	b.publishLocked(at + int64(len(p)))
	return len(p), nil
}

// freeLocked drops all bytes.
func (b *Buffer) freeLocked() {
	end := b.tail.Next()
	b.first.Store(end)
	b.chunks.addLocked(&chunk[byte]{base: sluice.Offset(end)})
	b.chunks.trimLocked(sluice.Offset(end))
	b.room = room{base: end}
	b.limitLocked()
	b.recent.dropLocked()
}
