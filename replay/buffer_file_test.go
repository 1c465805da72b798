package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/replay"
)

// Every operation on the file fails in turn, once or for ever, or writes a part: the writer gets the error, now or at Close, what
// was taken is read back to the last byte, by early and late readers, and then the same error.
func TestFailingFile(t *testing.T) {
	for _, how := range []struct {
		name string
		fail func(n int64) func(fsx.Call) error
	}{
		{"once", func(n int64) func(fsx.Call) error { return fsx.Nth(n, syscall.EIO, fsx.OpWrite|fsx.OpCreateTemp) }},
		{"short", func(n int64) func(fsx.Call) error {
			return fsx.Nth(n, &fsx.ShortWrite{N: 5, Err: syscall.ENOSPC}, fsx.OpWrite)
		}},
		{"ever", func(n int64) func(fsx.Call) error { return fsx.From(n, syscall.EIO, fsx.OpWrite|fsx.OpCreateTemp) }},
	} {
		for _, spill := range []int64{0, 100} {
			for _, small := range []bool{true, false} {
				for n := range int64(6) {
					t.Run(fmt.Sprintf("%s/spill=%d/small=%t/n=%d", how.name, spill, small, n), func(t *testing.T) {
						disk := fsx.NewMem(fsx.MemOptions{})
						failing(t, disk, spill, small, how.fail(n))
						if disk.Open() != 0 || disk.Used() != 0 {
							t.Errorf("%d files are open, %d bytes are used after Remove", disk.Open(), disk.Used())
						}
					})
				}
			}
		}
	}
}

func failing(t *testing.T, disk *fsx.Mem, spill int64, small bool, fail func(fsx.Call) error) {
	b := replay.NewBufferOn(disk, replay.BufferOptions{SpillBytes: spill, Dir: "/"})
	if spill == 0 {
		var err error
		if b, err = replay.CreateBufferOn(disk, "/b"); err != nil {
			t.Fatal(err)
		}
	}
	if small {
		replay.SmallBlocks(b)
	}
	disk.Inject(fail)
	early := b.NewReader()
	data := content(400_000)
	taken, writeErr := writeUntilError(b, data)
	closeErr := b.Close()
	if closeErr == nil {
		if !small {
			t.Skip("fewer operations than that")
		}
		t.Fatalf("Close() = nil after Write() = %v", writeErr)
	}
	if writeErr != nil && writeErr != closeErr {
		t.Errorf("Write() = _, %v, but Close() = %v", writeErr, closeErr)
	}
	if !errors.Is(closeErr, syscall.EIO) && !errors.Is(closeErr, syscall.ENOSPC) {
		t.Errorf("Close() = %v, want what the file system said", closeErr)
	}
	if n, err := b.Write([]byte("more")); n != 0 || err != closeErr {
		t.Errorf("Write() after it = %v, %v, want 0, %v", n, err, closeErr)
	}
	disk.Inject(nil)
	if b.Len() != int64(taken) {
		t.Errorf("Len() = %v, want the %v that Write took", b.Len(), taken)
	}
	wantAll(t, early, data[:taken], closeErr)
	early.Close() // the last one: the file is closed
	late := b.NewReader()
	wantAll(t, late, data[:taken], closeErr)
	late.Close()
	if err := b.Remove(); err != nil {
		t.Errorf("Remove() = %v, want nil", err)
	}
}

// writeUntilError writes data in pieces, and returns how many bytes were taken.
func writeUntilError(b *replay.Buffer, data []byte) (taken int, err error) {
	for i := 0; taken < len(data) && err == nil; i++ {
		var n int
		n, err = b.Write(data[taken:min(len(data), taken+1+i*i%3000)])
		taken += n
	}
	return taken, err
}

