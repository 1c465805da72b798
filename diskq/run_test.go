package diskq_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A summed is a run as a segment has it.
type summed struct {
	from, to int64
	records  int
	has      bool // the sync point behind it says a checksum
}

// summedRuns returns the runs of an undamaged segment, and fails the test if one has a checksum that it should not have.
func summedRuns(t *testing.T, m *fsx.Mem, name string) (runs []summed) {
	t.Helper()
	data, err := fsx.ReadFile(m, name)
	must(t, err)
	first, _, _ := strings.Cut(filepath.Base(name), ".")
	pieces, err := diskq.Pieces(m, dir, parseOffset(t, first))
	must(t, err)
	run := summed{from: -1}
	for _, p := range pieces {
		if p.Record {
			run.records++
			continue
		}
		payload := data[p.Pos+12 : p.End]
		if data[p.Pos]&3 == 3 { // a footer
			break
		}
		run.to, run.has = p.Pos, binary.LittleEndian.Uint32(payload[56:])&16 != 0
		sum := binary.LittleEndian.Uint32(payload[60:])
		if run.from < 0 && run.has {
			t.Errorf("%s: the first sync point has a checksum of what is before it", name)
		}
		if run.from >= 0 {
			if want := crc32.Checksum(data[run.from:run.to], crc32.MakeTable(crc32.Castagnoli)); run.has && sum != want {
				t.Errorf("%s: bytes %d to %d have the checksum %08x, the sync point says %08x", name, run.from, run.to, want, sum)
			}
			runs = append(runs, run)
		}
		if !run.has && sum != 0 {
			t.Errorf("%s, byte %d: a checksum %08x, and no word of it", name, p.Pos, sum)
		}
		run = summed{from: p.End}
	}
	return runs
}

// Each sync point says the checksum of all that lies behind the one before, if that is small records: over blocks, segments,
// batches, and writes that fail.
func TestRunsAreSummed(t *testing.T) {
	for name, o := range map[string]diskq.Options{
		"buffered": {Durability: diskq.Buffered}, "written": {}, "mapped": {}, "durable": {Durability: diskq.Durable},
		"small segments": {Durability: diskq.Buffered, SegmentBytes: 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			m := fsx.NewMem(fsx.MemOptions{Maps: name == "mapped"})
			o.SyncEvery = -1
			synctest.Test(t, func(t *testing.T) {
				q := open(t, m, o)
				for i := range 1500 {
					switch {
					case i%100 == 7:
						add(t, q, strings.Repeat("large", 2000))
					case i%400 == 250 && name == "written":
						m.Inject(fsx.Nth(0, syscall.EIO, fsx.OpWrite))
						if _, err := q.Append(t.Context(), value(i)); !errors.Is(err, syscall.EIO) {
							t.Fatalf("Append() = %v, want EIO", err)
						}
						m.Inject(nil)
						add(t, q, value(i))
					case i%700 == 300:
						must(t, q.Sync(t.Context()))
					default:
						_, err := q.AppendAll(t.Context(), values(i%40))
						must(t, err)
					}
				}
				must(t, q.Close())
			})
			has, could := 0, 0
			for file := range filesOf(t, m) {
				if !strings.HasSuffix(file, ".seg") {
					continue
				}
				for _, run := range summedRuns(t, m, file) {
					if size := run.to - run.from; size >= 1024 && size <= 512*int64(run.records) {
						could++
					}
					if run.has {
						has++
					}
				}
			}
			if could < 4 || has < could*2/3 { // the last of a segment has none, nor has one that was taken back
				t.Errorf("%d runs have a checksum, want nearly all of %d", has, could)
			}
		})
	}
}

// Readers verify nearly all of a queue of small records by runs. Damage in one, or in the sync point behind it, costs that run alone
// its shortcut.
func TestReadersVerifyByRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		id := uint64(0)
		draw := func() uint64 { // with the time of the bubble, all bytes are the same each time: by chance some look like a large frame
			id += 0x0123456789abcdef
			return id | 1
		}
		q := open(t, m, diskq.Drawing(diskq.Options{Durability: diskq.Buffered, SyncEvery: -1}, draw))
		for range 100 {
			_, err := q.AppendAll(t.Context(), values(400))
			must(t, err)
		}
		must(t, q.Close())
		runs := summedRuns(t, m, firstSegment)
		data, err := fsx.ReadFile(m, firstSegment)
		must(t, err)
		all, err := diskq.VerifiedByRuns(m, dir)
		must(t, err)
		if want := int64(len(data)) * 9 / 10; all < want {
			t.Errorf("%d bytes are verified by runs, want at least %d", all, want)
		}
		hit := runs[3]
		for what, at := range map[string]int64{
			"its first byte": hit.from, "a record": (hit.from + hit.to) / 2, "its last byte": hit.to - 1,
			"the checksum of the sync point": hit.to + 8, "what that says": hit.to + 12 + 60,
		} {
			flipped := bytes.Clone(data)
			flipped[at] ^= 4
			must(t, fsx.WriteFile(m, firstSegment, flipped))
			got, err := diskq.VerifiedByRuns(m, dir)
			must(t, err)
			if want := all - (hit.to - hit.from); got > want || got < want-(runs[4].to-runs[4].from) {
				t.Errorf("%s damaged: %d bytes are verified by runs, want %d", what, got, want)
			}
		}
	})
}

