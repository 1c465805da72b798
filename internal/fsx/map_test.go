package fsx_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-go/sluice/internal/fsx"
)

// mapped returns a mapping of 10 000 bytes of a file system, or ends the test if it has none.
func mapped(t *testing.T, m fsx.FS, name string) *fsx.Mapping {
	t.Helper()
	p, err := m.MapFile(name, 10_000)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("files can't be mapped here: %v", err)
	}
	must(t, err)
	return p
}

// What is stored into a mapping is in the file, and stays there; a file of that name is emptied before.
func TestMapFile(t *testing.T) {
	for kind, m := range map[string]fsx.FS{"system": fsx.OS{}, "memory": fsx.NewMem(fsx.MemOptions{Maps: true})} {
		t.Run(kind, func(t *testing.T) {
			name := "/mapped"
			if kind == "system" {
				name = filepath.Join(t.TempDir(), "mapped")
			}
			must(t, fsx.WriteFile(m, name, bytes.Repeat([]byte("old"), 5000)))
			p := mapped(t, m, name)
			copy(p.Data[5000:], "new")
			want := make([]byte, 10_000)
			copy(want[5000:], "new")
			for range 2 {
				if got, err := fsx.ReadFile(m, name); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("the file holds %d bytes, %v, want what was stored", len(got), err)
				}
				if p.Data != nil {
					must(t, p.Close())
				}
			}
			must(t, m.Remove(name))
		})
	}
}

func TestMapFileFails(t *testing.T) {
	if _, err := fsx.NewMem(fsx.MemOptions{}).MapFile("/a", 10); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("MapFile() = %v, want ErrUnsupported", err)
	}
	m := fsx.NewMem(fsx.MemOptions{Maps: true, Room: 1000})
	if _, err := m.MapFile("/a", 1001); !errors.Is(err, syscall.ENOSPC) || m.Used() != 0 {
		t.Errorf("MapFile() = %v, %d bytes used, want ENOSPC, 0", err, m.Used())
	}
	for range 2 { // the second takes the room of the first
		if _, err := m.MapFile("/a", 1000); err != nil || m.Used() != 1000 {
			t.Errorf("MapFile() = %v, %d bytes used, want nil, 1000", err, m.Used())
		}
	}
	m.Inject(fsx.Nth(0, syscall.EIO, fsx.OpMap))
	if _, err := m.MapFile("/a", 1000); !errors.Is(err, syscall.EIO) {
		t.Errorf("MapFile() = %v, want EIO", err)
	}
	if _, err := (fsx.OS{}).MapFile(filepath.Join(t.TempDir(), "none", "a"), 10); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("MapFile() in a directory that does not exist = %v, want ErrNotExist", err)
	}
}

// A power cut leaves any part of what was stored, kill -9 all of it.
func TestMappedDataIsTorn(t *testing.T) {
	m := fsx.NewMem(fsx.MemOptions{Maps: true})
	p, err := m.MapFile("/a", 1000)
	must(t, err)
	must(t, m.SyncDir("/"))
	for i := range p.Data {
		p.Data[i] = 'x'
	}
	kinds := outcomes(m, func(m *fsx.Mem) string {
		switch got := contents("/a")(m); {
		case got == "":
			return "nothing"
		case len(strings.Trim(got, "\x00")) == 0:
			return "zeros"
		case got == string(p.Data):
			return "all"
		}
		return "a part"
	})
	expect(t, kinds, "nothing", "zeros", "all", "a part")
	if got := contents("/a")(m.Kill()); got != string(p.Data) {
		t.Errorf("after Kill the file holds %d bytes that differ, want what was stored", len(got))
	}
}

// A store that can't be had is an error, a panic of another kind goes on, and what follows is as before.
func TestGuard(t *testing.T) {
	name := filepath.Join(t.TempDir(), "mapped")
	p := mapped(t, fsx.OS{}, name)
	defer p.Close()
	must(t, fsx.Guard(func() { p.Data[9000] = 1 }))
	must(t, os.Truncate(name, 0))
	stored := 0
	err := fsx.Guard(func() {
		stored++
		p.Data[9000] = 2
		stored++
	})
	if err == nil || stored != 1 {
		t.Errorf("Guard() = %v after %d steps, want an error after 1", err, stored)
	}
	defer func() {
		if got := recover(); got != "mine" {
			t.Errorf("Guard panics with %v, want what its function did", got)
		}
	}()
	fsx.Guard(func() { panic("mine") })
}