// A disk that is full: the same, with a file system that says so by itself.
func TestDiskFull(t *testing.T) {
	disk := fsx.NewMem(fsx.MemOptions{Room: 1000})
	b, err := replay.CreateBufferOn(disk, "/b")
	if err != nil {
		t.Fatal(err)
	}
	replay.SmallBlocks(b)
	data := content(5000)
	taken, err := writeUntilError(b, data)
	if !errors.Is(err, syscall.ENOSPC) || taken < 1000 || taken > 1000+64 {
		t.Errorf("%d bytes were taken, then %v, want 1000 to 1064 and ENOSPC", taken, err)
	}
	r := b.NewReader()
	defer r.Close()
	wantAll(t, r, data[:taken], err)
}

// Errors in reading are those of one read: the next one may succeed.
func TestFailingRead(t *testing.T) {
	disk := fsx.NewMem(fsx.MemOptions{})
	b, err := replay.CreateBufferOn(disk, "/b")
	if err != nil {
		t.Fatal(err)
	}
	write(t, b, []byte("abc"))
	b.Close()
	r := b.NewReader()
	defer r.Close()
	disk.Inject(fsx.Nth(0, syscall.EIO, fsx.OpRead))
	if n, err := r.Read(make([]byte, 3)); n != 0 || !errors.Is(err, syscall.EIO) {
		t.Errorf("Read() = %v, %v, want 0, EIO", n, err)
	}
	wantAll(t, r, []byte("abc"), nil)
}

// Bytes reach the file within a time, without a further write or Close, and a failure then ends the stream.
func TestFlushesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := fsx.NewMem(fsx.MemOptions{})
		b, err := replay.CreateBufferOn(disk, "/b")
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range []string{"abc", "def"} {
			write(t, b, []byte(p))
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if got, err := fsx.ReadFile(disk, "/b"); string(got) != "abcdef"[:3*i+3] || err != nil {
				t.Errorf("the file holds %q, %v a millisecond later", got, err)
			}
		}
		disk.Inject(fsx.From(0, syscall.ENOSPC, fsx.OpWrite))
		r := b.NewReader()
		defer r.Close()
		wantResult(t, read(t.Context(), r, 6), "abcdef", nil)
		write(t, b, []byte("ghi"))
		wantResult(t, read(t.Context(), r, 6), "ghi", nil)
		waiting := read(t.Context(), r, 6)
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := <-waiting; !errors.Is(got.err, syscall.ENOSPC) {
			t.Errorf("the read that waits returns %v, want ENOSPC", got.err)
		}
		if _, err := b.WriteString("x"); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the next Write() = _, %v, want ENOSPC", err)
		}
	})
}

func TestOpenBuffer(t *testing.T) {
	disk := fsx.NewMem(fsx.MemOptions{Windows: true})
	data := content(100_000)
	if err := fsx.WriteFile(disk, "/b", data); err != nil {
		t.Fatal(err)
	}
	b, err := replay.OpenBufferOn(disk, "/b")
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() != int64(len(data)) {
		t.Errorf("Len() = %v, want %v", b.Len(), len(data))
	}
	if _, err := b.Write([]byte("x")); err != sluice.ErrClosed {
		t.Errorf("Write() = _, %v, want ErrClosed", err)
	}
	r := b.NewReader()
	wantAll(t, r, data, nil)
	r.Close()
	if b.Close(); disk.Open() != 0 {
		t.Errorf("%d files are open after Close, want 0", disk.Open())
	}
	r = b.NewReader() // opens it again
	wantAll(t, r, data, nil)
	r.Close()
	if err := fsx.WriteFile(disk, "/b", data[:5]); err != nil {
		t.Fatal(err)
	}
	r = b.NewReader()
	if _, err := r.Read(make([]byte, 1)); !says(err, "/b was changed: it has 5 bytes, 100000 were written") {
		t.Errorf("Read() of a file that was changed = _, %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	if err := disk.Remove("/b"); err != nil {
		t.Fatal(err)
	}
	r = b.NewReader()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read() of a file that is gone = _, %v, want ErrNotExist", err)
	}
	r.Close()
	if disk.Open() != 0 {
		t.Errorf("%d files are open, want 0", disk.Open())
	}
}