// A reader looks first for a run as long as the one before. One that is shorter, longer, or as long with a sync point in it, is
// found as well, also where the file ends.
func TestRunsOfAnyLength(t *testing.T) {
	record := strings.Repeat("x", 64) // as large as a sync point
	lengths := []int{500, 500, 41, 20, 20, 41, 20, 20, 700, 30, 850, 850, 15}
	for name, end := range map[string]func(m *fsx.Mem, q *diskq.DiskQueue[string]) *fsx.Mem{
		"closed": func(m *fsx.Mem, q *diskq.DiskQueue[string]) *fsx.Mem { must(t, q.Close()); return m },
		"killed": func(m *fsx.Mem, q *diskq.DiskQueue[string]) *fsx.Mem { return m.Kill() },
	} {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
		for _, n := range lengths {
			add(t, q, slices.Repeat([]string{record}, n)...)
			must(t, q.Sync(t.Context()))
		}
		add(t, q, record) // the sync point before it is written with it
		must(t, q.Sync(t.Context()))
		m = end(m, q)
		runs := summedRuns(t, m, firstSegment)[1:] // but for an empty one
		want := int64(0)
		for i, run := range runs[:len(lengths)] {
			if !run.has || run.records != lengths[i] || run.to-run.from != int64(76*lengths[i]) {
				t.Fatalf("%s: a run is %+v, want one of %d records of 76 bytes, with a checksum", name, run, lengths[i])
			}
			want += run.to - run.from
		}
		if got, err := diskq.VerifiedByRuns(m, dir); got != want || err != nil {
			t.Errorf("%s: %d bytes are verified by runs, %v; want all %d", name, got, err, want)
		}
	}
}

// A checksum that is not that of the run costs nothing but time.
func TestRunOfAnotherChecksum(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
	for range 20 {
		_, err := q.AppendAll(t.Context(), values(400))
		must(t, err)
	}
	must(t, q.Close())
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	before, err := diskq.VerifiedByRuns(m, dir)
	must(t, err)
	run := summedRuns(t, m, firstSegment)[2]
	payload := data[run.to+12:][:64]
	payload[60]++
	id, index := binary.LittleEndian.Uint64(payload), binary.LittleEndian.Uint32(data[run.to+4:])
	copy(data[run.to:], diskq.EncodeFrame(payload, id, run.to, index, 2))
	must(t, fsx.WriteFile(m, firstSegment, data))
	after, err := diskq.VerifiedByRuns(m, dir)
	must(t, err)
	if after != before-(run.to-run.from) {
		t.Errorf("%d bytes are verified by runs, want all %d but the %d of one", after, before, run.to-run.from)
	}
	q = open(t, m, diskq.Options{})
	if r, err := readAll(q); err != nil || r.next != 8000 || len(r.gaps) > 0 || len(r.values) != 8000 {
		t.Errorf("%d values of %d, gaps %v, %v: want 8000 of 8000, none, nil", len(r.values), r.next, r.gaps, err)
	}
}

// Damage anywhere costs the value that it is in, in files of many windows and segments too, of which most is verified by runs.
func TestDamageInManyWindows(t *testing.T) {
	for _, segment := range []int64{0, 400_000} {
		t.Run("strings", func(t *testing.T) { damageWindows(t, diskq.String(), diskq.String(), segment) })
		t.Run("kept bytes", func(t *testing.T) { damageWindows(t, diskq.Bytes(), diskq.Bytes(), segment) })
		t.Run("lent bytes", func(t *testing.T) { damageWindows(t, diskq.Bytes(), diskq.LentBytes(), segment) })
	}
}

