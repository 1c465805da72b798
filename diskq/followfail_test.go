package diskq_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A shortFS fails the next write, if half is not nil, and calls that when nearly all of it is written.
type shortFS struct {
	*fsx.Mem
	half func()
}

func (s *shortFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := s.Mem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return shortFile{f, s}, nil
}

type shortFile struct {
	fsx.File
	fs *shortFS
}

func (f shortFile) WriteAt(b []byte, off int64) (int, error) {
	if f.fs.half == nil {
		return f.File.WriteAt(b, off)
	}
	n, err := f.File.WriteAt(b[:len(b)-3], off)
	f.fs.half()
	f.fs.half = nil
	return n, errors.Join(err, syscall.EIO)
}

// What a write that fails leaves for a moment, and a follower has read ahead, is not what comes there later.
func TestFollowReadsAheadOfAFailingWrite(t *testing.T) {
	for _, durability := range []diskq.Durability{diskq.Durable, diskq.Written} {
		synctest.Test(t, func(t *testing.T) {
			s := &shortFS{Mem: newMem()}
			q := open(t, s, diskq.Options{Durability: durability, SyncEvery: -1})
			add(t, q, value(0), value(1))
			time.Sleep(20 * time.Millisecond)
			c := follow(t, s.Mem).Cursor(sluice.Oldest())
			defer c.Close()
			next := func(want string) {
				t.Helper()
				if v, ok, err := c.TryNext(); v != want || !ok || err != nil {
					t.Fatalf("%v: TryNext() = %q, %v, %v, want %q", durability, v, ok, err, want)
				}
			}
			s.half = func() {
				next(value(0))
				next(value(1))
			}
			if _, err := q.AppendAll(t.Context(), []string{"failed", "failed too"}); !errors.Is(err, syscall.EIO) {
				t.Fatalf("AppendAll() = %v, want EIO", err)
			}
			add(t, q, "appended")
			time.Sleep(20 * time.Millisecond)
			next("appended")
			must(t, q.Close())
		})
	}
}

// A follower that saw values of an append that then fails finds what comes in their place.
func TestFollowSeesAFailingWrite(t *testing.T) {
	for _, durability := range []diskq.Durability{diskq.Durable, diskq.Written} {
		for n := 1; n < 12; n++ {
			t.Run(fmt.Sprint(durability, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &shortFS{Mem: newMem()}
					q := open(t, s, diskq.Options{Durability: durability})
					add(t, q, value(0), value(1))
					time.Sleep(20 * time.Millisecond)
					r := follow(t, s.Mem)
					s.half = func() { r.Bounds() }
					if _, err := q.AppendAll(t.Context(), values(6)); !errors.Is(err, syscall.EIO) {
						t.Fatalf("AppendAll() = %v, want EIO", err)
					}
					for i := range n {
						add(t, q, value(2+i))
					}
					time.Sleep(20 * time.Millisecond)
					r.Bounds()
					time.Sleep(2 * time.Second)
					all, err := readAll(r)
					if err != nil || int(all.next) != 2+n || len(all.gaps) > 0 {
						t.Errorf("a follower sees %d values, gaps %v, %v; want %d, none, nil", all.next, all.gaps, err, 2+n)
					}
					for off, v := range all.values {
						if v != value(int(off)) {
							t.Errorf("value %d is %q, want %q", off, v, value(int(off)))
						}
					}
					must(t, q.Close())
				})
			})
		}
	}
}

// A follower reads on behind a footer that is written over, though it lies at the same place as the last one.
func TestFollowOverFootersAtTheSamePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		o := diskq.Options{SyncEvery: -1, SegmentBytes: 4096}
		q := open(t, m, o)
		c := follow(t, m).Cursor(sluice.Oldest())
		defer c.Close()
		v := strings.Repeat("v", 100)
		one := func(v string, before, behind func() error) {
			t.Helper()
			must(t, before())
			add(t, q, v)
			must(t, behind())
			time.Sleep(2 * time.Second)
			if got, ok, err := c.TryNext(); got != v || !ok || err != nil {
				t.Fatalf("TryNext() = %q, %v, %v, want %q", got, ok, err, v)
			}
		}
		none := func() error { return nil }
		again := func() error { q = open(t, m, o); return nil }
		one(v, none, q.Close)
		one("more", again, none)
		one(v, func() error { return q.Trim(2) }, func() error { return q.Close() })
		if a, err := diskq.Pieces(m, dir, 2); err != nil || a[len(a)-1].Pos != 468 { // as in the segment before
			t.Fatalf("the second segment is %v, %v", a, err)
		}
		one("more", again, q.Close)
	})
}
