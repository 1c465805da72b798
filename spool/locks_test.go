package spool_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

// contested is a disk on which somebody else has the lock that a Dir takes first.
type contested struct {
	*fsx.Mem
	locks int
}

func (c *contested) Lock(name string) (io.Closer, error) {
	if c.locks++; c.locks == 1 {
		return nil, &fsx.LockedError{Name: name}
	}
	return c.Mem.Lock(name)
}

func TestOpenWhileAnotherLooksForTheDead(t *testing.T) {
	c := &contested{Mem: fsx.NewMem(fsx.MemOptions{})}
	d := opened(t, c, spool.DirOptions{})
	puts(t, d, "a")
	closed(t, d)
	wantMessages(t, c, "/out", spool.Lines, []string{"a"})
}

// watched is a disk that notes when locks end and when their files go.
type watched struct {
	*fsx.Mem
	did []string
}

type watchedLock struct {
	io.Closer
	w *watched
}

func (w *watched) Lock(name string) (io.Closer, error) {
	l, err := w.Mem.Lock(name)
	return watchedLock{l, w}, err
}

func (l watchedLock) Close() error {
	l.w.did = append(l.w.did, "close")
	return l.Closer.Close()
}

func (w *watched) Remove(name string) error {
	if strings.HasSuffix(name, ".lock") {
		w.did = append(w.did, "remove")
	}
	return w.Mem.Remove(name)
}

// Behind the lock's end the file may be somebody else's.
func TestLockFileGoesBeforeItsLock(t *testing.T) {
	w := &watched{Mem: fsx.NewMem(fsx.MemOptions{})}
	put(t, w.Mem, stem+".tmp", "a\n")
	closed(t, opened(t, w, spool.DirOptions{}))
	if want := []string{"remove", "close", "remove", "close"}; !slices.Equal(w.did, want) { // the dead one's, and its own
		t.Errorf("the Dir did %v, want %v", w.did, want)
	}
}

// Dirs open, recover what is left over and close at once, in one directory: every message is there once.
func TestDirsComeAndGo(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	var want []string
	for g := range 4 {
		for i := range 20 {
			want = append(want, fmt.Sprint(g, " ", i), fmt.Sprint("left ", g, " ", i))
		}
		wg.Go(func() {
			for i := range 20 {
				left := filepath.Join(dir, fmt.Sprintf("p-20200102T030405.%09d-%016x.log.tmp", i, g))
				write := os.WriteFile(left+".new", fmt.Appendf(nil, "left %d %d\n", g, i), 0o600)
				if err := errors.Join(write, os.Rename(left+".new", left)); err != nil { // nobody finds it half written
					t.Error(err)
					return
				}
				d, err := spool.Open(dir, spool.DirOptions{Prefix: "p-", Workers: 1})
				if err != nil {
					t.Errorf("Open() = %v, want nil", err)
					return
				}
				puts(t, d, fmt.Sprint(g, " ", i))
				closed(t, d)
			}
		})
	}
	wg.Wait()
	wantMessages(t, fsx.OS{}, dir, spool.Lines, want)
	if _, _, others := files(t, fsx.OS{}, dir, spool.Lines); len(others) != 0 {
		t.Errorf("%v is left over", others)
	}
}
