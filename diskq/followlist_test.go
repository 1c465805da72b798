package diskq_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A listFS lists a directory as a system may: of two files that are made meanwhile it has only the second.
type listFS struct {
	*fsx.Mem
	during func() // in each of the first two
	looks  int
}

func (l *listFS) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := l.Mem.ReadDir(name)
	if err == nil && l.during != nil && l.looks < 2 {
		l.looks++
		l.during()
		after, err := l.Mem.ReadDir(name)
		for i := len(after) - 1; err == nil && i >= 0; i-- {
			if strings.HasSuffix(after[i].Name(), ".seg") {
				return append(list, after[i]), nil
			}
		}
	}
	return list, err
}

// A Reader misses nothing of segments that are made while it lists them.
func TestFollowSegmentsMadeWhileListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		o := diskq.Options{SegmentBytes: 4096, SyncEvery: -1}
		q := open(t, m, o)
		n := 0
		one := func() { add(t, q, value(n)+strings.Repeat("z", 1000)); n++ }
		one()
		l := &listFS{Mem: m}
		f, err := diskq.OpenReader(dir, diskq.String(), diskq.FollowOn(diskq.ReaderOptions{}, l))
		must(t, err)
		l.during = func() {
			for range 12 {
				one()
			}
		}
		time.Sleep(2 * time.Second)
		c := f.Cursor(sluice.Oldest())
		for i := 0; i < n; {
			v, ok, err := c.TryNext()
			gap := (*sluice.CorruptError)(nil)
			if errors.As(err, &gap) {
				t.Fatalf("value %d: %v", i, err)
			}
			must(t, err)
			if !ok {
				time.Sleep(time.Second)
				continue
			}
			if !strings.HasPrefix(v, value(i)) {
				t.Fatalf("value %d is %.20q", i, v)
			}
			i++
		}
		must(t, q.Close())
	})
}
