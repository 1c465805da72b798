package diskq_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
	"pgregory.net/rapid"
)

// bench/jobs has the same on directories that go-diskqueue itself has written.

const nsqDir = "nsq"

func nsqFile(n int) string { return fmt.Sprintf("%s/q.diskqueue.%06d.dat", nsqDir, n) }

func nsqBytes(messages ...string) (b []byte) {
	for _, m := range messages {
		b = binary.BigEndian.AppendUint32(b, uint32(len(m)))
		b = append(b, m...)
	}
	return b
}

func nsqMem(t testing.TB, files map[int][]byte, meta string) *fsx.Mem {
	m := newMem()
	must(t, m.MkdirAll(nsqDir, 0o700))
	for n, data := range files {
		must(t, fsx.WriteFile(m, nsqFile(n), data))
	}
	if meta != "" {
		must(t, fsx.WriteFile(m, nsqDir+"/q.diskqueue.meta.dat", []byte(meta)))
	}
	return m
}

func importedBy(q *diskq.DiskQueue[string]) (got []string, err error) {
	r, err := readAll(q)
	for off := range r.next {
		if v, ok := r.values[off]; ok { // a gap is where an fsync failed
			got = append(got, v)
		}
	}
	return got, err
}

func TestImportNSQ(t *testing.T) {
	two := map[int][]byte{3: nsqBytes("a", "bb", "ccc"), 4: nsqBytes("dddd", "", "f")}
	torn := map[int][]byte{3: append(nsqBytes("a", "bb"), 0, 0, 0, 9, 'x'), 4: nsqBytes("c")}
	for name, c := range map[string]struct {
		files    map[int][]byte
		meta     string
		want     string
		metadata string // in the report
		damage   string
	}{
		"whole":                       {two, "4\n3,5\n4,17\n", "bb ccc dddd  f", "", ""},
		"at the beginning":            {two, "6\n3,0\n4,17\n", "a bb ccc dddd  f", "", ""},
		"stale write position":        {two, "1\n3,5\n3,11\n", "bb ccc dddd  f", "", ""},
		"older rule: at a file's end": {two, "3\n3,18\n4,17\n", "dddd  f", "", ""},
		"all read":                    {two, "0\n5,0\n5,0\n", "", "", ""},
		"read file gone":              {two, "9\n1,700\n4,17\n", "a bb ccc dddd  f", "", ""},
		"no metadata":                 {two, "", "a bb ccc dddd  f", "no metadata", ""},
		"damaged metadata":            {two, "4\n3;", "a bb ccc dddd  f", "damaged", ""},
		"metadata far behind":         {two, "4\n9,0\n9,0\n", "a bb ccc dddd  f", "far behind", ""},
		"inside of a message":         {two, "4\n3,7\n4,17\n", "bb ccc dddd  f", "inside", ""},
		"behind the end":              {two, "4\n3,999\n4,17\n", "dddd  f", "inside", ""},
		"torn":                        {torn, "3\n3,0\n4,5\n", "a bb c", "", "a message of 9 bytes, and 1 follow"},
		"torn length":                 {map[int][]byte{0: append(nsqBytes("a"), 0, 0)}, "1\n0,0\n0,5\n", "a", "", "2 bytes are no length"},
		"negative":                    {map[int][]byte{0: append(nsqBytes("a"), 255, 0, 0, 0, 0)}, "1\n0,0\n0,5\n", "a", "", "a message of -16777216 bytes"},
		"zeros":                       {map[int][]byte{0: append(nsqBytes("a"), make([]byte, 4096)...)}, "1\n0,0\n0,5\n", "a", "", "4096 zeros"},
		"damage that was read":        {map[int][]byte{0: append([]byte{9, 9, 9, 9, 9}, nsqBytes("a")...)}, "1\n0,5\n0,10\n", "a", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := nsqMem(t, c.files, c.meta)
			must(t, fsx.WriteFile(m, nsqFile(2)+".bad", []byte("x")))
			must(t, fsx.WriteFile(m, nsqDir+"/q2.diskqueue.000000.dat", nsqBytes("another queue's")))
			q := open(t, m, diskq.Options{})
			r, err := diskq.ImportNSQ(t.Context(), nsqDir, "q", q)
			must(t, err)
			got, err := importedBy(q)
			must(t, err)
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("the queue holds %q, want %q", got, c.want)
			}
			if (r.Metadata == nil) != (c.metadata == "") || r.Metadata != nil && !strings.Contains(r.Metadata.Error(), c.metadata) {
				t.Errorf("Metadata = %v, want %q", r.Metadata, c.metadata)
			}
			if (len(r.Damage) == 0) != (c.damage == "") || len(r.Damage) > 0 && !strings.Contains(r.Damage[0].Err.Error(), c.damage) {
				t.Errorf("Damage = %+v, want %q", r.Damage, c.damage)
			}
			if !slices.Equal(r.Bad, []string{"q.diskqueue.000002.dat.bad"}) {
				t.Errorf("Bad = %q, want the one file", r.Bad)
			}
			n := r.Messages
			r, err = diskq.ImportNSQ(t.Context(), nsqDir, "q", q)
			if err != nil || r.Messages != 0 || r.Earlier != n {
				t.Errorf("a second ImportNSQ() moved %d, %v, after %d; want 0 after %d", r.Messages, err, r.Earlier, n)
			}
		})
	}
}

