package spool_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

// quitter is a sink that ends the goroutine that calls it, as FailNow of a test does.
type quitter struct{}

func (quitter) Write([]byte) (int, error) {
	runtime.Goexit()
	return 0, nil
}

func TestSinkThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := spool.NewWriter(quitter{}, spool.Options{BufferBytes: 10, Buffers: 2})
		large := make(chan error)
		go func() { _, err := w.WriteString(line(50, "large")); large <- err }()
		err := <-large
		var lost *spool.UndeliveredError
		if !errors.As(err, &lost) {
			t.Errorf("WriteString() = %v, want an UndeliveredError", err)
		}
		if n, err := w.WriteString("x"); n != 0 || err != sluice.ErrClosed {
			t.Errorf("WriteString() = %d, %v, want 0, ErrClosed", n, err)
		}
		if err := w.Close(); !errors.As(err, &lost) || lost.Count != count(1, 50) {
			t.Errorf("Close() = %v, want an UndeliveredError of 50 bytes", err)
		}
		if got := w.Stats(); got.Accepted != count(1, 50) || got.Dropped != got.Accepted || got.Buffered != count(0, 0) {
			t.Errorf("Stats() = %+v, want a line accepted and dropped", got)
		}
	})
}

// A goroutine that waits before the next attempt has ended when Close returns.
func TestCloseThatGivesUpWaitsForTheGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{})
		s.set(func(s *sink) { s.fail = errSink })
		puts(t, w, line(5, "a"))
		go w.Flush(t.Context())
		synctest.Wait()
		if err := w.CloseContext(ended); err == nil {
			t.Error("CloseContext() = nil, want an UndeliveredError")
		}
		if got := w.Stats(); got.Dropped != count(1, 5) || got.Buffered != count(0, 0) {
			t.Errorf("Stats() = %+v, want the line dropped", got)
		}
	})
}

// unsyncable is a pipe or a file whose Sync fails, as it does with a terminal on macOS.
type unsyncable struct{ *os.File }

func (unsyncable) Sync() error { return syscall.EIO }

func TestSyncOfWhatKeepsNothing(t *testing.T) {
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tt := range []struct {
		f    *os.File
		want error
	}{{pipe, nil}, {file, syscall.EIO}} {
		w := spool.NewWriter(unsyncable{tt.f}, spool.Options{})
		puts(t, w, line(5, "a"))
		if err := w.Sync(); err != tt.want {
			t.Errorf("Sync() = %v, want %v", err, tt.want)
		}
		closed(t, w)
	}
}

// What fails after a compressed file got its name is done again, though nothing else happens.
func TestAgedFileIsFinishedThoughADirectoryCannotBeSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		var told []string
		d := opened(t, m, spool.DirOptions{
			Workers: 1, MaxFileAge: time.Minute, Compress: spool.Gzip(gzip.BestSpeed),
			OnFile: func(path string, _ spool.FileInfo) { told = append(told, path) },
		})
		defer d.Close()
		failures := 3
		m.Inject(func(c fsx.Call) error {
			if c.Op != fsx.OpSyncDir || failures == 0 {
				return nil
			}
			failures--
			return syscall.EIO
		})
		puts(t, d, "a")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		names, _, others := files(t, m, "/out", spool.Lines)
		if len(others) != 1 || !strings.HasSuffix(others[0], ".lock") {
			t.Errorf("the directory has %v, want the lock alone", others)
		}
		if len(told) != 1 || len(names) != 1 || told[0] != filepath.Join("/out", names[0]) {
			t.Errorf("OnFile got %v, want the only file of %v", told, names)
		}
		if s := d.Stats(); failures != 0 || s.Files != 1 || s.Retries != 3 {
			t.Errorf("Stats() = %+v, want one file after 3 failures", s)
		}
	})
}

// altered is a disk that has changed the file when it is compressed: nobody has synced it, so nothing told.
type altered struct{ *fsx.Mem }

func (a altered) OpenFile(name string, flag int, perm os.FileMode) (fsx.File, error) {
	if raw, ok := strings.CutSuffix(name, ".gz.part"); ok {
		f, err := a.Mem.OpenFile(raw+".tmp", os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		f.WriteAt([]byte("?"), 0)
		f.Close()
	}
	return a.Mem.OpenFile(name, flag, perm)
}

func TestCompressedMessagesThatTheSystemForgets(t *testing.T) {
	for _, windows := range []bool{false, true} {
		a := altered{fsx.NewMem(fsx.MemOptions{Windows: windows})}
		d := openedOn(t, a, windows, spool.DirOptions{Workers: 1, Compress: spool.Gzip(gzip.BestSpeed)})
		puts(t, d, "lost 1", "lost 2")
		if err := d.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "2 messages are set aside, in p-") {
			t.Errorf("Flush() = %v, want that 2 messages are set aside", err)
		}
		closed(t, d)
		names, _, others := files(t, a, "/out", spool.Lines)
		if len(names) != 0 || len(others) != 1 || !strings.HasSuffix(others[0], ".log.unsynced") {
			t.Errorf("the directory has %v and %v, want the file that was set aside", names, others)
		}
		if s := d.Stats(); s.Damaged.Lines != 2 || s.Files != 0 {
			t.Errorf("Stats() = %+v, want 2 messages damaged", s)
		}
	}
}

