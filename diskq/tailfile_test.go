package diskq_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

func mapping() *fsx.Mem { return fsx.NewMem(fsx.MemOptions{Maps: true}) }

var tailName = filepath.Join(dir, "TAIL")

// filesOf returns what is in the directory of a queue.
func filesOf(t testing.TB, m *fsx.Mem) map[string][]byte {
	t.Helper()
	entries, err := m.ReadDir(dir)
	must(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		files[name], err = fsx.ReadFile(m, name)
		must(t, err)
	}
	return files
}

// diskWith returns a disk with those files.
func diskWith(t testing.TB, files map[string][]byte) *fsx.Mem {
	t.Helper()
	m := mapping()
	must(t, m.MkdirAll(dir, 0o700))
	for name, data := range files {
		must(t, fsx.WriteFile(m, name, data))
	}
	return m
}

// killed returns what a killed process leaves that has appended vs, and written nothing of it but the beginning of its session.
func killed(t testing.TB, vs []string) (files map[string][]byte) {
	synctest.Test(t.(*testing.T), func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, vs...)
		files = filesOf(t, m.Kill())
	})
	return files
}

func segmentOf(t testing.TB, files map[string][]byte) string {
	t.Helper()
	for name := range files {
		if strings.HasSuffix(name, ".seg") {
			return name
		}
	}
	t.Fatal("there is no segment")
	return ""
}

// Append of a Written queue makes no system call: what it leaves in the file that it has mapped is written within 10 ms.
func TestWrittenMakesNoSystemCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, value(0)) // begins the session
		before, ops := q.Stats().Writes, m.Ops()
		for i := range 1000 {
			add(t, q, value(1+i))
		}
		if got := m.Ops() - ops; got != 0 {
			t.Errorf("1000 appends made %d system calls, want 0", got)
		}
		time.Sleep(20 * time.Millisecond)
		if got := q.Stats().Writes - before; got != 1 {
			t.Errorf("%d writes within 20 ms, want 1", got)
		}
		segment := segmentOf(t, filesOf(t, m))
		if data, err := fsx.ReadFile(m, segment); err != nil || !strings.Contains(string(data), value(1000)) {
			t.Errorf("the last value is not in %s: %v", segment, err)
		}
		must(t, q.Close())
		if _, err := m.Stat(tailName); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Close Stat(%s) = %v, want that it does not exist", tailName, err)
		}
	})
}

// A process that is killed has lost nothing, wherever in its blocks and segments it was, and however often.
func TestKilledWithoutAWrite(t *testing.T) {
	for _, segment := range []int64{4096, 100_000, 1 << 20} {
		for _, size := range []int{10, 3000, 70_000, 300_000} {
			synctest.Test(t, func(t *testing.T) {
				m, n := mapping(), 0
				for round := range 12 {
					q := open(t, m, diskq.Options{SyncEvery: -1, SegmentBytes: segment})
					r, err := readAll(q)
					if err != nil || int(r.next) != n || len(r.gaps) > 0 || q.Stats().Recovery.NewEpoch {
						t.Fatalf("segments of %d, values of %d, round %d: %d values, gaps %v, %v, new epoch %v: want %d, none, nil, false",
							segment, size, round, r.next, r.gaps, err, q.Stats().Recovery.NewEpoch, n)
					}
					for off, v := range r.values {
						if !strings.HasPrefix(v, value(int(off))) {
							t.Fatalf("value %d is %.20q, want %.20q", off, v, value(int(off)))
						}
					}
					for range round * 3 {
						add(t, q, value(n)+strings.Repeat("z", size))
						n++
					}
					if round%3 == 2 {
						must(t, q.Close())
					} else {
						m = m.Kill()
					}
				}
			})
		}
	}
}

// A batch of which the process put only a part into its memory does not count.
func TestKilledInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, value(0))
		if _, err := q.AppendAll(t.Context(), values(10)); err != nil {
			t.Fatal(err)
		}
		files := filesOf(t, m.Kill())
		last := strings.LastIndex(string(files[tailName]), value(9))
		clear(files[tailName][last:])
		q = open(t, diskWith(t, files), diskq.Options{})
		if r, err := readAll(q); err != nil || r.next != 1 || len(r.gaps) > 0 {
			t.Errorf("%d values, gaps %v, %v: want 1, none, nil", r.next, r.gaps, err)
		}
		const frameHeader = 12
		want := int64(0)
		for _, v := range values(9) { // those that are whole
			want += int64(frameHeader + len(v))
		}
		if got := q.Stats().Recovery.Cut; got != want {
			t.Errorf("%d bytes were cut, want %d", got, want)
		}
	})
}

