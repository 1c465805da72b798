package diskq_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A power cut of a queue whose last segments are neither sealed nor synced leaves a piece of its beginning, whole, and no
// damage; and what is appended then lasts, whatever is left of the old segments.
func TestPowerCutOfUnsealedSegments(t *testing.T) {
	seeds := uint64(150)
	if *exhaustive {
		seeds = 5000
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			add(t, q, value(0))
			must(t, q.Sync(t.Context()))
			m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpSyncDir)) // so nothing is synced, nor sealed
			for q.Stats().Segments < 4 {
				_, next := q.Bounds()
				vs := make([]string, 1+int(next)%9)
				for i := range vs {
					vs[i] = fmt.Sprintf("%d of %d: %s", i, len(vs), value(int(next)+i))
				}
				_, err := q.AppendAll(t.Context(), vs)
				must(t, err)
			}
			all, err := readAll(q)
			must(t, err)
			epoch := q.Epoch()
			m = m.PowerCut(seed)
			q.Close()
			for round := range 2 {
				q = open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
				left, err := readAll(q)
				must(t, err)
				if len(left.gaps) > 0 || left.next < 1 || q.Epoch() == epoch {
					t.Fatalf("seed %d, round %d: gaps %v, the end is %d, and the epoch changed: %v", seed, round, left.gaps, left.next, q.Epoch() != epoch)
				}
				for off, v := range left.values {
					if v != all.values[off] && v != "later" {
						t.Fatalf("seed %d, round %d: value %d = %q, want %q", seed, round, off, v, all.values[off])
					}
				}
				if next, ok := all.values[left.next]; ok && round == 0 && left.next > 1 && !strings.HasPrefix(next, "0 of") {
					t.Fatalf("seed %d: the end is in the middle of a batch, before %q", seed, next)
				}
				if round == 1 && left.values[left.next-1] != "later" {
					t.Fatalf("seed %d: the last value = %q, want the one that was synced before another power cut", seed, left.values[left.next-1])
				}
				add(t, q, "later")
				must(t, q.Sync(t.Context()))
				m = m.PowerCut(seed + 1)
				epoch = q.Epoch()
				q.Close()
			}
		})
	}
}

// What Close has sealed is found closed after a power cut: with all values and the old epoch.
func TestPowerCutBehindClose(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		for seed := range uint64(30) {
			m := newMem()
			q := open(t, m, diskq.Options{Durability: d, SegmentBytes: 4096})
			add(t, q, values(300)...)
			must(t, q.Close())
			again := open(t, m.PowerCut(seed), diskq.Options{})
			r, err := readAll(again)
			must(t, err)
			if s := again.Stats(); !s.Recovery.Clean || s.Epoch != q.Epoch() || r.next != 300 || len(r.gaps) > 0 {
				t.Fatalf("%v, seed %d: Stats() = %+v, gaps %v, want a queue that was closed, of 300 values", d, seed, s, r.gaps)
			}
		}
	}
}

// A queue whose last segment is gone, as in an incomplete copy, was not closed, whatever it was: the offsets that were in it are given
// again, so the epoch is another.
func TestLastSegmentIsGone(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		for end, stop := range map[string]func(m *fsx.Mem, q *diskq.DiskQueue[string]) *fsx.Mem{
			"closed": func(m *fsx.Mem, q *diskq.DiskQueue[string]) *fsx.Mem { must(t, q.Close()); return m },
			"killed": func(m *fsx.Mem, q *diskq.DiskQueue[string]) *fsx.Mem { return m.Kill() },
		} {
			t.Run(fmt.Sprintf("%v, %s", d, end), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := mapping()
					q := open(t, m, diskq.Options{Durability: d, SegmentBytes: 4096, SyncEvery: -1})
					roll(t, q)
					roll(t, q)
					add(t, q, "in the last segment")
					synctest.Wait() // until those before are sealed
					epoch := q.Epoch()
					m = stop(m, q)
					last := removeLastSegment(t, m)
					q = open(t, m, diskq.Options{})
					if s := q.Stats(); s.Epoch == epoch || !s.Recovery.NewEpoch || s.Recovery.Clean || s.Next != last || last == 0 {
						t.Errorf("Stats() = %+v, want another epoch than %d, up to %d", s, epoch, last)
					}
					must(t, q.Close())
					if again := open(t, m, diskq.Options{}); again.Epoch() != q.Epoch() {
						t.Error("the epoch is another one when it is opened again")
					}
				})
			})
		}
	}
}

// The TAIL of a killed process tells that a later segment was there, also if none was sealed.
func TestTailOfASegmentThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
		roll(t, q)
		add(t, q, "in the last segment")
		epoch := q.Epoch()
		m = m.Kill()
		last := removeLastSegment(t, m)
		pieces, err := diskq.Pieces(m, dir, 0)
		must(t, err)
		first := filesOf(t, m)[firstSegment]
		if end := pieces[len(pieces)-1]; first[end.Pos]&3 == 3 { // its footer, if it was sealed in time
			first = first[:end.Pos]
		}
		must(t, fsx.WriteFile(m, firstSegment, first))
		q = open(t, m, diskq.Options{})
		if s := q.Stats(); s.Epoch == epoch || !s.Recovery.NewEpoch || s.Next != last || last == 0 {
			t.Errorf("Stats() = %+v, want another epoch than %d, up to %d", s, epoch, last)
		}
	})
}

