package diskq_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

var update = flag.Bool("update", false, "write the golden files of the current format version")

// The golden files hold a queue of each format version for ever. What is written today must be what they hold, byte by
// byte; and they must be read, whatever is written today.
const golden = "testdata/v1"

func TestGoldenFiles(t *testing.T) {
	for _, name := range []string{"closed", "killed", "killed-tail", "summed"} {
		t.Run(name, func(t *testing.T) {
			m := fsx.NewMem(fsx.MemOptions{Maps: name == "killed-tail"})
			var files map[string][]byte
			synctest.Test(t, func(t *testing.T) { files = goldenFiles(t, writeGolden(t, m, name)) }) // in the year 2000
			at := filepath.Join(golden, name)
			if *update {
				must(t, os.RemoveAll(at))
				must(t, os.MkdirAll(at, 0o755))
				for base, data := range files {
					must(t, os.WriteFile(filepath.Join(at, base), data, 0o644))
				}
			}
			want := readGolden(t, name)
			if len(want) != len(files) || len(files) < 2 {
				t.Fatalf("%d files are written, want %d", len(files), len(want))
			}
			for base, data := range want {
				if string(files[base]) != string(data) {
					t.Errorf("%s is not written as it was", base)
				}
			}
			checkGolden(t, goldenDisk(t, want, halfTail))
		})
	}
}

// A TAIL whose halves have no room for what lies across the end of a piece, as they were made at first, is read, also where the
// second one alone says how large they are.
func TestGoldenTailOfBefore(t *testing.T) {
	files := readGolden(t, "killed-tail-256k")
	checkGolden(t, goldenDisk(t, files, 4096+262144))
	delete(files, "TAIL.0") // it is of the segment before
	checkGolden(t, goldenDisk(t, files, 4096+262144))
}

func readGolden(t *testing.T, name string) map[string][]byte {
	t.Helper()
	at := filepath.Join(golden, name)
	entries, err := os.ReadDir(at)
	must(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		files[e.Name()], err = os.ReadFile(filepath.Join(at, e.Name()))
		must(t, err)
	}
	return files
}

// goldenDisk returns a disk with those files, of which halves make up a TAIL.
func goldenDisk(t *testing.T, files map[string][]byte, half int) *fsx.Mem {
	t.Helper()
	m, tail := newMem(), make([]byte, 2*half)
	must(t, m.MkdirAll(dir, 0o700))
	for base, data := range files {
		if n, ok := strings.CutPrefix(base, "TAIL."); ok {
			i, err := strconv.Atoi(n)
			must(t, err)
			copy(tail[i*half:], data)
			must(t, fsx.WriteFile(m, tailName, tail))
			continue
		}
		must(t, fsx.WriteFile(m, filepath.Join(dir, base), data))
	}
	return m
}

func writeGolden(t *testing.T, m *fsx.Mem, name string) *fsx.Mem {
	id := uint64(0)
	draw := func() uint64 {
		id += 0x0123456789abcdef
		return id | 1
	}
	q, err := diskq.Open(dir, diskq.String(), diskq.Drawing(diskq.On(diskq.Options{SegmentBytes: 4096}, m), draw))
	must(t, err)
	one := func(v string) {
		add(t, q, v)
		synctest.Wait() // for what goes on in the background: the bytes must come out the same each time
	}
	for _, v := range values(60) {
		one(v)
	}
	if name == "summed" { // the sync point that comes now has the checksum of those before
		must(t, q.Sync(t.Context()))
	}
	if _, err := q.AppendAll(t.Context(), values(70)[60:]); err != nil {
		t.Fatal(err)
	}
	for _, v := range values(150)[70:] {
		one(v)
	}
	must(t, q.Sync(t.Context()))
	one("")
	if name == "closed" {
		must(t, q.Close())
		return m
	}
	m = m.Kill()
	q.Close() // of what is dead; its goroutine ends
	return m
}

// halfTail is the size of half a TAIL.
const halfTail = 4096 + 262144 + 8192

// goldenFiles returns the segments, and the halves of the TAIL if there is one, without the zeros at their ends.
func goldenFiles(t *testing.T, m *fsx.Mem) map[string][]byte {
	report, err := diskq.InspectOn(m, dir)
	must(t, err)
	files := map[string][]byte{}
	for _, s := range report.Segments {
		data, err := fsx.ReadFile(m, s.Name)
		must(t, err)
		files[filepath.Base(s.Name)] = data
	}
	if tail, err := fsx.ReadFile(m, tailName); err == nil {
		files["TAIL.0"] = bytes.TrimRight(tail[:halfTail], "\x00")
		files["TAIL.1"] = bytes.TrimRight(tail[halfTail:], "\x00")
	}
	return files
}

func checkGolden(t *testing.T, m *fsx.Mem) {
	q := open(t, m, diskq.Options{})
	r, err := readAll(q)
	must(t, err)
	if r.next != 151 || len(r.gaps) > 0 || r.values[150] != "" {
		t.Fatalf("the end is %d, with gaps %v, want 151 and none", r.next, r.gaps)
	}
	for i := range 150 {
		if r.values[sluice.Offset(i)] != value(i) {
			t.Errorf("value %d = %q, want %q", i, r.values[sluice.Offset(i)], value(i))
		}
	}
	add(t, q, "later")
}