// Every flipped bit of the TAIL costs at most the value that it hits, or, in a header, what was not written: then the epoch says
// so. A TAIL cut anywhere costs what was cut.
func TestDamagedTail(t *testing.T) {
	vs := values(60)
	files := killed(t, vs)
	tail := files[tailName]
	used := strings.LastIndex(string(tail), vs[59]) + len(vs[59])
	check := func(what string, data []byte, header bool) {
		t.Helper()
		damaged := maps.Clone(files)
		damaged[tailName] = data
		q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{SyncEvery: -1}, diskWith(t, damaged)))
		if err != nil {
			t.Fatalf("%s: Open() = %v, want nil", what, err)
		}
		defer q.Close()
		r, err := readAll(q)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for off, v := range r.values {
			if v != vs[off] {
				t.Fatalf("%s: value %d is %q, want %q", what, off, v, vs[off])
			}
		}
		lost := len(vs) - len(r.values)
		switch {
		case header && lost > 0 && !q.Stats().Recovery.NewEpoch:
			t.Fatalf("%s: %d values are lost, and the epoch is the same", what, lost)
		case !header && (lost > 1 || lost > 0 && int(r.next) == len(vs) && len(r.gaps) != 1):
			t.Fatalf("%s: %d values are lost, gaps %v", what, lost, r.gaps)
		}
	}
	check("undamaged", tail, false)
	every := 97
	if *exhaustive {
		every = 1
	}
	const header, half = 64, 4096
	for bit := 0; bit < used*8; bit += every {
		if at := bit / 8; at >= header && at < half {
			continue // nothing is there
		}
		data := slices.Clone(tail)
		data[bit/8] ^= 1 << (bit % 8)
		check(fmt.Sprintf("bit %d", bit), data, bit/8 < header)
	}
	for cut := 0; cut < used; cut += every {
		check(fmt.Sprintf("cut at %d", cut), tail[:cut], true)
	}
}

// Without its TAIL a queue that was killed has lost what was not written: then it has another epoch.
func TestMissingTail(t *testing.T) {
	files := killed(t, values(10))
	delete(files, tailName)
	q := open(t, diskWith(t, files), diskq.Options{})
	if _, next := q.Bounds(); next != 0 || !q.Stats().Recovery.NewEpoch {
		t.Errorf("without its TAIL the queue ends at %d, and has a new epoch: %v; want 0, true", next, q.Stats().Recovery.NewEpoch)
	}
}

// What a TAIL holds for another queue, or behind a gap, is nobody's.
func TestForeignTail(t *testing.T) {
	ours, theirs := killed(t, []string{"ours"}), killed(t, []string{"theirs", "theirs"})
	segment := segmentOf(t, ours)
	for what, change := range map[string]func(files map[string][]byte){
		"another queue's": func(files map[string][]byte) { files[tailName] = theirs[tailName] },
		"behind a gap":    func(files map[string][]byte) { files[segment] = files[segment][:150] },
		"of no segment":   func(files map[string][]byte) { delete(files, segment); files[otherName(segment)] = ours[segment] },
	} {
		files := maps.Clone(ours)
		change(files)
		q := open(t, diskWith(t, files), diskq.Options{})
		if r, err := readAll(q); err != nil || len(r.values) != 0 || len(r.gaps) != 0 {
			t.Errorf("%s: %v, gaps %v, %v: want nothing", what, r.values, r.gaps, err)
		}
		if cut := q.Stats().Recovery.Cut; cut != 0 && what == "another queue's" {
			t.Errorf("%s: %d bytes were cut: they were written to a segment they do not belong to", what, cut)
		}
	}
}

// otherName is that of the segment that begins one value later.
func otherName(segment string) string { return strings.Replace(segment, "0.seg", "1.seg", 1) }

func TestTailOfAnUnknownVersion(t *testing.T) {
	files := killed(t, values(3))
	files[tailName] = diskq.WithTailVersion(files[tailName], 7)
	_, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, diskWith(t, files)))
	if err == nil || !strings.Contains(err.Error(), "TAIL: unknown format version 7: this program knows version 1") {
		t.Errorf("Open() = %v, want an error that names the version", err)
	}
}

// Nor is a TAIL guessed at whose halves have another size.
func TestTailOfAnUnknownSize(t *testing.T) {
	files := killed(t, values(3))
	for _, room := range []uint32{0, 4096, 1 << 20, 1 << 31} {
		files[tailName] = diskq.WithTailRoom(files[tailName], room)
		_, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, diskWith(t, files)))
		if err == nil || !strings.Contains(err.Error(), "TAIL: unknown format version") {
			t.Errorf("a half of %d bytes: Open() = %v, want an error", room, err)
		}
	}
}