// While the file before it can't be finished, a message of WriteFrom is refused in time, as any other.
func TestWriteFromIsRefusedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 1, BufferBytes: 10, Timeout: 3 * time.Second})
		puts(t, d, "a")
		time.Sleep(5 * time.Second) // it is in a file
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpRename))
		start := time.Now()
		_, err := d.WriteFrom(strings.NewReader(strings.Repeat("x", 100)))
		if took := time.Since(start); !errors.Is(err, spool.ErrFull) || !errors.Is(err, syscall.EIO) || took > 4*time.Second {
			t.Errorf("WriteFrom() = %v after %v, want ErrFull with EIO after 3s and at most RetryMost", err, took)
		}
		if s := d.Stats(); s.Refused != count(1, 101) || s.Accepted != count(1, 2) {
			t.Errorf("Stats() = %+v, want one accepted, one refused", s)
		}
		m.Inject(nil)
		closed(t, d)
		wantMessages(t, m, "/out", spool.Lines, []string{"a"})
		if _, _, others := files(t, m, "/out", spool.Lines); len(others) != 0 {
			t.Errorf("%v is left over", others)
		}
	})
}

// Once a worker has its file, a message of WriteFrom is not refused any more: it will be there.
func TestWriteFromWhoseFileIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{BufferBytes: 10, Timeout: 3 * time.Second})
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpRename))
		time.AfterFunc(10*time.Second, func() { m.Inject(nil) })
		msg := strings.Repeat("x", 100)
		if n, err := d.WriteFrom(strings.NewReader(msg)); n != 100 || err != nil {
			t.Errorf("WriteFrom() = %d, %v, want 100, nil", n, err)
		}
		wantMessages(t, m, "/out", spool.Lines, []string{msg})
		closed(t, d)
	})
}

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("a bug") }

func TestReaderThatPanicsLeavesNothing(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	d := opened(t, m, spool.DirOptions{BufferBytes: 10})
	func() {
		defer func() {
			if p := recover(); p != "a bug" {
				t.Errorf("WriteFrom panics with %v, want the reader's panic", p)
			}
		}()
		d.WriteFrom(io.MultiReader(strings.NewReader(strings.Repeat("x", 100)), panicReader{}))
	}()
	if _, _, others := files(t, m, "/out", spool.Lines); slices.ContainsFunc(others, func(n string) bool { return strings.HasSuffix(n, ".stream") }) {
		t.Errorf("%v is left over", others)
	}
	closed(t, d)
	if n := m.Open(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

// Flushes that end with their contexts leave nothing behind that grows.
func TestFlushesDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 2})
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite))
		puts(t, d, "a")
		for range 100 {
			if err := d.Flush(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("Flush() = %v, want the context's cause", err)
			}
		}
		synctest.Wait()
		if n := d.Queued(); n > 2 {
			t.Errorf("%d entries are queued after 100 Flushes", n)
		}
		m.Inject(nil)
		closed(t, d)
		wantMessages(t, m, "/out", spool.Lines, []string{"a"})
	})
}

// manyErrors is an error that == panics with.
type manyErrors []error

func (manyErrors) Error() string { return "many" }

func TestContextEndsWithAnErrorThatCannotBeCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		s, err := spool.OpenSinkOn(spool.Disk(m, false), "/out", pairs{},
			spool.DirOptions{Prefix: "p-", Workers: 1, BufferBytes: 3, MaxFileBytes: 3, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite))
		go s.Append(t.Context(), [2]int{70, 1}) // more than a buffer: the worker has it, and the disk fails
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(manyErrors{errSink}) })
		if _, err := s.Append(ctx, [2]int{70, 2}); !errors.As(err, new(manyErrors)) {
			t.Errorf("Append() = %v, want the context's cause", err)
		}
		m.Inject(nil)
		closed(t, s)
		wantMessages(t, m, "/out", spool.Lines, []string{"70F1"})
	})
}

// A large message races a Close that gives up at once: what Write said was accepted is there.
func TestLargeMessageRacesCloseThatGivesUp(t *testing.T) {
	accepted := 0
	for range 300 {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 1, BufferBytes: 3, CloseWithin: -1})
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { _, err = d.Write([]byte("large")) })
		for range rand.IntN(20) {
			runtime.Gosched()
		}
		d.CloseContext(ended)
		wg.Wait()
		d.CloseContext(context.Background()) // returns when the worker has ended; says the same
		closed(t, opened(t, m, spool.DirOptions{}))
		got := all(t, m, "/out", spool.Lines)
		if s := d.Stats(); err == nil && (!slices.Equal(got, []string{"large"}) || s.Written != count(1, 6)) || s.Buffered != count(0, 0) {
			t.Fatalf("Write() = %v, the files hold %q, Stats() = %+v", err, got, s)
		}
		if err == nil {
			accepted++
		}
	}
	t.Logf("%d of 300 were accepted", accepted)
}
