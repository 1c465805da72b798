package spool_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

const stem = "p-20200102T030405.000000000-0123456789abcdef.log"

// put makes a file of a process that died.
func put(t *testing.T, m *fsx.Mem, name, data string) {
	t.Helper()
	m.MkdirAll("/out", 0o777)
	if err := fsx.WriteFile(m, filepath.Join("/out", name), []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, m *fsx.Mem, name string) string {
	t.Helper()
	data, err := fsx.ReadFile(m, filepath.Join("/out", name))
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func TestRecovery(t *testing.T) {
	frames := func(msgs ...string) (s string) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 1, Framing: spool.Lengths})
		puts(t, d, msgs...)
		closed(t, d)
		names, _, _ := files(t, m, "/out", spool.Lengths)
		return read(t, m, names[0])
	}
	for _, tt := range []struct {
		name     string
		framing  spool.Framing
		file     string
		want     []string
		torn     string
		setAside int64
	}{
		{"whole", spool.Lines, "a\nb\n", []string{"a", "b"}, "", 0},
		{"torn", spool.Lines, "a\nb\nc", []string{"a", "b"}, "c", 1},
		{"nothing whole", spool.Lines, "abc", nil, "abc", 1},
		{"empty", spool.Lines, "", nil, "", 0},
		{"zeros", spool.Lines, "a\n\x00\x00\x00b\nc\n", []string{"a"}, "\x00\x00\x00b\nc\n", 1},
		{"lengths", spool.Lengths, frames("a", "", "b\n"), []string{"a", "", "b\n"}, "", 0},
		{"lengths, torn", spool.Lengths, frames("a") + frames("bc")[:9], []string{"a"}, frames("bc")[:9], 1},
		{"lengths, head torn", spool.Lengths, frames("a") + "\x00\x00", []string{"a"}, "\x00\x00", 1},
		{"lengths, zeros", spool.Lengths, frames("a") + strings.Repeat("\x00", 100), []string{"a"}, strings.Repeat("\x00", 100), 1},
		{"lengths, damaged", spool.Lengths, frames("a") + "\xff\xff\xff\xff\x00\x00\x00\x00b", []string{"a"}, "\xff\xff\xff\xff\x00\x00\x00\x00b", 1},
		{"lengths, flipped", spool.Lengths, frames("a") + frames("b")[:8] + "c", []string{"a"}, frames("b")[:8] + "c", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := fsx.NewMem(fsx.MemOptions{})
			put(t, m, stem+".tmp", tt.file)
			var told []spool.FileInfo
			d := opened(t, m, spool.DirOptions{Framing: tt.framing, OnFile: func(_ string, info spool.FileInfo) { told = append(told, info) }})
			names, messages, _ := files(t, m, "/out", tt.framing)
			if len(tt.want) == 0 && len(names) != 0 || len(tt.want) > 0 && !slices.Equal(messages[stem], tt.want) {
				t.Errorf("recovered %q, want %q in %s", messages, tt.want, stem)
			}
			if tt.torn != "" {
				if got := read(t, m, stem+".torn"); got != tt.torn {
					t.Errorf("set aside %q, want %q", got, tt.torn)
				}
			}
			if s := d.Stats(); s.Recovered.Lines != int64(len(tt.want)) || s.SetAside != tt.setAside || s.Files != int64(len(names)) {
				t.Errorf("Stats() = %+v, want %d messages recovered, %d files set aside", s, len(tt.want), tt.setAside)
			}
			if len(tt.want) > 0 && (len(told) != 1 || !told[0].Recovered || told[0].Begun.Year() != 2020) {
				t.Errorf("OnFile got %+v", told)
			}
			if _, err := m.Stat("/out/" + stem + ".tmp"); err == nil {
				t.Error("the unfinished file is still there")
			}
			closed(t, d)
		})
	}
}

