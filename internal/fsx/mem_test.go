package fsx_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-go/sluice/internal/fsx"
)

func create(t testing.TB, m fsx.FS, name string) fsx.File {
	t.Helper()
	f, err := m.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t testing.TB, f fsx.File, data string) {
	t.Helper()
	if _, err := f.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcomes cuts the power of m for many seeds and returns how often each outcome of look came.
func outcomes(m *fsx.Mem, look func(*fsx.Mem) string) map[string]int {
	got := map[string]int{}
	for seed := range uint64(3000) {
		got[look(m.PowerCut(seed))]++
	}
	return got
}

// expect fails unless exactly these outcomes came.
func expect(t *testing.T, got map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if got[w] == 0 {
			t.Errorf("the outcome %q never came", w)
		}
		delete(got, w)
	}
	for o, n := range got {
		t.Errorf("the outcome %q came %d times, want never", o, n)
	}
}

func contents(name string) func(*fsx.Mem) string {
	return func(m *fsx.Mem) string {
		data, err := fsx.ReadFile(m, name)
		if errors.Is(err, fs.ErrNotExist) {
			return "none"
		}
		return string(data)
	}
}

func TestSyncedDataSurvives(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	f := create(t, m, "a")
	write(t, f, "synced")
	must(t, f.Sync())
	must(t, m.SyncDir("/"))
	expect(t, outcomes(m, contents("a")), "synced")
	if _, err := f.Write([]byte("x")); !errors.Is(err, fsx.ErrPowerCut) {
		t.Errorf("Write() after the cut = %v, want ErrPowerCut", err)
	}
	if err := f.Close(); !errors.Is(err, fsx.ErrPowerCut) {
		t.Errorf("Close() after the cut = %v, want ErrPowerCut", err)
	}
}

func TestUnsyncedCreationMayBeLost(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	f := create(t, m, "a")
	write(t, f, "x")
	must(t, f.Sync()) // of the file, not of its name
	expect(t, outcomes(m, contents("a")), "none", "x")
}

func TestUnsyncedRenameIsAtomic(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	for _, name := range []string{"a", "b"} {
		f := create(t, m, name)
		write(t, f, name)
		must(t, f.Sync())
	}
	must(t, m.SyncDir("/"))
	must(t, m.Rename("a", "b"))
	both := func(m *fsx.Mem) string { return contents("a")(m) + " " + contents("b")(m) }
	expect(t, outcomes(m, both), "a b", "none a")
}

func TestUnsyncedRemovalsAreIndependent(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	create(t, m, "a")
	create(t, m, "b")
	must(t, m.SyncDir("/"))
	must(t, m.Remove("a"))
	must(t, m.Remove("b"))
	list := func(m *fsx.Mem) string {
		var names []string
		entries, _ := m.ReadDir("/")
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, "")
	}
	expect(t, outcomes(m, list), "", "a", "b", "ab")
}

func TestUnsyncedDirectoryIsLostWithItsFiles(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	must(t, m.MkdirAll("d/e", 0o700))
	f := create(t, m, "d/e/a")
	must(t, f.Sync())
	must(t, m.SyncDir("d/e"))
	must(t, m.SyncDir("d"))
	expect(t, outcomes(m, contents("d/e/a")), "none", "")
	m = fsx.NewMem(fsx.MemOptions{})
	must(t, m.MkdirAll("d/e", 0o700))
	create(t, m, "d/e/a")
	for _, dir := range []string{"d/e", "d", "/"} {
		must(t, m.SyncDir(dir))
	}
	expect(t, outcomes(m, contents("d/e/a")), "")
}

func TestUnsyncedDataIsTorn(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	f := create(t, m, "a")
	must(t, m.SyncDir("/"))
	write(t, f, "keep")
	must(t, f.Sync())
	data := bytes.Repeat([]byte("x"), 5000)
	write(t, f, string(data))
	kinds := outcomes(m, func(m *fsx.Mem) string {
		got := contents("a")(m)
		rest, ok := strings.CutPrefix(got, "keep")
		switch holes := strings.Contains(rest, "\x00"); {
		case !ok:
			return "the synced part is gone"
		case rest == "":
			return "nothing"
		case rest == string(data):
			return "all"
		case holes && strings.HasSuffix(rest, "x"):
			return "a hole"
		case holes:
			return "zeros at the end"
		default:
			return "a part"
		}
	})
	expect(t, kinds, "nothing", "all", "a hole", "zeros at the end", "a part")
}

