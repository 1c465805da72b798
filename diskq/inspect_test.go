package diskq_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

func TestInspect(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SegmentBytes: 4096})
	add(t, q, values(500)...)
	must(t, q.Close())
	whole, err := diskq.InspectOn(m, dir)
	must(t, err)
	if n := len(whole.Segments); n < 4 || whole.First != 0 || whole.Next != 500 || whole.Records != 500 ||
		len(whole.Damage) != 0 || whole.Torn != 0 || !whole.Segments[n-1].Sealed || whole.Segments[0].Codec != "string" {
		t.Errorf("Inspect() = %+v, want 500 records in at least 4 segments, all in order", whole)
	}
	second := whole.Segments[1]
	must(t, m.Remove(second.Name))
	damaged, err := diskq.InspectOn(m, dir)
	must(t, err)
	missing := "segment " + second.Name + " is missing"
	if d := damaged.Damage; len(d) != 1 || !strings.Contains(d[0].Err.Error(), missing) || d[0].From != second.First || d[0].To != second.Next {
		t.Errorf("Inspect() without the second segment: damage %+v, want [%d, %d)", d, second.First, second.Next)
	}
	r, err := readAll(open(t, m, diskq.Options{}))
	must(t, err)
	if len(r.gaps) != 1 || r.gaps[0].From != second.First || r.gaps[0].To != second.Next || len(r.values) != int(500-second.Records) {
		t.Errorf("reading without the second segment: %d values and gaps %v, want the gap [%d, %d)", len(r.values), r.gaps, second.First, second.Next)
	}
	if err := r.gaps[0].Err; !strings.Contains(err.Error(), missing) {
		t.Errorf("the gap is because %v, want: %s", err, missing)
	}
	must(t, m.MkdirAll("empty", 0o700))
	for _, name := range []string{"none", "empty"} {
		if _, err := diskq.InspectOn(m, name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
			t.Errorf("Inspect(%q) = %v, want an fs.ErrNotExist", name, err)
		}
	}
}

// Inspect tells what a flipped bit costs, as readers are told.
func TestInspectFindsDamage(t *testing.T) {
	step := 113
	if *exhaustive {
		step = 7
	}
	for _, img := range images(t) {
		for name, data := range img.files {
			for bit := 0; bit < 8*len(data); bit += step {
				flipped := append([]byte(nil), data...)
				flipped[bit/8] ^= 1 << (bit % 8)
				report, err := diskq.InspectOn(img.mem(name, flipped), dir)
				must(t, err)
				want := img.expectFlip(name, int64(bit/8))
				var lost [][2]sluice.Offset
				for _, d := range report.Damage {
					if d.From < d.To {
						lost = append(lost, [2]sluice.Offset{d.From, d.To})
					}
				}
				records := int64(want.next - (want.lost[1] - want.lost[0]))
				if want.gap != (len(lost) == 1) || len(lost) > 1 || want.gap && lost[0] != want.lost ||
					report.Next != want.next || report.Records != records || want.next < 100 && report.Torn == 0 {
					t.Fatalf("%s: %s with bit %d of byte %d flipped: %+v, want %+v", img.name, name, bit%8, bit/8, report, want)
				}
			}
		}
	}
}

// What a crash left half written is cut, and told.
func TestTornTailIsTold(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SyncEvery: -1})
	add(t, q, values(10)...)
	m = m.Kill()
	name := dir + "/00000000000000000000.seg"
	data, err := fsx.ReadFile(m, name)
	must(t, err)
	must(t, fsx.WriteFile(m, name, data[:len(data)-3]))
	report, err := diskq.InspectOn(m, dir)
	must(t, err)
	if report.Torn == 0 || report.Next != 9 || len(report.Damage) != 0 {
		t.Errorf("Inspect() = %+v, want a torn end behind 9 values", report)
	}
	s := open(t, m, diskq.Options{}).Stats()
	if s.Recovery.Clean || s.Recovery.Cut != report.Torn || s.Next != 9 || s.Recovery.Damaged != 0 {
		t.Errorf("Stats() = %+v, want %d bytes cut", s, report.Torn)
	}
}

func TestDestroyLeavesWhatIsNotOurs(t *testing.T) {
	d := filepath.Join(t.TempDir(), "queue")
	q, err := diskq.Open(d, diskq.String(), diskq.Options{})
	must(t, err)
	add(t, q, "a")
	must(t, q.Close())
	mine := filepath.Join(d, "notes.txt")
	must(t, os.WriteFile(mine, []byte("mine"), 0o600))
	must(t, diskq.Destroy(d))
	entries, err := os.ReadDir(d)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "notes.txt" {
		t.Errorf("Destroy() left %v, want notes.txt", entries)
	}
	must(t, os.Remove(mine))
	must(t, diskq.Destroy(d))
	if _, err := os.Stat(d); !os.IsNotExist(err) {
		t.Errorf("Stat() after Destroy = %v, want that the directory is gone", err)
	}
}

// A file of a newer version is refused, and says so.
func TestNewerVersionIsRefused(t *testing.T) {
	m := newMem()
	must(t, open(t, m, diskq.Options{}).Close())
	name := dir + "/00000000000000000000.seg"
	data, err := fsx.ReadFile(m, name)
	must(t, err)
	must(t, fsx.WriteFile(m, name, diskq.WithVersion(data, 2)))
	if _, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, m)); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("Open() of version 2 = %v, want an error that says so", err)
	}
}

// A million records of 100 bytes cost less than a MiB of memory.
func TestIndexIsSmall(t *testing.T) {
	if !*exhaustive {
		t.Skip("it needs -exhaustive: it writes 112 MB")
	}
	q, err := diskq.Open(t.TempDir(), diskq.Bytes(), diskq.Options{Durability: diskq.Buffered, SegmentBytes: 1 << 30})
	must(t, err)
	defer q.Close()
	batch := make([][]byte, 1000)
	for i := range batch {
		batch[i] = make([]byte, 100)
	}
	heap := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC() // what was in use by what the first freed
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	_, err = q.AppendAll(t.Context(), batch)
	must(t, err)
	before := heap()
	for range 1000 {
		_, err := q.AppendAll(t.Context(), batch)
		must(t, err)
	}
	grown := heap() - before
	runtime.KeepAlive(batch) // it was there before too
	t.Logf("%d bytes for a million records", grown)
	if grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes, want at most 1 MiB", grown)
	}
	if _, next := q.Bounds(); next != sluice.Offset(1001*len(batch)) {
		t.Errorf("Bounds() = _, %d", next)
	}
}