func TestImportNSQErrors(t *testing.T) {
	m := nsqMem(t, map[int][]byte{0: nsqBytes("1", "x")}, "")
	q, err := diskq.Open(dir, diskq.JSON[int](), diskq.On(diskq.Options{}, m))
	must(t, err)
	defer q.Close()
	if _, err := diskq.ImportNSQ(t.Context(), nsqDir, "q", q); err == nil || !strings.Contains(err.Error(), "can't decode") {
		t.Errorf("ImportNSQ() of what is no JSON = %v, want an error", err)
	}
	if _, next := q.Bounds(); next != 0 {
		t.Errorf("Bounds() = _, %d after an import that failed, want 0", next)
	}
	if _, err := diskq.ImportNSQ(t.Context(), nsqDir, "nothing", q); err == nil || !strings.Contains(err.Error(), "no queue of that name") {
		t.Errorf("ImportNSQ() of nothing = %v, want an error", err)
	}
	if _, err := diskq.ImportNSQ(t.Context(), "nowhere", "q", q); err == nil {
		t.Error("ImportNSQ() from nowhere = nil, want an error")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := diskq.ImportNSQ(ctx, nsqDir, "q", q); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("ImportNSQ() = %v, want the cause", err)
	}
}

// A round is one call of ImportNSQ, and how it is interrupted.
type round struct {
	Fault int // 0: none, 1: an error, 2: the power is cut
	At    int // operation
	Kill  bool
	Seed  uint64
}

// The import is interrupted by kills, power cuts and errors at any operation, and called again until it is through.
func TestImportNSQIsExactlyOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var want []string
		files := map[int][]byte{}
		for f := range rapid.IntRange(1, 4).Draw(r, "files") {
			files[f] = []byte{}
			for range rapid.IntRange(0, 30).Draw(r, "messages") {
				want = append(want, rapid.SampledFrom([]string{"e", "same", "same", fmt.Sprint("no ", len(want))}).Draw(r, "message"))
				files[f] = append(files[f], nsqBytes(want[len(want)-1])...)
			}
		}
		o := diskq.Options{Durability: diskq.Durability(rapid.IntRange(0, 2).Draw(r, "durability")), SegmentBytes: 4096}
		small := rapid.IntRange(1, 40).Draw(r, "batch")
		rounds := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) round {
			return round{rapid.IntRange(0, 2).Draw(r, "fault"), rapid.IntRange(0, 60).Draw(r, "at"), rapid.Bool().Draw(r, "kill"), rapid.Uint64().Draw(r, "seed")}
		}), 1, 8).Draw(r, "rounds")
		var got []string
		var err error
		synctest.Test(t, func(t *testing.T) { got, err = importInterrupted(files, o, small, rounds) })
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			r.Fatalf("the queue holds %q, %v, want %q", got, err, want)
		}
	})
}

// importInterrupted imports in these rounds, and once more without a fault, and returns what is there after a power cut.
func importInterrupted(files map[int][]byte, o diskq.Options, batch int, rounds []round) (got []string, err error) {
	m := newMem()
	for i, x := range append(rounds, round{}, round{}) {
		m.MkdirAll(nsqDir, 0o700) // a power cut takes the files, which nobody synced
		for n, data := range files {
			fsx.WriteFile(m, nsqFile(n), data)
		}
		q, err := diskq.Open(dir, diskq.String(), diskq.On(o, m))
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i, err)
		}
		if i == len(rounds)+1 {
			got, err = importedBy(q)
			return got, errors.Join(err, q.Close())
		}
		const kinds = fsx.OpWrite | fsx.OpRename | fsx.OpSyncDir | fsx.OpOpen | fsx.OpTruncate | fsx.OpRead
		switch x.Fault {
		case 1:
			m.Inject(fsx.Nth(int64(x.At), errors.New("an error"), kinds|fsx.OpSync))
		case 2:
			m.Inject(fsx.Nth(int64(x.At), fsx.ErrPowerCut, kinds|fsx.OpSync))
		}
		_, err = diskq.ImportInBatches(nsqDir, "q", q, batch)
		if x.Fault == 0 && err != nil {
			return nil, fmt.Errorf("round %d: %w", i, errors.Join(err, q.Close()))
		}
		m.Inject(nil)
		after := m.PowerCut
		if x.Kill {
			after = func(uint64) *fsx.Mem { return m.Kill() }
		}
		crashed := after(x.Seed)
		q.Close()
		m = crashed
	}
	return nil, nil
}
