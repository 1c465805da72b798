package replay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/sluice-go/sluice/internal/fsx"
)

// CreateBuffer returns an empty buffer whose bytes are all in the file of that name, and nothing else is. A file that is
// there is emptied, so it must not be another buffer's. The buffer and its readers share one descriptor, which is open while
// the buffer or a reader is.
//
// Readers of the buffer see every byte at once. Bytes are put into the file 256 KiB at a time, or, if there are fewer, within a
// millisecond, and by Close. Nothing is synced to stable storage. The newest MiB lies in memory too until the stream ends, in
// pieces of 256 KiB. Where the system can (Linux), room is taken on the device ahead of the bytes, as much again as there are and 8 MiB at
// most; Close gives back what is left.
//
// If putting bytes into the file fails, in part or whole (a full disk), the buffer ends with that error: the Write that is under
// way returns it with the number of its bytes that are in the stream, or the next one does; later writes and Close return it
// too, and readers get it behind all bytes that were written: those that are not in the file are kept in memory.
//
// The file does not say how the stream ended. Whoever leaves it for a later [OpenBuffer] should make sure that it was closed
// without an error: rename it then, and [Buffer.Remove] it otherwise. Readers that are open read on (Windows refuses to rename
// while there are any); new ones of this buffer, and Remove, look for the old name: use OpenBuffer with the new one.
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

// OpenBuffer returns a buffer that has ended, and holds what the file of that name holds now. Nobody may change the file. Close
// lets go of it, as far as no reader is open; one that comes later opens it again.
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
		return nil, fmt.Errorf("replay: open buffer: %w", errors.Join(err, f.Close()))
	}
	b := newBuffer(fsys, BufferOptions{})
	b.split = 0
	b.store.name = name
	b.store.file.Store(&openFile{f})
	b.tail.Init(size, false)
	b.recent.written.Store(size)
	b.ended.Store(&ending{err: io.EOF})
	return b, nil
}

// readFile reads bytes from off on, at least one, into p: there are some below end, and off was retained a moment ago. If it
// is not any more, it returns none, and first tells.
func (b *Buffer) readFile(p []byte, off, end int64) (n int, err error) {
	at := off - b.split
	if n := b.recent.copyAt(p, at, end-b.split); n > 0 {
		return n, nil
	}
	f := b.store.file.Load()
	if f == nil {
		return 0, os.ErrClosed
	}
	place, room := b.store.place(at)
	n, err = f.ReadAt(p[:max(0, min(int64(len(p)), room, b.recent.written.Load()-at))], place)
	switch {
	case b.first.Load() > off:
		return 0, nil // overwritten, perhaps, while we read
	case n > 0:
		return n, nil
	case err == io.EOF:
		return 0, fmt.Errorf("replay: %s was changed: it ends before byte %d: %w", f.Name(), place, io.ErrUnexpectedEOF)
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
	b.lock() // a Write may still be under way after an Abort
	ended := b.ended.Load() != nil
	b.unlock()
	if !ended {
		return errors.New("replay: Remove: the buffer is still written: Close or Abort it first")
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
		b.lock()
		b.freeLocked()
		b.unlock()
	}
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

var errRemoved = fmt.Errorf("replay: the buffer was removed: %w", fs.ErrNotExist)
