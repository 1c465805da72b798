package diskq_test

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

func parseOffset(t testing.TB, s string) sluice.Offset {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	must(t, err)
	return sluice.Offset(n)
}

// A writesFS tells of each write to a segment, before and after it.
type writesFS struct {
	*fsx.Mem
	write func(pos, end int64, done bool)
}

func (w *writesFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := w.Mem.OpenFile(name, flag, perm)
	if err != nil || !strings.HasSuffix(name, ".seg") {
		return f, err
	}
	return writesFile{f, w}, nil
}

type writesFile struct {
	fsx.File
	fs *writesFS
}

func (f writesFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.write(off, off+int64(len(b)), false)
	n, err := f.File.WriteAt(b, off)
	f.fs.write(off, off+int64(n), true)
	return n, err
}

const piece = 256 << 10

// What is appended without a pause is written in pieces that begin and end at multiples of their size, however the values lie.
func TestPiecesAreAligned(t *testing.T) {
	for _, durability := range []diskq.Durability{diskq.Written, diskq.Buffered} {
		for _, size := range []int{1, 100, 5000} {
			synctest.Test(t, func(t *testing.T) {
				aligned, other := 0, 0
				w := &writesFS{Mem: mapping(), write: func(pos, end int64, done bool) {
					switch {
					case done:
					case pos%piece == 0 && end == pos+piece:
						aligned++
					default:
						other++
					}
				}}
				q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{Durability: durability, SyncEvery: -1}, w))
				must(t, err)
				n := 8 * piece / size
				if size == 1 {
					n = 8 * piece / 13
				}
				v := strings.Repeat("v", size)
				for range n {
					add(t, q, v)
				}
				// Begin of the segment and of the session, the first piece, which lies behind them, and what Close writes.
				must(t, q.Close())
				if aligned < 7 || other > 8 {
					t.Errorf("%v, values of %d bytes: %d writes of whole pieces, %d others; want at least 7, at most 8", durability, size, aligned, other)
				}
				q, err = diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, w))
				must(t, err)
				if r, err := readAll(q); err != nil || len(r.values) != n || len(r.gaps) > 0 {
					t.Errorf("%v, values of %d bytes: %d values, gaps %v, %v; want %d, none, nil", durability, size, len(r.values), r.gaps, err, n)
				}
				must(t, q.Close())
			})
		}
	}
}

// A block that was made for a large value is not used again: it would be held for ever, and written as one.
func TestPiecesBehindALargeValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := 0
		w := &writesFS{Mem: newMem(), write: func(pos, end int64, done bool) {
			if done && end-pos > piece {
				large++
			}
		}}
		q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{Durability: diskq.Buffered, SyncEvery: -1}, w))
		must(t, err)
		add(t, q, "begins the session", strings.Repeat("l", 4*piece))
		for range 20 * piece / 1000 {
			add(t, q, strings.Repeat("z", 1000))
		}
		must(t, q.Close())
		if large != 1 {
			t.Errorf("%d writes of more than a piece, want that of the large value", large)
		}
	})
}

// A process may be killed whenever it will, while what lies across two pieces is in one half of the TAIL, in both, or in a segment in
// part: nothing is lost.
func TestKilledBetweenPieces(t *testing.T) {
	type death struct {
		files map[string][]byte
		acked int
	}
	for _, batch := range []int{1, 5} {
		var deaths []death
		synctest.Test(t, func(t *testing.T) {
			acked, watch := 0, false
			w := &writesFS{Mem: mapping()}
			w.write = func(_, _ int64, _ bool) {
				if watch {
					deaths = append(deaths, death{filesOf(t, w.Mem), acked})
				}
			}
			q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{SyncEvery: -1}, w))
			must(t, err)
			pos := 204
			for watch = true; acked < 600; acked += batch {
				vs := make([]string, batch)
				for i := range vs {
					vs[i] = value(acked+i) + strings.Repeat("y", 1000)
				}
				_, err := q.AppendAll(t.Context(), vs)
				must(t, err)
				for _, v := range vs {
					pos += 12 + len(v)
				}
				if pos%piece < 9000 || pos%piece > piece-9000 {
					deaths = append(deaths, death{filesOf(t, w.Mem), acked + batch})
				}
			}
			watch = false
			must(t, q.Close())
		})
		if len(deaths) < 12 {
			t.Fatalf("it was killed %d times, want at least 12", len(deaths))
		}
		for _, d := range deaths {
			synctest.Test(t, func(t *testing.T) {
				q := open(t, diskWith(t, d.files), diskq.Options{SyncEvery: -1})
				r, err := readAll(q)
				if n := int(r.next); err != nil || n < d.acked || n > d.acked+batch || len(r.gaps) > 0 || q.Stats().Recovery.NewEpoch {
					t.Fatalf("%d values, gaps %v, %v, new epoch %v: want %d, or %d more, none, nil, false",
						n, r.gaps, err, q.Stats().Recovery.NewEpoch, d.acked, batch)
				}
				for off, v := range r.values {
					if !strings.HasPrefix(v, value(int(off))) {
						t.Fatalf("value %d is %.20q", off, v)
					}
				}
			})
		}
	}
}