// removeLastSegment returns where the queue goes on without it.
func removeLastSegment(t *testing.T, m *fsx.Mem) (last sluice.Offset) {
	t.Helper()
	name := ""
	for file := range filesOf(t, m) {
		if strings.HasSuffix(file, ".seg") {
			name = max(name, file)
		}
	}
	must(t, m.Remove(name))
	return parseOffset(t, strings.TrimSuffix(filepath.Base(name), ".seg"))
}

// When a queue can't be repaired yet, for want of room or because a rename fails, what is left of the crash stays as it is, and
// each Open finds the same, with the same new epoch.
func TestUnmadeSegment(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			m := newMem()
			q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
			roll(t, q)
			must(t, q.Sync(t.Context()))
			roll(t, q)
			before := q.Epoch()
			m = m.PowerCut(seed)
			q.Close()
			var epochs [3]uint64
			var ends [3]sluice.Offset
			for i := range epochs {
				if i < 2 {
					m.Inject(fsx.From(0, syscall.EIO, fsx.OpRename))
				}
				q = open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
				synctest.Wait()
				_, ends[i] = q.Bounds()
				epochs[i] = q.Epoch()
				r, err := readAll(q)
				must(t, err)
				if len(r.gaps) > 0 {
					t.Errorf("seed %d, Open %d: damage: %v", seed, i, r.gaps[0])
				}
				if _, err := q.Append(t.Context(), "later"); (err == nil) != (i == 2) {
					t.Errorf("seed %d, Open %d: Append() = %v", seed, i, err)
				}
				m = m.Kill()
				q.Close()
			}
			if epochs[0] == before || epochs[1] != epochs[0] || epochs[2] != epochs[0] || ends[1] != ends[0] || ends[2] != ends[0] {
				t.Errorf("seed %d: the epoch was %d, then it is %d, and the end %d, want the same new one each time", seed, before, epochs, ends)
			}
		})
	}
}

// A queue that can't be repaired yet drops nothing: what is dropped would leave no trace of where its offsets go on.
func TestTrimOfAnUnmadeSegment(t *testing.T) {
	m, o := newMem(), diskq.Options{SegmentBytes: 4096, SyncEvery: -1}
	add(t, open(t, m, o), values(100)...)
	m = m.Kill()
	m.Inject(fsx.From(0, syscall.EIO, fsx.OpRename))
	q := open(t, m, o)
	if err := q.Empty(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Empty() = %v, want EIO", err)
	}
	m = m.Kill()
	q = open(t, m, o)
	if first, next := q.Bounds(); first != 0 || next != 100 {
		t.Errorf("Bounds() = %d, %d, want 0, 100", first, next)
	}
	must(t, q.Empty())
	if first, next := q.Bounds(); first != 100 || next != 100 {
		t.Errorf("Bounds() = %d, %d when it is repaired and empty, want 100, 100", first, next)
	}
}

// A segment with a damaged end is not sealed by recovery: its bytes stay as they are.
func TestDamagedEndIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SegmentBytes: 4096, SyncEvery: -1})
		add(t, q, value(0))
		m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpSyncDir)) // so that it is not sealed
		roll(t, q)
		m = m.Kill()
		q.Close()
		pieces, err := diskq.Pieces(m, dir, 0)
		must(t, err)
		data, err := fsx.ReadFile(m, firstSegment)
		must(t, err)
		last := pieces[len(pieces)-1]
		data[last.End-1] ^= 1
		must(t, fsx.WriteFile(m, firstSegment, data))
		q = open(t, m, diskq.Options{})
		synctest.Wait()
		r, err := readAll(q)
		must(t, err)
		if len(r.gaps) != 1 || r.gaps[0].From != last.Offset || r.gaps[0].To != last.Offset+1 {
			t.Errorf("gaps %v, want the last value of the first segment, %d", r.gaps, last.Offset)
		}
		must(t, q.Close())
		if kept, err := fsx.ReadFile(m, firstSegment); err != nil || string(kept) != string(data) {
			t.Errorf("the damaged segment has %d bytes, %v, want the %d that it had", len(kept), err, len(data))
		}
	})
}

// A segment that takes the place of an empty one of its name is whole before it has that name: a power cut meanwhile leaves the one or
// the other, and a durable queue its epoch.
func TestPowerCutWhileASegmentIsReplaced(t *testing.T) {
	for seed := range uint64(40) {
		m, o := newMem(), diskq.Options{Durability: diskq.Durable}
		q := open(t, m, o)
		add(t, q, value(0))
		must(t, q.Empty())
		m = m.Kill()
		renamed := dieBehindARename(m, o)
		again := open(t, m.PowerCut(seed), o)
		if _, next := again.Bounds(); next != 1 || again.Epoch() != q.Epoch() || !renamed {
			t.Errorf("seed %d: the queue ends at %d, with the old epoch: %v, a segment was renamed: %v; want 1, true, true",
				seed, next, again.Epoch() == q.Epoch(), renamed)
		}
	}
}