func TestBadNames(t *testing.T) {
	dir := t.TempDir()
	for name, open := range map[string]func(string) (*replay.Buffer, error){
		"open": replay.OpenBuffer, "create": replay.CreateBuffer,
	} {
		if b, err := open(filepath.Join(dir, "none", "b")); b != nil || !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "replay: "+name) {
			t.Errorf("%s without a directory = %v, %v", name, b, err)
		}
		if b, err := open(dir); b != nil || err == nil {
			t.Errorf("%s of a directory = %v, %v, want an error", name, b, err)
		}
	}
}

// Remove waits for readers, not its caller for them.
func TestRemove(t *testing.T) {
	for _, windows := range []bool{false, true} {
		disk := fsx.NewMem(fsx.MemOptions{Windows: windows})
		b, err := replay.CreateBufferOn(disk, "/b")
		if err != nil {
			t.Fatal(err)
		}
		data := content(3000)
		write(t, b, data)
		if err := b.Remove(); !says(err, "still written") {
			t.Errorf("Remove() before Close = %v, want an error", err)
		}
		r, second := b.NewReader(), b.NewReader()
		b.Close()
		if err := b.Remove(); err != nil {
			t.Errorf("Remove() = %v, want nil", err)
		}
		late := b.NewReader()
		if _, err := late.Read(make([]byte, 1)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Read() of a late reader = _, %v, want ErrNotExist", err)
		}
		late.Close()
		wantAll(t, r, data, nil)
		r.Close()
		wantAll(t, second, data, nil)
		disk.Inject(fsx.Nth(0, syscall.EACCES, fsx.OpRemove))
		if err := second.Close(); !errors.Is(err, syscall.EACCES) {
			t.Errorf("Close() of the last reader = %v, want EACCES", err)
		}
		if err := second.Close(); err != nil {
			t.Errorf("a second Close() = %v, want nil", err)
		}
		for range 2 {
			if err := b.Remove(); err != nil {
				t.Errorf("Remove() again = %v, want nil", err)
			}
		}
		if _, err := disk.Stat("/b"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat() = _, %v after Remove", err)
		}
		if disk.Open() != 0 {
			t.Errorf("%d files are open, want 0", disk.Open())
		}
	}
}

// A buffer that spills has no file until it has to, one descriptor however many read, and none when nobody does.
func TestDescriptors(t *testing.T) {
	disk := fsx.NewMem(fsx.MemOptions{})
	b := replay.NewBufferOn(disk, replay.BufferOptions{SpillBytes: 10, Dir: "/"})
	want := func(files int) {
		t.Helper()
		if disk.Open() != files {
			t.Errorf("%d files are open, want %d", disk.Open(), files)
		}
	}
	write(t, b, content(10))
	want(0)
	data := content(600_000)
	write(t, b, data[10:])
	var rs []*replay.BufferReader
	for range 5 {
		rs = append(rs, b.NewReader())
	}
	want(1)
	b.Close()
	want(1)
	for _, r := range rs {
		wantAll(t, r, data, nil)
		r.Close()
	}
	want(0)
	r := b.NewReader()
	want(1)
	wantAll(t, r, data, nil)
	r.Close()
	want(0)
	disk.SetMaxOpen(1)
	other, err := disk.OpenFile("/other", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	r = b.NewReader()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("Read() with too many files open = _, %v, want EMFILE", err)
	}
	r.Close()
	other.Close()
	r = b.NewReader() // it was not damage
	wantAll(t, r, data, nil)
	r.Close()
}