func TestRecoveryOverwritesNothing(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	put(t, m, stem+".torn", "older")
	put(t, m, stem+".tmp", "a\ntorn")
	other := strings.Replace(stem, "0123", "4567", 1)
	put(t, m, other+".stream", "half a message")
	put(t, m, other+".incomplete", "older")
	foreign := []string{
		"notes.tmp", "p-notes.log.tmp", "q" + stem[1:] + ".tmp", "p-20201302T030405.000000000-0123456789abcdef.log.tmp", "p-x.lock", "0123456789abcdef.lock",
	}
	for _, name := range foreign {
		put(t, m, name, "foreign")
	}
	closed(t, opened(t, m, spool.DirOptions{}))
	for _, name := range foreign {
		if got := read(t, m, name); got != "foreign" {
			t.Errorf("%s has %q, want it left alone", name, got)
		}
	}
	for name, want := range map[string]string{
		stem + ".torn":          "older",
		stem + ".2.torn":        "torn",
		stem:                    "a\n",
		other + ".incomplete":   "older",
		other + ".2.incomplete": "half a message",
	} {
		if got := read(t, m, name); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if _, _, others := files(t, m, "/out", spool.Lines); len(others) != 4+len(foreign) {
		t.Errorf("the directory has %v beside its finished file, want the four that were set aside, and the foreign ones", others)
	}
}

// A process that died between finishing a file and removing what it was made of leaves its messages once.
func TestRecoveryOfWhatIsFinished(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	d := opened(t, m, spool.DirOptions{Workers: 1, Compress: spool.Gzip(gzip.BestSpeed)})
	puts(t, d, "a")
	closed(t, d)
	names, _, _ := files(t, m, "/out", spool.Lines)
	raw := strings.TrimSuffix(names[0], ".gz")
	put(t, m, raw+".tmp", "a\n")
	put(t, m, stem+".tmp", "b\n")
	put(t, m, stem+".gz.part", "half")
	closed(t, opened(t, m, spool.DirOptions{Compress: spool.Gzip(gzip.BestSpeed)}))
	wantMessages(t, m, "/out", spool.Lines, []string{"a", "b"})
	if _, _, others := files(t, m, "/out", spool.Lines); len(others) != 0 {
		t.Errorf("%v is left over", others)
	}
}

func TestDirsShareADirectory(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	first := opened(t, m, spool.DirOptions{})
	msgs := []string{"first 1"}
	puts(t, first, strings.Repeat("x", 1<<20)) // written at once
	msgs = append(msgs, strings.Repeat("x", 1<<20))
	puts(t, first, "first 1")
	second := opened(t, m, spool.DirOptions{}) // leaves the first one's files alone
	if s := second.Stats(); s.Files != 0 || s.SetAside != 0 {
		t.Errorf("Stats() = %+v: the files of a Dir that is open were touched", s)
	}
	puts(t, second, "second")
	puts(t, first, "first 2")
	closed(t, second)
	closed(t, first)
	wantMessages(t, m, "/out", spool.Lines, append(msgs, "second", "first 2"))
	if _, _, others := files(t, m, "/out", spool.Lines); len(others) != 0 {
		t.Errorf("%v is left over", others)
	}
}

// The clock is set back between two runs.
func TestNamesSortBehindThoseThatAreThere(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	future := "p-21990102T030405.000000000-0123456789abcdef.log"
	put(t, m, future, "a\n")
	d := opened(t, m, spool.DirOptions{Workers: 1})
	puts(t, d, "b")
	closed(t, d)
	if got := all(t, m, "/out", spool.Lines); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the files hold, by name, %v, want [a b]", got)
	}
}

