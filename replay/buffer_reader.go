package replay

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/sluice-go/sluice"
)

var (
	_ io.ReadSeekCloser = (*BufferReader)(nil)
	_ io.ReaderAt       = (*BufferReader)(nil)
	_ io.WriterTo       = (*BufferReader)(nil)
)

// BufferReader is one reader's place in a [Buffer]. Make one with [Buffer.NewReader] or [Buffer.NewSnapshotReader].
//
// It is for one goroutine at a time, save ReadAt, which may be called by many, and Close, which may be called at any time and
// ends what is waiting. Readers never disturb each other.
//
// Its errors are
//
//   - behind the last byte, io.EOF for the end that [Buffer.Close] made, or what [Buffer.CloseWithError] was given;
//   - what [Buffer.Abort] was given, at once;
//   - [sluice.ErrClosed] after its own Close;
//   - a *[sluice.LagError] where MaxBytes has dropped bytes: From and To are positions in the stream, and the reader stands at
//     To, so it is not final;
//   - an error of the buffer's file, which leaves the reader where it is.
type BufferReader struct {
	b        *Buffer
	snapshot bool
	bad      error // from opening; constant

	off  int64        // of the next byte
	at   *chunk[byte] // holds off, or is before the chunk that does; nil: to be found
	buf  []byte       // for WriteTo from a file; nil until then
	pace pace

	place   place
	cleanup runtime.Cleanup
	hold    *hold
}

// A hold is a reader's right to the buffer's file. It is an object of its own so that it outlives a reader that nobody closed.
type hold struct {
	b      *Buffer
	none   bool // there is none, the file could not be opened; constant
	closed atomic.Bool
}

// end lets go of the buffer, once.
func (h *hold) end() error {
	if h.closed.Swap(true) || h.none {
		return nil
	}
	return h.b.release()
}

// NewReader returns a reader at byte 0 that follows the writer: where there is nothing yet, it waits. With MaxBytes, byte 0 may
// be gone: then its first error is a *[sluice.LagError] that says where the kept bytes begin, and it goes on there, unless it
// was moved by Seek before. An error in opening the file is the error of the first read.
//
// Close the reader when done with it. One that becomes unreachable is closed by itself, some time.
func (b *Buffer) NewReader() *BufferReader { return b.newReader(false) }

// NewSnapshotReader returns a reader like [Buffer.NewReader], but one that never waits: where there is nothing yet, its error
// is io.EOF, and later, if more was written, it reads on. So its io.EOF does not say that the stream is complete.
func (b *Buffer) NewSnapshotReader() *BufferReader { return b.newReader(true) }

func (b *Buffer) newReader(snapshot bool) *BufferReader {
	err := b.store.join(b.recent.written.Load())
	r := &BufferReader{b: b, snapshot: snapshot, bad: err, hold: &hold{b: b, none: err != nil}}
	r.cleanup = runtime.AddCleanup(r, func(h *hold) { h.end() }, r.hold)
	return r
}

// Read reads up to len(p) bytes, and waits if there are none yet. Into an empty p it reads nothing and does not wait. Bytes
// that are written in many small pieces may be held back from a reader that has kept up for up to a millisecond, so that
// neither side is kept busy by waking.
//
// Cost: a copy and six atomic loads, no lock, no allocation; in a file a system call, or two atomic read-modify-writes for a
// reader that keeps up.
func (r *BufferReader) Read(p []byte) (n int, err error) {
	return r.ReadContext(context.Background(), p)
}

// ReadContext is [BufferReader.Read], but when ctx is done it returns context.Cause(ctx), and the reader does not move.
func (r *BufferReader) ReadContext(ctx context.Context, p []byte) (n int, err error) {
	for {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if len(p) == 0 {
			return 0, r.dead(r.b.ended.Load())
		}
		piece, there, err := r.look()
		switch {
		case err != nil:
			return 0, err
		case there == 0:
			if err := r.sleep(ctx); err != nil {
				return 0, err
			}
			continue
		case piece != nil:
			n = copy(p, piece)
		default:
			n, err = r.readFile(p, r.off, r.off+there)
		}
		if n > 0 || err != nil {
			r.off += int64(n)
			return n, err
		}
	}
}