// If what was acknowledged can't be written, nothing more is acknowledged until it can.
func TestWrittenWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, values(5)...)
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite))
		time.Sleep(15 * time.Millisecond) // it is to be written
		for range 3 {
			if _, err := q.Append(t.Context(), "refused"); !errors.Is(err, syscall.EIO) {
				t.Fatalf("Append() = %v, want EIO", err)
			}
		}
		m.Inject(nil)
		add(t, q, value(5))
		q = open(t, m.Kill(), diskq.Options{SyncEvery: -1})
		if r, err := readAll(q); err != nil || r.next != 6 || r.values[5] != value(5) {
			t.Errorf("%d values, the last %q, %v: want 6, %q, nil", r.next, r.values[5], err, value(5))
		}
	})
}

// What can't be written for want of room is refused at once, as without a TAIL, and what was acknowledged is there.
func TestWrittenOnAFullDisk(t *testing.T) {
	for room := int64(0); room < 1_800_000; room += 30_000 {
		segment := int64(200_000)
		if room >= 900_000 { // of several blocks each
			segment = 600_000
		}
		synctest.Test(t, func(t *testing.T) {
			m := mapping()
			q := open(t, m, diskq.Options{SyncEvery: -1, SegmentBytes: segment})
			m.SetRoom(m.Used() + room)
			n := 0
			v := strings.Repeat("v", 5000)
			for ; n < 1000; n++ {
				if _, err := q.Append(t.Context(), v); errors.Is(err, syscall.ENOSPC) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if n == 1000 || int64(n*5000) > room {
				t.Fatalf("%d values of 5000 bytes fit in %d", n, room)
			}
			q = open(t, m.Kill(), diskq.Options{SyncEvery: -1})
			if r, err := readAll(q); err != nil || int(r.next) != n || len(r.gaps) > 0 {
				t.Errorf("with room for %d: %d values, gaps %v, %v: want %d, none, nil", room, r.next, r.gaps, err, n)
			}
		})
	}
}

// Small segments take no more room ahead than they may become large.
func TestRoomOfSmallSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1, SegmentBytes: 10_000})
		add(t, q, value(0))
		const tail = 548_864
		if got := m.Used() - tail; got < 10_000 || got > 10_100 {
			t.Errorf("a segment of at most 10000 bytes takes %d", got)
		}
		must(t, q.Close())
	})
}

func TestDestroyRemovesTheTail(t *testing.T) {
	m := diskWith(t, killed(t, values(3)))
	must(t, diskq.DestroyOn(m, dir))
	if _, err := m.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat(%s) = %v, want that it does not exist", dir, err)
	}
}

// A cursor reads on while blocks change hands, and after Close, and gets what was appended.
func TestReadingBlocksThatAreUsedAgain(t *testing.T) {
	q, err := diskq.Open(t.TempDir(), diskq.String(), diskq.Options{})
	must(t, err)
	const n = 20_000
	done := make(chan error, 3)
	for range cap(done) {
		go func() {
			c := q.Cursor(sluice.Oldest())
			defer c.Close()
			for i := range n {
				if v, err := c.Next(ctxBackground); err != nil || v != value(i) {
					done <- fmt.Errorf("value %d is %q, %v, want %q", i, v, err, value(i))
					return
				}
			}
			done <- nil
		}()
	}
	add(t, q, values(n)...)
	must(t, q.Close())
	for range cap(done) {
		must(t, <-done)
	}
}

// A write that failed does not give back the room that was taken for what is acknowledged: when others have taken all that
// was left, the next Open still has it. After a loss of power that room may be gone, and then the queue is opened without.
func TestTailOnADiskThatIsFullByNow(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			m := mapping()
			q := open(t, m, diskq.Options{SyncEvery: -1})
			add(t, q, value(0))
			must(t, q.Sync(t.Context()))
			add(t, q, value(1))
			m.Inject(fsx.Nth(0, &fsx.ShortWrite{N: 20, Err: syscall.EIO}, fsx.OpWrite))
			time.Sleep(15 * time.Millisecond)
			m.Inject(nil)
			add(t, q, value(2))
			least, next := m.Kill(), 3
			if seed > 0 {
				least, next = least.PowerCut(seed), 1
			}
			least.SetRoom(1)
			q = open(t, least, diskq.Options{SyncEvery: -1})
			if r, err := readAll(q); err != nil || int(r.next) < next {
				t.Errorf("seed %d: %d values, %v: want at least %d, nil", seed, r.next, err, next)
			}
		})
	}
}

// A queue that could not be marked as closed has lost nothing, and the next Open sees that by the TAIL.
func TestTailOfAQueueThatIsNotMarkedAsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		for range 3 { // the second time nothing is appended
			q := open(t, m, diskq.Options{SyncEvery: -1})
			if r := q.Stats().Recovery; r.NewEpoch {
				t.Errorf("Recovery = %+v, want the old epoch", r)
			}
			if _, next := q.Bounds(); next == 0 {
				add(t, q, value(0))
			}
			must(t, q.Sync(t.Context()))
			m.Inject(fsx.From(0, syscall.ENOSPC, fsx.OpWrite))
			must(t, q.Close())
			m.Inject(nil)
		}
	})
}
