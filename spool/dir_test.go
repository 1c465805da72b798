package spool_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

func numbered(n int) (msgs []string) {
	for i := range n {
		msgs = append(msgs, fmt.Sprint("m", i))
	}
	return msgs
}

func TestDirOnTheRealFileSystem(t *testing.T) {
	dir := t.TempDir()
	type told struct {
		path string
		info spool.FileInfo
	}
	var tell []told
	d, err := spool.Open(filepath.Join(dir, "out"), spool.DirOptions{
		Prefix: "p-", Workers: 1, Perm: 0o600, TempDir: filepath.Join(dir, "tmp"),
		OnFile: func(path string, info spool.FileInfo) { tell = append(tell, told{path, info}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	puts(t, d, "m0", "m1\n", "m2")
	if err := d.Flush(t.Context()); err != nil {
		t.Errorf("Flush() = %v, want nil", err)
	}
	names, messages, _ := files(t, fsx.OS{}, filepath.Join(dir, "out"), spool.Lines)
	if len(names) != 1 || !slices.Equal(messages[names[0]], numbered(3)) {
		t.Errorf("after Flush: %v, want one file with 3 messages", messages)
	}
	puts(t, d, "m3")
	closed(t, d)
	names, messages, others := files(t, fsx.OS{}, filepath.Join(dir, "out"), spool.Lines)
	if len(names) != 2 || !slices.Equal(messages[names[1]], []string{"m3"}) || len(others) != 0 {
		t.Errorf("after Close: %v and %v, want two files", messages, others)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 0 {
		t.Errorf("%v is left in the temporary directory", left)
	}
	if len(tell) != 2 || tell[0].path != filepath.Join(dir, "out", names[0]) || tell[0].info.Messages != 3 || tell[0].info.Bytes != 9 ||
		tell[0].info.Recovered || time.Since(tell[0].info.Begun) > time.Hour {
		t.Errorf("OnFile got %+v", tell)
	}
	if info, _ := os.Stat(tell[0].path); info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file's mode is %v, want 0600", info.Mode())
	}
	if n, err := d.Write([]byte("x")); n != 0 || err != sluice.ErrClosed {
		t.Errorf("Write() = %d, %v, want 0, ErrClosed", n, err)
	}
	if _, err := d.WriteFrom(strings.NewReader("x")); err != sluice.ErrClosed {
		t.Errorf("WriteFrom() = %v, want ErrClosed", err)
	}
	if err := d.Flush(t.Context()); err != sluice.ErrClosed {
		t.Errorf("Flush() = %v, want ErrClosed", err)
	}
	closed(t, d)
}

func TestFilesAreFinishedBySize(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	d := opened(t, m, spool.DirOptions{Workers: 1, BufferBytes: 10, MaxFileBytes: 25})
	puts(t, d, numbered(10)...)
	closed(t, d)
	names, messages, _ := files(t, m, "/out", spool.Lines)
	var got []string
	for _, name := range names {
		if n := len(messages[name]); n*3 > 25 {
			t.Errorf("%s has %d messages of 3 bytes, want at most 25 bytes", name, n)
		}
		got = append(got, messages[name]...)
	}
	if !slices.Equal(got, numbered(10)) || len(names) > 2 {
		t.Errorf("%d files hold %v, want the messages in order in 2", len(names), got)
	}
	if s := d.Stats(); s.Files != int64(len(names)) || s.Finished != count(10, 30) || s.Accepted != count(10, 30) || s.Written != s.Accepted {
		t.Errorf("Stats() = %+v", s)
	}
}

func TestFilesAreFinishedByAge(t *testing.T) {
	for _, age := range []time.Duration{time.Minute, 100 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			m := fsx.NewMem(fsx.MemOptions{})
			d := opened(t, m, spool.DirOptions{Workers: 1, MaxFileAge: age})
			defer d.Close()
			for round := range 3 {
				start := time.Now()
				puts(t, d, "a")
				time.Sleep(age / 2)
				puts(t, d, "b")
				for {
					time.Sleep(age / 100)
					synctest.Wait()
					if names, _, _ := files(t, m, "/out", spool.Lines); len(names) == round+1 {
						break
					}
				}
				if took := time.Since(start); took > age || took < age*9/10 {
					t.Errorf("the file was finished %v after its first message, want %v", took, age)
				}
			}
			wantMessages(t, m, "/out", spool.Lines, []string{"a", "a", "a", "b", "b", "b"})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{MaxFileAge: -1})
		puts(t, d, "a")
		time.Sleep(1000 * time.Hour)
		wantMessages(t, m, "/out", spool.Lines, nil)
		closed(t, d)
		wantMessages(t, m, "/out", spool.Lines, []string{"a"})
	})
}

func TestMessageIsRefusedWhenNoWorkerTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 2, BufferBytes: 9, Timeout: 3 * time.Second})
		m.Inject(fsx.From(0, syscall.ENOSPC, fsx.OpWrite))
		msgs := numbered(10)
		for _, msg := range msgs { // 3 bytes each: two workers with two buffers hold 12
			puts(t, d, msg)
		}
		puts(t, d, "10", "11")
		msgs = append(msgs, "10", "11")
		start := time.Now()
		n, err := d.Write([]byte("refused"))
		if took := time.Since(start); n != 0 || !errors.Is(err, spool.ErrFull) || !errors.Is(err, syscall.ENOSPC) || took != 3*time.Second {
			t.Errorf("Write() = %d, %v after %v, want 0, ErrFull with ENOSPC after 3s", n, err, took)
		}
		if _, err := d.Write([]byte(strings.Repeat("large", 100))); !errors.Is(err, spool.ErrFull) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Write() = %v, want ErrFull with ENOSPC", err)
		}
		if s := d.Stats(); s.Refused.Lines != 2 || s.Accepted.Lines != 12 || s.Retries == 0 || !errors.Is(s.LastErr, syscall.ENOSPC) ||
			!errors.Is(d.Err(), syscall.ENOSPC) {
			t.Errorf("Stats() = %+v, Err() = %v", s, d.Err())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Flush() = %v, want a deadline, with ENOSPC", err)
		}
		m.Inject(nil)
		closed(t, d)
		wantMessages(t, m, "/out", spool.Lines, msgs)
	})
}