// What is written after an Abort, which waits for nobody, creates no file that stays.
func TestAbortBeforeTheFile(t *testing.T) {
	disk := fsx.NewMem(fsx.MemOptions{})
	b := replay.NewBufferOn(disk, replay.BufferOptions{SpillBytes: 10, Dir: "/"})
	gone := errors.New("gone")
	n, err := b.ReadFrom(io.MultiReader(bytes.NewReader(content(5)), readerFunc(func(p []byte) (int, error) {
		b.Abort(gone)
		return len(p), nil
	})))
	if n != 5 || err != gone {
		t.Errorf("ReadFrom() = %v, %v, want 5, %v", n, err, gone)
	}
	if names, err := disk.ReadDir("/"); len(names) != 0 || err != nil || disk.Open() != 0 {
		t.Errorf("the directory holds %v, %v, and %d files are open, want none", names, err, disk.Open())
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// However long a reader is in a block, it is not written to; once it has left, it is used again.
func TestPinnedBlockStays(t *testing.T) {
	b, err := replay.CreateBufferOn(fsx.NewMem(fsx.MemOptions{}), "/b")
	if err != nil {
		t.Fatal(err)
	}
	replay.SmallBlocks(b)
	data := content(10_000)
	write(t, b, data[:64])
	pinned, unpin := replay.PinBlock(b, 0)
	write(t, b, data[64:5000])
	if !bytes.Equal(pinned, data[:64]) {
		t.Error("a block was written to while a reader was in it")
	}
	unpin()
	newest, leave := replay.PinBlock(b, 4999)
	leave()
	write(t, b, data[5000:])
	if bytes.Equal(newest[:8], data[4992:5000]) {
		t.Error("a block that nobody is in was not used again")
	}
	b.Close()
	r := b.NewReader()
	defer r.Close()
	wantAll(t, r, data, nil)
}

// Room is taken ahead, as much again as there is, and given back by Close: also where the file is written round and round, with
// readers open, and if taking room, or giving it back, fails.
func TestRoomAhead(t *testing.T) {
	const size = 5000
	for name, c := range map[string]struct {
		options replay.BufferOptions
		fail    func(fsx.Call) error
		most    int64 // of what is taken while writing
		ahead   bool  // more than there is
		left    int64 // behind Close; -1: anything
	}{
		"all":        {options: replay.BufferOptions{SpillBytes: 1}, most: 2 * size, ahead: true, left: size - 1},
		"round":      {options: replay.BufferOptions{SpillBytes: 1, MaxBytes: 1000}, most: 1000 + 64, ahead: true, left: 1000 + 64},
		"unknown":    {options: replay.BufferOptions{SpillBytes: 1}, fail: fsx.From(0, errors.ErrUnsupported, fsx.OpPreallocate), most: size, left: size - 1},
		"full later": {options: replay.BufferOptions{SpillBytes: 1}, fail: fsx.From(1, syscall.ENOSPC, fsx.OpPreallocate), most: size, ahead: true, left: size - 1},
		"kept":       {options: replay.BufferOptions{SpillBytes: 1}, fail: fsx.From(0, syscall.EIO, fsx.OpTruncate), most: 2 * size, ahead: true, left: -1},
	} {
		t.Run(name, func(t *testing.T) {
			disk := fsx.NewMem(fsx.MemOptions{})
			disk.Inject(c.fail)
			c.options.Dir = "/"
			b := replay.SmallBlocks(replay.NewBufferOn(disk, c.options))
			r := b.NewReader()
			defer r.Close()
			data := content(size)
			most, ahead := int64(0), false
			for at := range data {
				write(t, b, data[at:at+1])
				most = max(most, disk.Used())
				ahead = ahead || disk.Used() > int64(at)
			}
			if most > c.most || ahead != c.ahead {
				t.Errorf("up to %d bytes were taken, some ahead of the stream: %t; want at most %d, %t", most, ahead, c.most, c.ahead)
			}
			if err := b.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
			if used := disk.Used(); used != c.left && c.left >= 0 {
				t.Errorf("%d bytes are taken behind Close, want %d", used, c.left)
			}
			if c.options.MaxBytes == 0 {
				wantAll(t, r, data, nil)
			}
		})
	}
}