// A piece that can't be written keeps appends out until it can be, and costs nothing that was acknowledged, nor does a half of the
// TAIL that is not to be had when the other is full.
func TestPieceThatCannotBeWritten(t *testing.T) {
	for _, durability := range []diskq.Durability{diskq.Written, diskq.Buffered} {
		for _, pinned := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				m := mapping()
				q := open(t, m, diskq.Options{Durability: durability, SyncEvery: -1})
				add(t, q, value(0))
				release := func() {}
				if pinned {
					release = diskq.PinSpareHalf(q)
				}
				acked, failed := 1, 0
				m.Inject(fsx.Nth(0, syscall.ENOSPC, fsx.OpWrite))
				for acked < 2000 {
					_, err := q.Append(t.Context(), value(acked)+strings.Repeat("y", 500))
					if err == nil {
						acked++
						continue
					}
					if failed++; !errors.Is(err, syscall.ENOSPC) || failed > 1 {
						t.Fatalf("Append() = %v, for the %d. time", err, failed)
					}
				}
				if failed != 1 {
					t.Error("no append failed")
				}
				release()
				if durability == diskq.Written {
					m = m.Kill()
				} else {
					must(t, q.Close())
				}
				q = open(t, m, diskq.Options{SyncEvery: -1})
				r, err := readAll(q)
				if err != nil || int(r.next) != acked || len(r.gaps) > 0 {
					t.Errorf("%v: %d values, gaps %v, %v; want %d, none, nil", durability, r.next, r.gaps, err, acked)
				}
				for off, v := range r.values {
					if !strings.HasPrefix(v, value(int(off))) {
						t.Fatalf("%v: value %d is %.20q", durability, off, v)
					}
				}
			})
		}
	}
}

// Where segments, or the queue, end near the end of a piece nothing is lost or doubled.
func TestPiecesAtTheEndOfSegments(t *testing.T) {
	for _, o := range []diskq.Options{
		{SegmentBytes: piece - 50}, {SegmentBytes: piece + 50}, {SegmentBytes: piece + 700}, {SegmentBytes: 2*piece + 10},
		{SegmentBytes: piece + 700, MaxBytes: 3 * piece, WhenFull: diskq.DropOldest},
	} {
		for _, durability := range []diskq.Durability{diskq.Written, diskq.Buffered} {
			o.Durability, o.SyncEvery = durability, -1
			for _, size := range []int{30, 300, 450, 1200} {
				synctest.Test(t, func(t *testing.T) {
					m := mapping()
					q := open(t, m, o)
					n := 5 * piece / size
					for i := range n {
						add(t, q, value(i)+strings.Repeat("z", size))
					}
					if durability == diskq.Written {
						m = m.Kill()
					} else {
						must(t, q.Close())
					}
					q = open(t, m, o)
					first, next := q.Bounds()
					r, err := readAll(q)
					if err != nil || int(next) != n || len(r.gaps) > 0 || len(r.values) != n-int(first) || q.Stats().Recovery.NewEpoch {
						t.Fatalf("%+v, values of %d: %d of %d to %d, gaps %v, %v", o, size, len(r.values), first, next, r.gaps, err)
					}
					for off, v := range r.values {
						if !strings.HasPrefix(v, value(int(off))) {
							t.Fatalf("%+v, values of %d: value %d is %.20q", o, size, off, v)
						}
					}
				})
			}
		}
	}
}

