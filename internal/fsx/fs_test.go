package fsx_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sluice-go/sluice/internal/fsx"
	"pgregory.net/rapid"
)

// A pair is the memory file system and the real one, which must answer every call alike.
type pair struct {
	dirs    [2]string
	systems [2]fsx.FS
	files   map[string][2]fsx.File
}

func newPair(dir string) *pair {
	return &pair{
		dirs:    [2]string{"/", dir},
		systems: [2]fsx.FS{fsx.NewMem(fsx.MemOptions{}), fsx.OS{}},
		files:   map[string][2]fsx.File{},
	}
}

// both does something on both and fails unless the answers are the same.
func (p *pair) both(t *rapid.T, what string, do func(sys fsx.FS, dir string, f fsx.File) (string, error), file string) {
	var answers [2]string
	for i, sys := range p.systems {
		got, err := do(sys, p.dirs[i], p.files[file][i])
		answers[i] = got + ", " + errorClass(err)
	}
	if answers[0] != answers[1] {
		t.Fatalf("%s: the memory says %s, the system %s", what, answers[0], answers[1])
	}
}

// errorClass is what callers tell errors apart by.
func errorClass(err error) string {
	for _, class := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrClosed, io.EOF} {
		if errors.Is(err, class) {
			return class.Error()
		}
	}
	if err != nil {
		return "an error"
	}
	return "no error"
}

func TestMemIsLikeTheSystem(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the model is of POSIX")
	}
	parent := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(parent, "")
		if err != nil {
			rt.Fatal(err)
		}
		p := newPair(dir)
		defer p.close()
		rt.Repeat(p.actions())
	})
}

func (p *pair) close() {
	for _, fs := range p.files {
		fs[0].Close()
		fs[1].Close()
	}
}

var (
	names = rapid.SampledFrom([]string{"a", "b", "sub/a", "sub/b", "sub", "none/a"})
	flags = rapid.SampledFrom([]int{
		os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREATE, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL,
		os.O_RDWR | os.O_CREATE | os.O_TRUNC, os.O_WRONLY | os.O_CREATE | os.O_APPEND,
	})
	sizes = rapid.Int64Range(1, 3000)
)

func (p *pair) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": p.compare,
		"open": func(t *rapid.T) {
			name, flag := names.Draw(t, "name"), flags.Draw(t, "flag")
			if name == "sub" {
				return // what a directory's size is, systems don't agree on
			}
			var opened [2]fsx.File
			i := -1
			p.both(t, "open "+name, func(sys fsx.FS, dir string, _ fsx.File) (string, error) {
				i++
				f, err := sys.OpenFile(filepath.Join(dir, name), flag, 0o600)
				opened[i] = f
				return "", err
			}, "")
			if opened[0] != nil {
				p.files[fmt.Sprint(len(p.files))] = opened
			}
		},
		"mkdir": func(t *rapid.T) {
			p.both(t, "mkdir sub", func(sys fsx.FS, dir string, _ fsx.File) (string, error) {
				return "", sys.MkdirAll(filepath.Join(dir, "sub"), 0o700)
			}, "")
		},
		"rename": func(t *rapid.T) {
			from, to := names.Draw(t, "from"), names.Draw(t, "to")
			if from == "sub" || to == "sub" {
				return
			}
			p.both(t, "rename "+from+" "+to, func(sys fsx.FS, dir string, _ fsx.File) (string, error) {
				return "", sys.Rename(filepath.Join(dir, from), filepath.Join(dir, to))
			}, "")
		},
		"remove": func(t *rapid.T) {
			name := names.Draw(t, "name")
			p.both(t, "remove "+name, func(sys fsx.FS, dir string, _ fsx.File) (string, error) {
				return "", sys.Remove(filepath.Join(dir, name))
			}, "")
		},
		"write": func(t *rapid.T) {
			data := make([]byte, sizes.Draw(t, "size"))
			for i := range data {
				data[i] = byte(i * 7)
			}
			p.onFile(t, func(f fsx.File) (string, error) { n, err := f.Write(data); return fmt.Sprint(n), err })
		},
		"write at": func(t *rapid.T) {
			data, off := make([]byte, sizes.Draw(t, "size")), sizes.Draw(t, "off")
			for i := range data {
				data[i] = byte(i*3 + 1)
			}
			p.onFile(t, func(f fsx.File) (string, error) { n, err := f.WriteAt(data, off); return fmt.Sprint(n), err })
		},
		"truncate": func(t *rapid.T) {
			size := sizes.Draw(t, "size")
			p.onFile(t, func(f fsx.File) (string, error) { return "", f.Truncate(size) })
		},
		"read": func(t *rapid.T) {
			buf := make([]byte, sizes.Draw(t, "size"))
			p.onFile(t, func(f fsx.File) (string, error) { n, err := f.Read(buf); return string(buf[:n]), err })
		},
		"read at": func(t *rapid.T) {
			buf, off := make([]byte, sizes.Draw(t, "size")), sizes.Draw(t, "off")
			p.onFile(t, func(f fsx.File) (string, error) { n, err := f.ReadAt(buf, off); return string(buf[:n]), err })
		},
		"sync and size": func(t *rapid.T) {
			p.onFile(t, func(f fsx.File) (string, error) {
				size, err := f.Size()
				if err == nil {
					err = f.Sync()
				}
				return fmt.Sprint(size), err
			})
		},
		"close": func(t *rapid.T) { p.onFile(t, func(f fsx.File) (string, error) { return "", f.Close() }) },
	}
}