func TestUnsyncedTruncateMayBeUndone(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	f := create(t, m, "a")
	must(t, m.SyncDir("/"))
	write(t, f, "0123456789")
	must(t, f.Sync())
	must(t, f.Truncate(4))
	_, err := f.WriteAt([]byte("AB"), 4)
	must(t, err)
	expect(t, outcomes(m, contents("a")), "0123456789", "0123", "0123AB", "0123AB6789", "0123A", "0123A56789",
		"01234B6789", "0123\x00B", "0123\x00\x00", "0123\x00", "0123A\x00")
}

func TestPowerCutIsDeterministic(t *testing.T) {
	history := func() *fsx.Mem {
		m := fsx.NewMem(fsx.MemOptions{})
		r := rand.New(rand.NewPCG(1, 2))
		for _, name := range []string{"a", "b", "c", "d"} {
			f := create(t, m, name)
			for range 20 {
				write(t, f, strings.Repeat(name, r.IntN(2000)))
				if r.IntN(4) == 0 {
					must(t, f.Sync())
				}
			}
		}
		return m
	}
	all := func(m *fsx.Mem) string {
		return contents("a")(m) + "|" + contents("b")(m) + "|" + contents("c")(m) + "|" + contents("d")(m)
	}
	one, two := history(), history()
	different := map[string]bool{}
	for seed := range uint64(50) {
		got := all(one.PowerCut(seed))
		if got != all(two.PowerCut(seed)) || got != all(one.PowerCut(seed)) {
			t.Fatalf("seed %d gives different outcomes of the same history", seed)
		}
		different[got] = true
	}
	if len(different) < 20 {
		t.Errorf("50 seeds gave %d outcomes, want more", len(different))
	}
}

func TestKillKeepsEverythingDone(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	f := create(t, m, "a")
	if _, err := m.Lock("LOCK"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "not synced")
	after := m.Kill()
	if got := contents("a")(after); got != "not synced" {
		t.Errorf("after Kill the file holds %q, want all", got)
	}
	if _, err := after.Lock("LOCK"); err != nil {
		t.Errorf("Lock() after Kill = %v, want nil", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, fsx.ErrPowerCut) {
		t.Errorf("Write() by the killed = %v, want ErrPowerCut", err)
	}
	if err := f.Close(); !errors.Is(err, fsx.ErrPowerCut) || after.Open() != 1 {
		t.Errorf("Close() by the killed = %v, and %d files are open, want ErrPowerCut and 1", err, after.Open())
	}
	expect(t, outcomes(after, func(m *fsx.Mem) string {
		return map[bool]string{true: "none", false: "there"}[contents("a")(m) == "none"]
	}), "none", "there") // its name was not synced, and still is not
}

func TestFailedSyncLosesForGood(t *testing.T) {
	kinds := map[string]int{}
	for n := range 40 {
		m := fsx.NewMem(fsx.MemOptions{})
		f := create(t, m, "a")
		must(t, m.SyncDir("/"))
		for range n { // other dice
			m.Inject(fsx.Nth(0, syscall.EIO, fsx.OpSync))
			f.Write([]byte("x"))
			f.Sync()
			must(t, f.Truncate(0))
		}
		must(t, f.Sync())
		m.Inject(fsx.Nth(0, syscall.EIO, fsx.OpSync))
		_, err := f.WriteAt([]byte("lost?"), 0)
		must(t, err)
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Sync() = %v, want EIO", err)
		}
		if got := contents("a")(m); got != "lost?" {
			t.Fatalf("the file holds %q after the failed Sync, want what was written", got)
		}
		must(t, f.Sync())
		got := contents("a")(m.PowerCut(1))
		kinds[map[bool]string{true: "kept", false: "lost"}[got == "lost?"]]++
	}
	if kinds["lost"] == 0 {
		t.Error("a Sync after the failed one saved everything each time, want it lost now and then")
	}
}