func damageWindows[T string | []byte](t *testing.T, write, read diskq.Codec[T], segment int64) {
	const n = 30_000
	m := newMem()
	q, err := diskq.Open(dir, write, diskq.On(diskq.Options{Durability: diskq.Buffered, SyncEvery: -1, SegmentBytes: segment}, m))
	must(t, err)
	for i := range n {
		_, err := q.Append(t.Context(), T(value(i)))
		must(t, err)
	}
	must(t, q.Close())
	files := filesOf(t, m)
	for file, data := range files {
		first, ok := strings.CutSuffix(filepath.Base(file), ".seg")
		if !ok {
			continue
		}
		pieces, err := diskq.Pieces(m, dir, parseOffset(t, first))
		must(t, err)
		step := 3037
		if *exhaustive {
			step = 1013
		}
		for i := 97; i < len(pieces); i += step {
			if !pieces[i].Record {
				continue
			}
			data[pieces[i].End-1] ^= 1
			q, err := diskq.Open(dir, read, diskq.On(diskq.Options{}, diskWith(t, files)))
			must(t, err)
			if err := missesOnly(q, n, pieces[i].Offset); err != nil {
				t.Errorf("value %d damaged: %v", pieces[i].Offset, err)
			}
			must(t, q.Close())
			unsealed := diskWith(t, files) // so that all of it is looked at
			must(t, fsx.WriteFile(unsealed, file, data[:pieces[len(pieces)-2].End]))
			report, err := diskq.InspectOn(unsealed, dir)
			must(t, err)
			if d := report.Damage; len(d) == 0 || d[0].From != pieces[i].Offset || d[0].To != d[0].From+1 {
				t.Errorf("value %d damaged: Inspect tells of %v", pieces[i].Offset, d)
			}
			data[pieces[i].End-1] ^= 1
		}
	}
}

// missesOnly reads all n values of a queue but one.
func missesOnly[T string | []byte](q *diskq.DiskQueue[T], n int, missing sluice.Offset) error {
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	for i := range sluice.Offset(n) {
		v, ok, err := c.TryNext()
		gap := (*sluice.CorruptError)(nil)
		switch {
		case i == missing:
			if !errors.As(err, &gap) || gap.From != i || gap.To != i+1 {
				return fmt.Errorf("instead of it there is %.40q, %v, %w", v, ok, err)
			}
		case err != nil || !ok || string(v) != value(int(i)):
			return fmt.Errorf("value %d is %.40q, %v, %w", i, v, ok, err)
		}
	}
	return nil
}

// A run that is of no use, because its records are large, has no checksum, however many small ones were before it in the segment.
func TestLargeRecordsAreNotSummed(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
	for _, vs := range [][]string{values(500), slices.Repeat([]string{strings.Repeat("large", 400)}, 5), values(1)} {
		add(t, q, vs...)
		must(t, q.Sync(t.Context()))
	}
	runs := summedRuns(t, m.Kill(), firstSegment)
	if n := len(runs); n != 3 || !runs[1].has || runs[2].has {
		t.Errorf("the runs are %+v, want one of small records that has a checksum, and one of large ones that has none", runs)
	}
}

// A run that goes over the end of a block, and had to be given up there, has no checksum, though all of it were small enough.
func TestRunGivenUpAtTheEndOfABlock(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
	for piece-diskq.End(q) > 30_000 {
		add(t, q, value(1))
	}
	must(t, q.Sync(t.Context()))
	add(t, q, strings.Repeat("large", 6000))
	add(t, q, values(300)...)
	must(t, q.Sync(t.Context()))
	add(t, q, value(2))
	must(t, q.Sync(t.Context()))
	runs := summedRuns(t, m.Kill(), firstSegment)
	if last := runs[len(runs)-1]; last.has || last.records != 301 || last.to-last.from > 512*301 {
		t.Errorf("the last run is %+v, want one of 301 records, small on average, that has no checksum", last)
	}
}

// forged returns what brings the checksum of data to zero when it is put behind.
func forged(data []byte) (b [4]byte) {
	table := crc32.MakeTable(crc32.Castagnoli)
	var step [4]int // which entries of the table come in, found backwards by their highest bytes
	for i, want := 3, ^uint32(0); i >= 0; i-- {
		step[i] = slices.IndexFunc(table[:], func(e uint32) bool { return e>>24 == want>>24 })
		want = (want ^ table[step[i]]) << 8
	}
	at := ^crc32.Checksum(data, table)
	for i := range b {
		b[i] = byte(at) ^ byte(step[i])
		at = table[step[i]] ^ at>>8
	}
	return b
}

// Where a sync point says no checksum, none vouches for the run: also damage that has the sum of zero is found.
func TestDamageWithAChecksumOfZero(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
	must(t, q.Sync(t.Context()))
	add(t, q, slices.Repeat([]string{strings.Repeat("large", 120)}, 6)...)
	must(t, q.Sync(t.Context()))
	add(t, q, value(0))
	must(t, q.Sync(t.Context()))
	m = m.Kill()
	runs := summedRuns(t, m, firstSegment)
	run := runs[len(runs)-1]
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	sum := forged(data[run.from : run.to-4])
	copy(data[run.to-4:], sum[:])
	if got := crc32.Checksum(data[run.from:run.to], crc32.MakeTable(crc32.Castagnoli)); got != 0 || run.has {
		t.Fatalf("the run is %+v, with the checksum %08x, want one that says none, and 0", run, got)
	}
	must(t, fsx.WriteFile(m, firstSegment, data))
	if r, err := readAll(follow(t, m)); err != nil || len(r.gaps) != 1 || r.gaps[0].From != 5 || r.next != 7 {
		t.Errorf("gaps %v up to %d, %v; want value 5 of 7", r.gaps, r.next, err)
	}
}