func (p *pair) onFile(t *rapid.T, do func(fsx.File) (string, error)) {
	if len(p.files) == 0 {
		return
	}
	file := fmt.Sprint(rapid.IntRange(0, len(p.files)-1).Draw(t, "file"))
	p.both(t, "file "+file, func(_ fsx.FS, _ string, f fsx.File) (string, error) { return do(f) }, file)
}

// compare fails unless both hold the same files.
func (p *pair) compare(t *rapid.T) {
	for _, sub := range []string{"", "sub"} {
		p.both(t, "readdir "+sub, func(sys fsx.FS, dir string, _ fsx.File) (string, error) {
			list, err := sys.ReadDir(filepath.Join(dir, sub))
			var all []string
			for _, e := range list {
				if e.IsDir() {
					all = append(all, e.Name()+"/")
					continue
				}
				data, err := fsx.ReadFile(sys, filepath.Join(dir, sub, e.Name()))
				if err != nil {
					return "", err
				}
				info, err := sys.Stat(filepath.Join(dir, sub, e.Name()))
				if err != nil {
					return "", err
				}
				all = append(all, fmt.Sprintf("%s %d %x", e.Name(), info.Size(), data))
			}
			return fmt.Sprint(all), err
		}, "")
	}
}

func TestCreateTemp(t *testing.T) {
	for i, sys := range newPair(t.TempDir()).systems {
		dir := []string{"/", t.TempDir()}[i]
		var names []string
		for range 20 {
			f, err := sys.CreateTemp(dir, "seg-*.tmp")
			if err != nil {
				t.Fatalf("CreateTemp() = %v", err)
			}
			if ok, err := filepath.Match(filepath.Join(dir, "seg-*.tmp"), f.Name()); !ok || err != nil {
				t.Errorf("CreateTemp() made %s, want seg-*.tmp in %s", f.Name(), dir)
			}
			names = append(names, f.Name())
			f.Close()
		}
		slices.Sort(names)
		if got := len(slices.Compact(names)); got != 20 {
			t.Errorf("CreateTemp() made %d different files, want 20", got)
		}
	}
}

func TestLock(t *testing.T) {
	for i, sys := range newPair(t.TempDir()).systems {
		name := filepath.Join([]string{"/", t.TempDir()}[i], "LOCK")
		first, err := sys.Lock(name)
		if err != nil {
			t.Fatalf("Lock() = %v", err)
		}
		_, err = sys.Lock(name)
		if locked := (*fsx.LockedError)(nil); !errors.As(err, &locked) || locked.PID != os.Getpid() {
			t.Errorf("a second Lock() = %v, want a *LockedError with PID %d", err, os.Getpid())
		}
		if err := first.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		again, err := sys.Lock(name)
		if err != nil {
			t.Fatalf("Lock() after Close = %v", err)
		}
		again.Close()
	}
}

func TestPreallocateKeepsTheSize(t *testing.T) {
	for i, sys := range newPair(t.TempDir()).systems {
		f, err := sys.CreateTemp([]string{"/", t.TempDir()}[i], "*")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Preallocate(0, 1<<20); err != nil && i == 0 {
			t.Errorf("Preallocate() = %v", err)
		}
		if size, err := f.Size(); size != 0 || err != nil {
			t.Errorf("Size() = %v, %v after Preallocate, want 0, nil", size, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOSSyncDir(t *testing.T) {
	if err := (fsx.OS{}).SyncDir(t.TempDir()); err != nil {
		t.Errorf("SyncDir() = %v", err)
	}
	if err := (fsx.OS{}).SyncDir(filepath.Join(t.TempDir(), "none")); runtime.GOOS != "windows" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir() of nothing = %v, want fs.ErrNotExist", err)
	}
}

func TestSyncAllocatesNothing(t *testing.T) {
	f, err := (fsx.OS{}).CreateTemp(t.TempDir(), "*")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := testing.AllocsPerRun(20, func() { f.Sync() }); got != 0 {
		t.Errorf("Sync allocates %v times, want 0", got)
	}
}

// Whoever has the lock removes its file while others take it: there are never two who have it.
func TestLockOfAFileThatIsRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open can't be removed there")
	}
	name := filepath.Join(t.TempDir(), "LOCK")
	var holders, taken atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				l, err := fsx.OS{}.Lock(name)
				if errors.As(err, new(*fsx.LockedError)) {
					continue
				}
				if err != nil {
					t.Errorf("Lock() = %v", err)
					return
				}
				taken.Add(1)
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				runtime.Gosched()
				holders.Add(-1) // who finds no file there takes a new one's lock
				if err := (fsx.OS{}).Remove(name); err != nil {
					t.Errorf("Remove() = %v: the file is somebody else's", err)
				}
				l.Close()
			}
		})
	}
	wg.Wait()
	if taken.Load() == 0 {
		t.Error("nobody got the lock")
	}
}