func TestInject(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	f := create(t, m, "a")
	m.Inject(fsx.Nth(1, syscall.EIO, fsx.OpWrite))
	write(t, f, "1")
	if n, err := f.Write([]byte("2")); n != 0 || !errors.Is(err, syscall.EIO) {
		t.Errorf("Write() = %v, %v, want 0, EIO", n, err)
	}
	write(t, f, "3")
	m.Inject(fsx.Nth(0, &fsx.ShortWrite{N: 2, Err: syscall.ENOSPC}, fsx.OpWrite))
	if n, err := f.Write([]byte("4567")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write() = %v, %v, want 2, ENOSPC", n, err)
	}
	if got := contents("a")(m); got != "1345" {
		t.Errorf("the file holds %q, want 1345", got)
	}
	m.Inject(fsx.From(1, syscall.EIO, fsx.OpAny))
	if _, err := m.Stat("a"); err != nil {
		t.Errorf("the first Stat() = %v, want nil", err)
	}
	for range 3 {
		if _, err := m.Stat("a"); !errors.Is(err, syscall.EIO) {
			t.Errorf("Stat() = %v, want EIO", err)
		}
	}
}

func TestEveryOperationCanFail(t *testing.T) {
	for _, test := range []struct {
		op fsx.Op
		do func(*fsx.Mem, fsx.File) error
	}{
		{fsx.OpOpen, func(m *fsx.Mem, _ fsx.File) error { _, err := m.OpenFile("a", os.O_RDONLY, 0); return err }},
		{fsx.OpCreateTemp, func(m *fsx.Mem, _ fsx.File) error { _, err := m.CreateTemp("/", "*"); return err }},
		{fsx.OpRename, func(m *fsx.Mem, _ fsx.File) error { return m.Rename("a", "b") }},
		{fsx.OpRemove, func(m *fsx.Mem, _ fsx.File) error { return m.Remove("a") }},
		{fsx.OpMkdir, func(m *fsx.Mem, _ fsx.File) error { return m.MkdirAll("d", 0o700) }},
		{fsx.OpReadDir, func(m *fsx.Mem, _ fsx.File) error { _, err := m.ReadDir("/"); return err }},
		{fsx.OpStat, func(m *fsx.Mem, _ fsx.File) error { _, err := m.Stat("a"); return err }},
		{fsx.OpSyncDir, func(m *fsx.Mem, _ fsx.File) error { return m.SyncDir("/") }},
		{fsx.OpLock, func(m *fsx.Mem, _ fsx.File) error { _, err := m.Lock("LOCK"); return err }},
		{fsx.OpRead, func(_ *fsx.Mem, f fsx.File) error { _, err := f.Read(make([]byte, 1)); return err }},
		{fsx.OpRead, func(_ *fsx.Mem, f fsx.File) error { _, err := f.ReadAt(make([]byte, 1), 0); return err }},
		{fsx.OpWrite, func(_ *fsx.Mem, f fsx.File) error { _, err := f.Write([]byte("x")); return err }},
		{fsx.OpWrite, func(_ *fsx.Mem, f fsx.File) error { _, err := f.WriteAt([]byte("x"), 0); return err }},
		{fsx.OpSync, func(_ *fsx.Mem, f fsx.File) error { return f.Sync() }},
		{fsx.OpTruncate, func(_ *fsx.Mem, f fsx.File) error { return f.Truncate(0) }},
		{fsx.OpPreallocate, func(_ *fsx.Mem, f fsx.File) error { return f.Preallocate(0, 9) }},
		{fsx.OpSize, func(_ *fsx.Mem, f fsx.File) error { _, err := f.Size(); return err }},
		{fsx.OpClose, func(_ *fsx.Mem, f fsx.File) error { return f.Close() }},
	} {
		m := fsx.NewMem(fsx.MemOptions{})
		f := create(t, m, "a")
		write(t, f, "abc")
		broken := errors.New("broken")
		m.Inject(fsx.Nth(0, broken, test.op))
		before := m.Ops()
		if err := test.do(m, f); !errors.Is(err, broken) {
			t.Errorf("%v = %v, want the injected error", test.op, err)
		}
		if got := m.Ops() - before; got != 1 {
			t.Errorf("%v counted as %d operations, want 1", test.op, got)
		}
	}
}

