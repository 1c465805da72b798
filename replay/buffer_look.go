package replay

import (
	"errors"
	"io"
	"os"

	"github.com/sluice-go/sluice"
)

// dead returns why nothing can be read whatever is there, nil if it can.
func (r *BufferReader) dead(ended *ending) error {
	switch {
	case r.hold.closed.Load():
		return sluice.ErrClosed
	case ended != nil && ended.aborted:
		return ended.err
	}
	return r.bad
}

// look finds what is at off, without moving, save over bytes that are gone.
func (r *BufferReader) look() (piece []byte, there int64, err error) {
	piece, there, at, err := r.lookAt(r.off, r.at)
	r.at = at
	if there > 0 {
		r.pace.note(r.off + there)
	}
	if lag, ok := err.(*sluice.LagError); ok {
		r.off, r.at = int64(lag.To), nil
	}
	return piece, there, err
}

// lookAt finds what is at off: there bytes, the first of which are piece if they are in memory; or an error; or nothing yet. at
// is a chunk at off or before it, or nil; the one that holds off is returned.
func (r *BufferReader) lookAt(off int64, at *chunk[byte]) (piece []byte, there int64, _ *chunk[byte], err error) {
	b := r.b
	ended := b.ended.Load() // before end: see Buffer.ended
	if err := r.dead(ended); err != nil {
		return nil, 0, nil, err
	}
	for {
		if first := b.first.Load(); off < first {
			if r.hold.closed.Load() { // nothing was dropped for MaxBytes: the last reader of a removed buffer was closed meanwhile
				return nil, 0, nil, sluice.ErrClosed
			}
			return nil, 0, nil, &sluice.LagError{From: sluice.Offset(off), To: sluice.Offset(first)}
		}
		end := b.tail.Next() // before the links: see chunk
		switch {
		case off < min(end, b.split):
			if piece, at = b.piece(off, at, min(end, b.split)); piece != nil {
				return piece, end - off, at, nil
			}
		case off < end:
			return nil, end - off, nil, nil
		case ended != nil:
			return nil, 0, at, ended.err
		case r.snapshot:
			return nil, 0, at, io.EOF
		default:
			return nil, 0, at, nil
		}
	}
}

// piece returns bytes at off, which is below end, in memory, and the chunk they are in; or nil if they have gone: then first
// tells. at is as in lookAt.
func (b *Buffer) piece(off int64, at *chunk[byte], end int64) ([]byte, *chunk[byte]) {
	if at == nil {
		at = b.chunks.find(sluice.Offset(off))
	}
	for {
		base := int64(at.base)
		switch next := at.next.Load(); {
		case next == b.chunks.cut, base > off:
			return nil, nil // trimmed since we looked at first
		case next != nil && int64(next.base) <= off:
			at = next
		case next != nil:
			end = min(end, int64(next.base))
			fallthrough
		default:
			return at.slots[off-base : end-base : end-base], at
		}
	}
}

// readFile is [Buffer.readFile] with the error of a reader that was closed meanwhile.
func (r *BufferReader) readFile(p []byte, off, end int64) (n int, err error) {
	n, err = r.b.readFile(p, off, end)
	if errors.Is(err, os.ErrClosed) && r.hold.closed.Load() {
		err = sluice.ErrClosed
	}
	return n, err
}
