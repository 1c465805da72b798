package replay

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/sluice-go/sluice/internal/fsx"
)

// maxPiece bounds one write to the file, so that readers see a long Write as it goes on.
const maxPiece = 256 << 10

// CreateBuffer returns an empty buffer whose bytes are all in the file of that name, and nothing else is. A file that is
// there is emptied, so it must not be another buffer's. The buffer and its readers share one descriptor, which is open while
// the buffer or a reader is.
//
// Each Write is one system call; when it returns, the bytes survive the end of the process. Nothing is synced to stable
// storage. If a write fails, in part or whole (a full disk), the buffer ends with that error: Write returns it with the number of
// bytes that are in the stream, later writes and Close return it too, and readers get it behind those bytes.
//
// The file does not say how the stream ended. Whoever leaves it for a later [OpenBuffer] should make sure that it was closed
// without an error: rename it then, and [Buffer.Remove] it otherwise.
func CreateBuffer(name string) (*Buffer, error) { return createBuffer(fsx.OS{}, name) }

func createBuffer(fsys fsx.FS, name string) (*Buffer, error) {
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, fmt.Errorf("replay: create buffer: %w", err)
	}
	b := newBuffer(fsys, BufferOptions{})
	b.split = 0
	b.store.name = name
	b.store.file.Store(&openFile{f})
	return b, nil
}

// OpenBuffer returns a buffer that has ended, and holds what the file of that name holds now. Nobody may change the file. Close lets
// go of it, as far as no reader is open; one that comes later opens it again.
func OpenBuffer(name string) (*Buffer, error) { return openBuffer(fsx.OS{}, name) }

func openBuffer(fsys fsx.FS, name string) (*Buffer, error) {
	if info, err := fsys.Stat(name); err != nil {
		return nil, fmt.Errorf("replay: open buffer: %w", err)
	} else if !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, fmt.Errorf("replay: open buffer: %s is no regular file but %v", name, info.Mode().Type())
	}
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("replay: open buffer: %w", err)
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("replay: open buffer: %w", err)
	}
	b := newBuffer(fsys, BufferOptions{})
	b.split = 0
	b.store.name = name
	b.store.file.Store(&openFile{f})
	b.end.Store(size)
	b.ended.Store(&ending{err: io.EOF})
	return b, nil
}

// writeFileLocked writes p, of at most maxPiece, at the end of the stream, and returns how much of it is in place.
func (b *Buffer) writeFileLocked(end int64, p []byte) (n int, err error) {
	f, err := b.store.writable()
	if err != nil {
		return 0, err
	}
	at, room := b.store.place(end - b.split)
	if int64(len(p)) > room {
		p = p[:room] // the rest is the next piece
	}
	n, err = f.WriteAt(p, at)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// readFile reads bytes from off on, at least one, into p. All of them were published, and off was retained a moment ago: if it is
// not any more, it returns nil, and first tells.
func (b *Buffer) readFile(p []byte, off int64) (n int, err error) {
	f := b.store.file.Load()
	if f == nil {
		return 0, os.ErrClosed
	}
	at, room := b.store.place(off - b.split)
	n, err = f.ReadAt(p[:min(int64(len(p)), room)], at)
	switch {
	case b.first.Load() > off:
		return 0, nil // overwritten, perhaps, while we read
	case n > 0:
		return n, nil
	case err == io.EOF:
		return 0, fmt.Errorf("replay: %s was changed: it ends before byte %d: %w", f.Name(), at, io.ErrUnexpectedEOF)
	case err == nil:
		return 0, io.ErrNoProgress
	}
	return 0, fmt.Errorf("replay: %w", err)
}

// Remove deletes the buffer's file, if there is one, and frees its memory, as soon as nobody reads any more: at once if no
// reader is open, otherwise when the last of them is closed, whose Close returns the error if it can't be done. New readers
// get an error right away, for which errors.Is(err, [fs.ErrNotExist]). On a buffer that is still written it is refused, with
// an error: Close or Abort it first. A second call does nothing, save that it tries again what failed.
func (b *Buffer) Remove() error {
	b.mu.Lock() // a Write may still be under way after an Abort
	ended := b.ended.Load() != nil
	b.mu.Unlock()
	if !ended {
		return fmt.Errorf("replay: Remove: the buffer is still written: Close or Abort it first")
	}
	return b.free(b.store.remove())
}

// letGo ends the hold of the owner on the file.
func (b *Buffer) letGo() error { return b.free(b.store.disown()) }

// release ends the hold of a reader.
func (b *Buffer) release() error { return b.free(b.store.leave()) }

// free drops the bytes in memory if the last one who held a removed buffer has left.
func (b *Buffer) free(gone bool, err error) error {
	if gone {
		b.mu.Lock()
		b.freeLocked()
		b.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

var errRemoved = fmt.Errorf("replay: the buffer was removed: %w", fs.ErrNotExist)