// An fsync that fails is not repeated: what it was to keep goes to another file.
func TestSyncThatFailsIsNotRepeated(t *testing.T) {
	for _, windows := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := fsx.NewMem(fsx.MemOptions{Windows: windows})
			d := openedOn(t, m, windows, spool.DirOptions{Workers: 1})
			puts(t, d, numbered(10)...)
			var synced []string
			m.Inject(func(c fsx.Call) error {
				if c.Op != fsx.OpSync {
					return nil
				}
				synced = append(synced, c.Name)
				if len(synced) <= 2 {
					return syscall.EIO
				}
				return nil
			})
			if err := d.Flush(t.Context()); err != nil {
				t.Errorf("Flush() = %v, want nil", err)
			}
			if len(synced) < 3 || synced[0] == synced[1] || synced[1] == synced[2] {
				t.Errorf("synced %v, want another file after each failure", synced)
			}
			if s := d.Stats(); s.Retries != 2 || !errors.Is(s.LastErr, syscall.EIO) {
				t.Errorf("Stats() = %+v, want two failures", s)
			}
			d.CloseContext(ended)
			after := m.PowerCut(4)
			wantMessages(t, after, "/out", spool.Lines, numbered(10))
		})
	}
}

// forgetful is a disk whose file does not give back what was written, once a sync has failed.
type forgetful struct {
	*fsx.Mem
	failed bool
}

type forgetfulFile struct {
	fsx.File
	fs *forgetful
}

func (f *forgetful) OpenFile(name string, flag int, perm os.FileMode) (fsx.File, error) {
	file, err := f.Mem.OpenFile(name, flag, perm)
	if err != nil || !strings.HasSuffix(name, ".tmp") {
		return file, err
	}
	return &forgetfulFile{file, f}, nil
}

func (f *forgetfulFile) Sync() error {
	if f.fs.failed {
		return f.File.Sync()
	}
	f.fs.failed = true
	f.File.WriteAt([]byte("?"), 0)
	return syscall.EIO
}

func TestMessagesThatTheSystemForgets(t *testing.T) {
	f := &forgetful{Mem: fsx.NewMem(fsx.MemOptions{})}
	d := opened(t, f, spool.DirOptions{Workers: 1, BufferBytes: 20, MaxFileBytes: 20})
	puts(t, d, "lost 1", "lost 2", "next 1", "next 2", "next 3") // the first file is full, and lost, before Flush is called
	err := d.Flush(t.Context())
	if err == nil || !strings.Contains(err.Error(), "2 messages are set aside, in p-") {
		t.Errorf("Flush() = %v, want that 2 messages are set aside", err)
	}
	puts(t, d, "kept")
	if err := d.Flush(t.Context()); err != nil {
		t.Errorf("Flush() = %v, want nil: nothing new is lost", err)
	}
	if s := d.Stats(); s.Damaged.Lines != 2 || s.SetAside != 1 || s.Finished.Lines != 4 {
		t.Errorf("Stats() = %+v, want 2 messages damaged, 4 finished", s)
	}
	closed(t, d)
	wantMessages(t, f, "/out", spool.Lines, []string{"next 1", "next 2", "next 3", "kept"})
	_, _, others := files(t, f, "/out", spool.Lines)
	if len(others) != 1 || !strings.HasSuffix(others[0], ".log.unsynced") {
		t.Errorf("the directory has %v, want the file that was set aside", others)
	}
}

func TestDirCloseThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		d := opened(t, m, spool.DirOptions{Workers: 1, CloseWithin: time.Second})
		puts(t, d, "written")
		time.Sleep(5 * time.Second) // it is in a file now
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite|fsx.OpRename))
		puts(t, d, "memory 1", "memory 2")
		var lost *spool.UndeliveredError
		err := d.Close()
		if !errors.As(err, &lost) || lost.Count != count(2, 18) || !errors.Is(err, syscall.EIO) {
			t.Errorf("Close() = %v, want an UndeliveredError of 2 messages", err)
		}
		if again := d.Close(); !errors.As(again, &lost) || lost.Count != count(2, 18) {
			t.Errorf("the second Close() = %v, want the same", again)
		}
		m.Inject(nil)
		closed(t, opened(t, m, spool.DirOptions{})) // its lock is let go of
		wantMessages(t, m, "/out", spool.Lines, []string{"written"})
	})
}