// dieBehindARename opens the queue, and the power goes at the first sync behind a rename. It reports whether there was one.
func dieBehindARename(m *fsx.Mem, o diskq.Options) (renamed bool) {
	m.Inject(func(c fsx.Call) error {
		if renamed && c.Op == fsx.OpSync {
			return fsx.ErrPowerCut
		}
		renamed = renamed || c.Op == fsx.OpRename
		return nil
	})
	if dead, err := diskq.Open(dir, diskq.String(), diskq.On(o, m)); err == nil {
		dead.Close()
	}
	return renamed
}

// What is kept of a queue that was not closed is on stable storage before the segment that promises it.
func TestWhatIsKeptIsSynced(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			m, o := newMem(), diskq.Options{SyncEvery: -1}
			q := open(t, m, o)
			add(t, q, values(20)...)
			m = m.Kill()
			opened, cut, recovered := 0, newMem(), make(chan struct{})
			open(t, &opening{Mem: m, before: func(name string, flag int) {
				if name != firstSegment || flag != os.O_RDWR {
					return
				}
				if opened++; opened == 2 { // to be sealed, in the background
					<-recovered
					cut = m.PowerCut(seed)
				}
			}}, o)
			close(recovered)
			synctest.Wait()
			r, err := readAll(open(t, cut, o))
			must(t, err)
			if r.next != 20 || len(r.gaps) > 0 {
				t.Errorf("seed %d: a power cut leaves %d values and gaps %v, want 20 and none", seed, r.next, r.gaps)
			}
		})
	}
}

// Where nobody knows whether the system went on, a queue that was not closed has another epoch, unless it is durable.
func TestEpochOfAnUnknownBoot(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Durable} {
		m, o := newMem(), diskq.Options{Durability: d, SyncEvery: -1}
		q := open(t, bootless{m}, o)
		add(t, q, value(0))
		again := open(t, bootless{m.Kill()}, o)
		if changed := again.Epoch() != q.Epoch(); changed != (d == diskq.Written) {
			t.Errorf("%v: the epoch is another: %v", d, changed)
		}
	}
}

// Values that are missing at the end of a segment are a gap, and no torn end, if the segments behind it promise them.
func TestPromisedEndOfASegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newMem(), diskq.Options{SegmentBytes: 4096, SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, value(0))
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpTruncate)) // so that nothing is sealed
		roll(t, q)
		roll(t, q)
		must(t, q.Sync(t.Context()))
		add(t, q, "behind the sync point that promises all")
		_, next := q.Bounds()
		m = m.Kill()
		pieces, err := diskq.Pieces(m, dir, 0)
		must(t, err)
		last := pieces[len(pieces)-1].Offset
		cutSegment(t, m, 0, last)
		q = open(t, bootless{m}, o)
		r, err := readAll(q)
		must(t, err)
		if r.next != next || len(r.gaps) != 1 || r.gaps[0].From != last || r.gaps[0].To != last+1 {
			t.Errorf("the queue ends at %d, with gaps %v, want %d, and value %d alone", r.next, r.gaps, next, last)
		}
		must(t, q.Close())
	})
}

// So are the names of what is kept, before the one of the segment that promises it.
func TestNamesOfWhatIsKeptAreSynced(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			m, o := newMem(), diskq.Options{SegmentBytes: 4096, SyncEvery: -1}
			q := open(t, m, o)
			add(t, q, value(0))
			m.Inject(fsx.From(0, syscall.EMFILE, fsx.OpSyncDir))
			roll(t, q)
			roll(t, q)
			_, next := q.Bounds()
			m = m.Kill()
			renamed := dieBehindARename(m, o)
			r, err := readAll(open(t, m.PowerCut(seed), o))
			must(t, err)
			if r.next != next || len(r.gaps) > 0 || !renamed {
				t.Errorf("seed %d: a power cut leaves %d values and gaps %v, want %d and none", seed, r.next, r.gaps, next)
			}
		})
	}
}

// What a crash left behind the end of a segment is cut off when that is sealed, or its footer would not be found.
func TestTornEndIsSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newMem(), diskq.Options{SyncEvery: -1}
		add(t, open(t, m, o), values(10)...)
		m = m.Kill()
		data, err := fsx.ReadFile(m, firstSegment)
		must(t, err)
		must(t, fsx.WriteFile(m, firstSegment, append(data, strings.Repeat("torn", 200)...)))
		q := open(t, m, o)
		synctest.Wait()
		report, err := diskq.InspectOn(m, dir)
		must(t, err)
		data, err = fsx.ReadFile(m, firstSegment)
		must(t, err)
		if s := report.Segments[0]; !s.Sealed || report.Next != 10 || strings.Contains(string(data), "torn") {
			t.Errorf("the segment is %+v, and ends with %q, and the queue ends at %d; want a footer, and 10", s, data[len(data)-16:], report.Next)
		}
		must(t, q.Close())
	})
}