// When a piece is written, and nothing came behind it yet: what lies across its end can be read, a sync promises nothing of it, and
// a run that begins behind its end has the right checksum.
func TestAcrossTheEndOfAPiece(t *testing.T) {
	for _, durability := range []diskq.Durability{diskq.Written, diskq.Buffered} {
		for i, gap := range []int64{13, 40, 100, 13, 40, 100} { // how far before the end of the piece a sync point is due
			sync := i < 3
			synctest.Test(t, func(t *testing.T) {
				m := mapping()
				q := open(t, m, diskq.Options{Durability: durability, SyncEvery: -1})
				n := 0
				one := func() { add(t, q, value(n)); n++ }
				for one(); piece-diskq.End(q) > gap+60; {
					one()
				}
				for last := diskq.End(q); piece-last > gap; last = diskq.End(q) {
					add(t, q, "")
					n++
				}
				diskq.PointDue(q)
				for range 3 {
					_, err := q.AppendAll(t.Context(), []string{value(n), value(n + 1), value(n + 2)})
					must(t, err)
					if n += 3; diskq.End(q) >= piece {
						break
					}
				}
				must(t, diskq.Turn(q))
				if r, err := readAll(q); err != nil || int(r.next) != n || len(r.gaps) > 0 || len(r.values) != n {
					t.Errorf("%v, %d: %d values of %d, gaps %v, %v", durability, gap, len(r.values), n, r.gaps, err)
				}
				if sync {
					must(t, diskq.SyncWritten(q))
				}
				if got := diskq.Synced(q); sync && int(got) != n-3 {
					t.Errorf("%v, %d: synced up to %d, want %d: the append behind is not in the file as a whole", durability, gap, got, n-3)
				}
				for range 10_000 {
					one()
				}
				must(t, q.Close())
				runs := summedRuns(t, m, firstSegment)
				for i, run := range runs[:len(runs)-1] {
					if !run.has && run.to-run.from > 2000 {
						t.Errorf("%v, %d: run %d of %d has no checksum", durability, gap, i, len(runs))
					}
				}
			})
		}
	}
}

// What lies across the end of a piece is in the TAIL, also where the block behind has no half of it: Close does not say that it is lost.
func TestCloseSaysWhereTheRestIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		n := 0
		for n == 0 || diskq.End(q) < piece {
			add(t, q, value(n)+strings.Repeat("z", 1000))
			n++
		}
		release := diskq.PinSpareHalf(q)
		must(t, diskq.Turn(q))
		release()
		m.Inject(fsx.From(0, syscall.ENOSPC, fsx.OpWrite))
		err := q.Close()
		m.Inject(nil)
		m = m.Kill()
		q = open(t, m, diskq.Options{})
		r, err2 := readAll(q)
		must(t, err2)
		if int(r.next) != n || err == nil || strings.Contains(err.Error(), "lost") {
			t.Errorf("Close() = %v, and then there are %d values of %d", err, r.next, n)
		}
	})
}

// An append of more than a piece that begins where a block is nearly full is not lost when the process is killed, wherever it turned.
func TestKilledBehindARestOfAPiece(t *testing.T) {
	for _, batch := range []int{1, 1000} {
		for turns := range 4 {
			synctest.Test(t, func(t *testing.T) {
				m := mapping()
				q := open(t, m, diskq.Options{SyncEvery: -1})
				add(t, q, "begins the session")
				add(t, q, strings.Repeat("l", int(2*piece-1000-diskq.End(q)-12))) // a block of its own: the next begins there
				vs := make([]string, batch)
				for i := range vs {
					vs[i] = strings.Repeat("v", 265_000/batch-12)
				}
				_, err := q.AppendAll(t.Context(), vs)
				must(t, err)
				for range turns {
					must(t, diskq.Turn(q))
				}
				q = open(t, m.Kill(), diskq.Options{SyncEvery: -1})
				if r, err := readAll(q); err != nil || int(r.next) != 2+batch || len(r.gaps) > 0 {
					t.Errorf("%d at once, %d turns: %d values, gaps %v, %v; want %d, none, nil", batch, turns, r.next, r.gaps, err, 2+batch)
				}
			})
		}
	}
}

// A piece that is written does not let appends in while what lies behind it can't be.
func TestRestOfAPieceThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1, SegmentBytes: 4 * piece, MaxBytes: 4 * piece, WhenFull: diskq.Fail})
		for n := 0; n == 0 || diskq.End(q) <= piece; n++ {
			add(t, q, value(n)+strings.Repeat("z", 1000))
		}
		left := int(4*piece - diskq.End(q)) // in the segment; in the queue there must be room for a footer too
		if _, err := q.Append(t.Context(), strings.Repeat("z", left-200)); !errors.Is(err, diskq.ErrFull) {
			t.Fatalf("Append() = %v, want ErrFull, behind the piece that is written for it", err)
		}
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite))
		if err := q.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Sync() = %v, want EIO", err)
		}
		if _, err := q.Append(t.Context(), "small"); !errors.Is(err, syscall.EIO) {
			t.Errorf("Append() = %v, want EIO", err)
		}
		m.Inject(nil)
		add(t, q, "small")
	})
}