type pairs struct{}

func (pairs) Append(dst []byte, v [2]int) ([]byte, error) {
	if v[0] < 0 {
		return dst, errors.New("negative")
	}
	return fmt.Appendf(dst, "%d%c%d", v[0], v[0], v[1]), nil
}

func (pairs) Decode(src []byte) (v [2]int, err error) {
	var c rune
	_, err = fmt.Sscanf(string(src), "%d%c%d", &v[0], &c, &v[1])
	return v, err
}

func TestSink(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	put(t, m, stem+".tmp", "65A1\n66B2\nno pair\n67C3\n")
	s, err := spool.OpenSinkOn(spool.Disk(m, false), "/out", pairs{}, spool.DirOptions{Prefix: "p-", Workers: 1, BufferBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, m, "/out", spool.Lines); !slices.Equal(got, []string{"65A1", "66B2"}) {
		t.Errorf("recovered %v, want what decodes", got)
	}
	ctx := t.Context()
	check := func(off sluice.Offset, err error, want sluice.Offset) {
		t.Helper()
		if off != want || err != nil {
			t.Errorf("Append = %d, %v, want %d, nil", off, err, want)
		}
	}
	off, err := s.Append(ctx, [2]int{70, 1})
	check(off, err, 0)
	off, err = s.AppendAll(ctx, [][2]int{{71, 1}, {72, 1}})
	check(off, err, 1)
	off, err = s.AppendAll(ctx, nil)
	check(off, err, 3)
	if _, err := s.AppendAll(ctx, [][2]int{{73, 1}, {-1, 1}}); err == nil || err.Error() != "spool: encode value 2 of 2: negative" {
		t.Errorf("AppendAll() = %v", err)
	}
	if _, err := s.Append(ctx, [2]int{10, 1}); err == nil || err.Error() != `spool: encode value 1 of 1: the encoding "10\n1" has a newline, which ends a message: use Lengths` {
		t.Errorf("Append() = %v", err)
	}
	var many [][2]int // more than a buffer
	want := []string{"65A1", "66B2", "70F1", "71G1", "72H1"}
	for i := range 100 {
		many = append(many, [2]int{80, i})
		want = append(want, fmt.Sprint("80P", i))
	}
	off, err = s.AppendAll(ctx, many)
	check(off, err, 3)
	off, err = s.Append(ctx, [2]int{70, 2})
	check(off, err, 103)
	if err := s.Dir().Flush(ctx); err != nil {
		t.Error(err)
	}
	if got := all(t, m, "/out", spool.Lines); !slices.Equal(got, append(want, "70F2")) {
		t.Errorf("the files hold %v", got)
	}
	closed(t, s)
	for _, vs := range [][][2]int{nil, {{70, 1}}} {
		if _, err := s.AppendAll(ctx, vs); err != sluice.ErrClosed {
			t.Errorf("AppendAll(%v) = %v, want ErrClosed", vs, err)
		}
	}
}

func TestSinkWaitsForItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		s, err := spool.OpenSinkOn(spool.Disk(m, false), "/out", pairs{}, spool.DirOptions{Prefix: "p-", Framing: spool.Lengths, Workers: 1, BufferBytes: 12})
		if err != nil {
			t.Fatal(err)
		}
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite))
		for range 2 {
			if _, err := s.Append(t.Context(), [2]int{70, 1}); err != nil {
				t.Error(err)
			}
		}
		late := errors.New("late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, late)
		defer cancel()
		if _, err := s.Append(ctx, [2]int{70, 2}); err != late {
			t.Errorf("Append() = %v, want the context's cause", err)
		}
		m.Inject(nil)
		closed(t, s)
		wantMessages(t, m, "/out", spool.Lengths, []string{"70F1", "70F1"})
	})
}