// WriteTo writes all that is there and will come to w, until the end of the stream, which is no error; a snapshot reader,
// what is there. Out of memory w gets pieces of the buffer itself, without a copy: as an io.Writer it must neither change nor
// keep them. The reader stands behind what w has taken, so after an error of w, and after a *[sluice.LagError], WriteTo may be
// called again.
func (r *BufferReader) WriteTo(w io.Writer) (n int64, err error) {
	return r.WriteToContext(context.Background(), w)
}

// WriteToContext is [BufferReader.WriteTo], but ends with context.Cause(ctx) when ctx is done. It can't interrupt w.
func (r *BufferReader) WriteToContext(ctx context.Context, w io.Writer) (n int64, err error) {
	for {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		piece, err := r.lend()
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case piece == nil:
			if err := r.sleep(ctx); err != nil {
				return n, err
			}
			continue
		}
		k, err := w.Write(piece)
		if k < 0 || k > len(piece) {
			return n, fmt.Errorf("replay: WriteTo: Write of %T returned the count %d for %d bytes", w, k, len(piece))
		}
		n += int64(k)
		r.off += int64(k)
		switch {
		case err != nil:
			return n, err
		case k < len(piece):
			return n, io.ErrShortWrite
		}
	}
}

// fileReadSize is how much WriteTo reads from a file at once.
const fileReadSize = 128 << 10

// lend returns bytes that are there at off, nil if there are none.
func (r *BufferReader) lend() ([]byte, error) {
	for {
		piece, there, err := r.look()
		if err != nil || there == 0 || piece != nil {
			return piece, err
		}
		if r.buf == nil {
			r.buf = make([]byte, fileReadSize)
		}
		n, err := r.readFile(r.buf, r.off, r.off+there)
		if n > 0 || err != nil {
			return r.buf[:n], err
		}
	}
}

// ReadAt reads len(p) bytes from position off. It waits for those that are not written yet, except that of a snapshot reader. It
// returns fewer only with the error that says why: io.EOF where the stream ends, or, for a snapshot reader, where it does
// now; a *[sluice.LagError] from the first byte that is not kept any more. It does not move the reader. Only the end of the
// stream, or Close of the reader, ends a wait.
func (r *BufferReader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("replay: ReadAt: the position must be at least 0, got %d", off)
	}
	if len(p) == 0 {
		return 0, r.dead(r.b.ended.Load())
	}
	for n < len(p) {
		at := off + int64(n)
		piece, there, _, err := r.lookAt(at, nil)
		k := 0
		switch {
		case err != nil:
			return n, err
		case there == 0:
			r.sleepAt(at)
		case piece != nil:
			k = copy(p[n:], piece)
		default:
			k, err = r.readFile(p[n:], at, at+there)
		}
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Seek moves the reader, also beyond the end, where it waits until the stream gets there. [io.SeekEnd] is the end of what
// is written now.
func (r *BufferReader) Seek(offset int64, whence int) (int64, error) {
	if r.hold.closed.Load() {
		return 0, sluice.ErrClosed
	}
	base := int64(0)
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		base = r.off
	case io.SeekEnd:
		base = r.b.tail.Next()
	default:
		return 0, fmt.Errorf("replay: Seek: whence must be io.SeekStart, io.SeekCurrent or io.SeekEnd, got %d", whence)
	}
	off := base + offset
	if off < 0 { // also when the sum overflows
		return 0, fmt.Errorf("replay: Seek: the position must be at least 0, got %d from %d", offset, base)
	}
	if off != r.off {
		r.off, r.at = off, nil
	}
	return off, nil
}

// Close makes the reader's methods return [sluice.ErrClosed], those that wait too, and lets go of the buffer. It is idempotent.
// It returns an error only if it was the last to use a file that then could not be closed or, after [Buffer.Remove], deleted.
func (r *BufferReader) Close() error {
	r.cleanup.Stop()
	err := r.hold.end()
	r.wakeUp()
	return err
}