func TestDirLargeMessages(t *testing.T) {
	for _, framing := range []spool.Framing{spool.Lines, spool.Lengths} {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 1, BufferBytes: 20, MaxFileBytes: 60, Framing: framing})
		var want []string
		for i, n := range []int{5, 20, 21, 100, 19, 5, 1000, 3} {
			msg := strings.Repeat(string(rune('a'+i)), n)
			want = append(want, msg)
			puts(t, d, msg)
		}
		closed(t, d)
		if got := all(t, m, "/out", framing); !slices.Equal(got, want) {
			t.Errorf("the files hold %q, want %q", got, want)
		}
	}
}

func TestWriteFrom(t *testing.T) {
	for _, framing := range []spool.Framing{spool.Lines, spool.Lengths} {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 1, BufferBytes: 20, Framing: framing})
		var want []string
		for i, n := range []int{5, 19, 20, 21, 1000, 3, 70_000} {
			msg := strings.Repeat(string(rune('a'+i)), n)
			if got, err := d.WriteFrom(iotest.OneByteReader(strings.NewReader(msg))); got != int64(n) || err != nil {
				t.Errorf("WriteFrom() = %d, %v, want %d, nil", got, err, n)
			}
			want = append(want, msg)
			broken := []error{errors.New("broken"), io.ErrUnexpectedEOF}[i%2] // the latter: of a request's body
			if _, err := d.WriteFrom(io.MultiReader(strings.NewReader(msg), iotest.ErrReader(broken))); !errors.Is(err, broken) {
				t.Errorf("WriteFrom() = %v, want the reader's error", err)
			}
		}
		closed(t, d)
		if got := all(t, m, "/out", framing); !slices.Equal(got, want) {
			t.Errorf("the files hold %q, want %q", abbreviated(fmt.Sprint(got)), abbreviated(fmt.Sprint(want)))
		}
		if _, _, others := files(t, m, "/out", framing); len(others) != 0 {
			t.Errorf("%v is left over", others)
		}
		if s := d.Stats(); s.Accepted.Lines != int64(len(want)) || s.Finished != s.Accepted || s.Written != s.Accepted {
			t.Errorf("Stats() = %+v, want %d messages", s, len(want))
		}
		if m.Open() != 0 {
			t.Errorf("%d files are open", m.Open())
		}
	}
}

// What a refused message left in the file is no message, though a shorter one is written over its beginning.
func TestRefusedMessageLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 1, BufferBytes: 10, Timeout: time.Second})
		m.Inject(fsx.From(0, &fsx.ShortWrite{N: 90, Err: syscall.ENOSPC}, fsx.OpWrite))
		if _, err := d.Write([]byte(strings.Repeat("refused\n", 20))); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Write() = %v, want ENOSPC", err)
		}
		m.Inject(nil)
		puts(t, d, "a", "b")
		time.Sleep(5 * time.Second) // they are in the file now
		m = m.Kill()
		d.CloseContext(ended)
		closed(t, opened(t, m, spool.DirOptions{}))
		wantMessages(t, m, "/out", spool.Lines, []string{"a", "b"})
	})
}

