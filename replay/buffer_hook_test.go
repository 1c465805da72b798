package replay_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/replay"
)

// hookFS is a file system whose files do something else in the middle of an operation.
type hookFS struct {
	fsx.FS
	read  func()                                  // before the next ReadAt, once; nil: nothing
	write func(f fsx.File, p []byte) (int, error) // in place of WriteAt; nil: WriteAt
}

type hookFile struct {
	fsx.File
	fs *hookFS
}

func (h *hookFS) CreateTemp(dir, pattern string) (fsx.File, error) {
	f, err := h.FS.CreateTemp(dir, pattern)
	return hookFile{f, h}, err
}

func (h *hookFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := h.FS.OpenFile(name, flag, perm)
	return hookFile{f, h}, err
}

func (f hookFile) ReadAt(p []byte, off int64) (int, error) {
	if do := f.fs.read; do != nil {
		f.fs.read = nil
		do()
	}
	return f.File.ReadAt(p, off)
}

func (f hookFile) WriteAt(p []byte, off int64) (int, error) {
	if f.fs.write != nil {
		return f.fs.write(f.File, p)
	}
	return f.File.WriteAt(p, off)
}

// What is overwritten in the file, between a reader's look at what is kept and its read, is a gap to it and never bytes of a
// later place.
func TestOverwrittenWhileItIsRead(t *testing.T) {
	data := content(5000)
	for name, read := range map[string]func(r *replay.BufferReader) (int64, error){
		"Read": func(r *replay.BufferReader) (int64, error) {
			n, err := r.Read(make([]byte, 100))
			return int64(n), err
		},
		"ReadAt": func(r *replay.BufferReader) (int64, error) {
			n, err := r.ReadAt(make([]byte, 100), 2000)
			return int64(n), err
		},
		"WriteTo": func(r *replay.BufferReader) (int64, error) { return r.WriteTo(io.Discard) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := &hookFS{FS: fsx.NewMem(fsx.MemOptions{})}
			b := replay.SmallBlocks(replay.NewBufferOn(disk, replay.BufferOptions{SpillBytes: 10, MaxBytes: 1000, Dir: "/"}))
			defer b.Close()
			write(t, b, data[:3000])
			r := b.NewReader()
			defer r.Close()
			r.Seek(2000, io.SeekStart) // the oldest
			disk.read = func() { write(t, b, data[3000:]) }
			n, err := read(r)
			lag, ok := err.(*sluice.LagError)
			if n != 0 || !ok || *lag != (sluice.LagError{From: 2000, To: 4000}) {
				t.Errorf("%s of bytes that are being overwritten = %d, %v, want 0 and a gap from 2000 to 4000", name, n, err)
			}
			if disk.read != nil {
				t.Error("the file was not read: nothing was tested")
			}
			p := make([]byte, 1000)
			if n, err := r.ReadAt(p, 4000); n != 1000 || err != nil || !bytes.Equal(p, data[4000:]) {
				t.Errorf("ReadAt(1000 bytes, 4000) = %d, %v, want the last 1000 bytes", n, err)
			}
		})
	}
}

// A reader, the last one, that is closed in the middle of a read of the file gets no error but that of its Close, though the
// file is closed, and, of a buffer that was removed, everything is gone.
func TestClosedWhileItReads(t *testing.T) {
	for _, remove := range []bool{false, true} {
		disk := &hookFS{FS: fsx.NewMem(fsx.MemOptions{})}
		b, err := replay.CreateBufferOn(disk, "/b")
		if err != nil {
			t.Fatal(err)
		}
		write(t, b, content(100))
		b.Close()
		r := b.NewReader()
		if remove {
			if err := b.Remove(); err != nil {
				t.Errorf("Remove() = %v, want nil", err)
			}
		}
		disk.read = func() {
			if err := r.Close(); err != nil {
				t.Errorf("Close() = %v, want nil", err)
			}
		}
		if n, err := r.Read(make([]byte, 10)); n != 0 || err != sluice.ErrClosed {
			t.Errorf("Read() = %v, %v, want 0, ErrClosed (removed: %t)", n, err, remove)
		}
	}
}

// A file system that writes less and says nothing is an error, and no byte that was taken is lost.
func TestSilentShortWrite(t *testing.T) {
	disk := &hookFS{FS: fsx.NewMem(fsx.MemOptions{})}
	b, err := replay.CreateBufferOn(disk, "/b")
	if err != nil {
		t.Fatal(err)
	}
	replay.SmallBlocks(b)
	disk.write = func(f fsx.File, p []byte) (int, error) { return f.WriteAt(p[:len(p)/2], 0) }
	data := content(1000)
	n, err := b.Write(data)
	if n != 64 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Write(1000 bytes) = %v, %v, want the 64 of the first block and ErrShortWrite", n, err)
	}
	r := b.NewReader()
	defer r.Close()
	wantAll(t, r, data[:n], err)
}

// Abort lets go of the descriptor, at whatever moment it comes, though nobody removes the buffer: at once, or when the last
// reader leaves.
func TestAbortClosesTheFile(t *testing.T) {
	piece := content(50)
	for i := range 300 {
		disk := fsx.NewMem(fsx.MemOptions{})
		b := replay.SmallBlocks(replay.NewBufferOn(disk, replay.BufferOptions{SpillBytes: 10, Dir: "/"}))
		var r *replay.BufferReader
		if i%2 == 0 {
			r = b.NewReader()
		}
		started, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			close(started)
			for range 1000 { // until Abort, as a rule
				if _, err := b.Write(piece); err != nil {
					return
				}
			}
		}()
		<-started
		for range i % 100 {
			b.Len()
		}
		b.Abort(nil)
		<-done
		if r != nil {
			r.Close()
		}
		if disk.Open() != 0 {
			t.Fatalf("round %d: %d files are open after Abort, want 0", i, disk.Open())
		}
	}
}