func TestPowerCutInTheMiddle(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(200) {
		m := fsx.NewMem(fsx.MemOptions{})
		f := create(t, m, "a")
		must(t, m.SyncDir("/"))
		m.Inject(fsx.Nth(0, fsx.ErrPowerCut, fsx.OpWrite))
		if n, err := f.Write([]byte("x")); n != 0 || !errors.Is(err, fsx.ErrPowerCut) {
			t.Fatalf("Write() = %v, %v, want 0, ErrPowerCut", n, err)
		}
		kinds[contents("a")(m.PowerCut(seed))]++
	}
	if kinds[""] == 0 || kinds["x"] == 0 {
		t.Errorf("a write in whose middle the power was cut left %v, want it whole and not at all", kinds)
	}
}

func TestRoom(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{Room: 10})
	f := create(t, m, "a")
	write(t, f, "1234567")
	if n, err := f.Write([]byte("89abcd")); n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write() = %v, %v, want 3, ENOSPC", n, err)
	}
	if n, err := f.WriteAt([]byte("XX"), 0); n != 2 || err != nil {
		t.Errorf("WriteAt() over what is there = %v, %v, want 2, nil", n, err)
	}
	if err := f.Preallocate(0, 11); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Preallocate() = %v, want ENOSPC", err)
	}
	must(t, m.Remove("a"))
	if m.Used() != 10 {
		t.Errorf("Used() = %d with the removed file open, want 10", m.Used())
	}
	f.Close()
	if m.Used() != 0 {
		t.Errorf("Used() = %d after the last Close, want 0", m.Used())
	}
	m.SetRoom(20)
	g := create(t, m, "b")
	must(t, g.Preallocate(0, 15))
	write(t, g, "12345")
	if m.Used() != 15 {
		t.Errorf("Used() = %d, want 15", m.Used())
	}
	must(t, g.Truncate(5))
	if m.Used() != 5 {
		t.Errorf("Used() = %d after Truncate, want 5", m.Used())
	}
}

func TestMaxOpen(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{MaxOpen: 1})
	f := create(t, m, "a")
	_, openErr := m.OpenFile("a", os.O_RDONLY, 0)
	_, tempErr := m.CreateTemp("/", "*")
	_, listErr := m.ReadDir("/")
	for _, err := range []error{openErr, tempErr, listErr, m.SyncDir("/")} {
		if !errors.Is(err, syscall.EMFILE) {
			t.Errorf("got %v, want EMFILE", err)
		}
	}
	f.Close()
	create(t, m, "a")
}

func TestWindows(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{Windows: true})
	create(t, m, "a")
	must(t, create(t, m, "b").Close())
	if m.Remove("a") == nil || m.Rename("a", "c") == nil || m.Rename("b", "a") == nil {
		t.Error("an open file was removed, renamed or replaced, want errors")
	}
	must(t, m.SyncDir("/"))
	seen := outcomes(m, contents("a"))
	if seen["none"] == 0 {
		t.Error("SyncDir made a file last, want it to do nothing")
	}
	m = fsx.NewMem(fsx.MemOptions{Windows: true})
	create(t, m, "a")
	must(t, create(t, m, "b").Sync())
	create(t, m, "c")
	create(t, m, "d")
	all := func(m *fsx.Mem) string { return contents("a")(m) + "," + contents("c")(m) + "," + contents("d")(m) }
	expect(t, outcomes(m, all), ",none,none", ",,none", ",,")
}

func TestBootID(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{})
	killed := m.Kill()
	cut := killed.PowerCut(1)
	if a, b, c := fsx.BootID(m), fsx.BootID(killed), fsx.BootID(cut); a == 0 || a != b || b == c {
		t.Errorf("BootID() = %d, %d after Kill, %d after PowerCut, want the same, then another", a, b, c)
	}
	if a, b := fsx.BootID(fsx.OS{}), fsx.BootID(fsx.OS{}); a != b {
		t.Errorf("BootID() of the system = %d, then %d", a, b)
	}
}