func TestKeysKeepOrder(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	d := opened(t, m, spool.DirOptions{Workers: 4, BufferBytes: 50, MaxFileBytes: 100})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				if _, err := d.WriteKey(fmt.Sprint("key", g), fmt.Appendf(nil, "%d %d", g, i)); err != nil {
					t.Errorf("WriteKey() = %v, want nil", err)
				}
			}
		})
	}
	wg.Wait()
	closed(t, d)
	var next [8]int
	msgs := all(t, m, "/out", spool.Lines)
	for _, msg := range msgs {
		var g, i int
		fmt.Sscanf(msg, "%d %d", &g, &i)
		if next[g] != i {
			t.Fatalf("message %q, want number %d of key %d", msg, next[g], g)
		}
		next[g]++
	}
	if len(msgs) != 800 {
		t.Errorf("%d messages, want 800", len(msgs))
	}
}

func TestCompression(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	d := opened(t, m, spool.DirOptions{Compress: spool.Gzip(gzip.BestSpeed), BufferBytes: 100, MaxFileBytes: 1000})
	want := numbered(1000)
	puts(t, d, want...)
	closed(t, d)
	wantMessages(t, m, "/out", spool.Lines, want)
	names, _, others := files(t, m, "/out", spool.Lines)
	if len(others) != 0 || !strings.HasSuffix(names[0], ".log.gz") {
		t.Errorf("the directory has %v and %v, want files that end in .log.gz", names, others)
	}
}

func TestOpenChecksOptions(t *testing.T) {
	for want, o := range map[string]spool.DirOptions{
		"spool: DirOptions.Workers must not be negative, got -1":                                                      {Workers: -1},
		"spool: DirOptions.MaxFileBytes must be at least BufferBytes, 100, got 99":                                    {BufferBytes: 100, MaxFileBytes: 99},
		"spool: DirOptions.Framing must be Lines or Lengths, got 7":                                                   {Framing: 7},
		"spool: DirOptions.Perm must be permission bits with at least 0600, got -r--r--r--":                           {Perm: 0o444},
		`spool: DirOptions.Prefix and Ext must be parts of a file name, Ext with a dot in front, got "a/" and ".log"`: {Prefix: "a/"},
		`spool: DirOptions.Ext and that of Compress must not be one that marks unfinished files, got ".tmp"`:          {Ext: ".tmp"},
	} {
		if _, err := spool.OpenOn(spool.Disk(fsx.NewMem(fsx.MemOptions{}), false), "/out", o); err == nil || err.Error() != want {
			t.Errorf("Open() = %v, want %v", err, want)
		}
	}
}

func TestOpenChecksTheDirectories(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	m.Inject(fsx.From(0, syscall.EXDEV, fsx.OpRename))
	_, err := spool.OpenOn(spool.Disk(m, false), "/out", spool.DirOptions{TempDir: "/tmp"})
	if !errors.Is(err, syscall.EXDEV) || !strings.Contains(err.Error(), "TempDir must be a directory on the same file system") {
		t.Errorf("Open() = %v, want EXDEV, explained", err)
	}
	m.Inject(fsx.From(0, fs.ErrPermission, fsx.OpOpen))
	if _, err := spool.OpenOn(spool.Disk(m, false), "/out", spool.DirOptions{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Open() = %v, want a permission error", err)
	}
	m.Inject(nil)
	for _, dir := range []string{"/out", "/tmp"} {
		if entries, _ := m.ReadDir(dir); len(entries) != 0 {
			t.Errorf("%s has %v after Open failed, want nothing", dir, entries)
		}
	}
	if m.Open() != 0 {
		t.Errorf("%d files are open", m.Open())
	}
}

func TestDirWriteAllocatesNothing(t *testing.T) {
	for _, framing := range []spool.Framing{spool.Lines, spool.Lengths} {
		d, err := spool.Open(t.TempDir(), spool.DirOptions{Framing: framing})
		if err != nil {
			t.Fatal(err)
		}
		msg := []byte(strings.Repeat("x", 100))
		if got := testing.AllocsPerRun(1000, func() { d.Write(msg); d.WriteKey("k", msg) }); got != 0 {
			t.Errorf("Write and WriteKey allocate %v times, want 0", got)
		}
		closed(t, d)
	}
}
