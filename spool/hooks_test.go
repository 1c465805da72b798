package spool_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

// A hook that hangs holds its worker up, nobody else, and Close no longer than it is told.
func TestOnFileThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		release := make(chan struct{})
		d := opened(t, m, spool.DirOptions{
			Workers: 2, BufferBytes: 9, MaxFileBytes: 9, MaxFileAge: -1, CloseWithin: time.Second,
			OnFile: func(string, spool.FileInfo) { <-release },
		})
		puts(t, d, numbered(10)...) // 3 bytes each: what two workers hold, and files that are told
		start := time.Now()
		var lost *spool.UndeliveredError
		if err := d.Close(); !errors.As(err, &lost) || time.Since(start) != time.Second {
			t.Errorf("Close() = %v after %v, want an UndeliveredError after 1s", err, time.Since(start))
		}
		close(release)
		synctest.Wait()
		closed(t, opened(t, m, spool.DirOptions{})) // recovers what was in unfinished files
		if got := int64(len(all(t, m, "/out", spool.Lines))); got < 10-lost.Lines {
			t.Errorf("the files hold %d messages, and %d of 10 were lost", got, lost.Lines)
		}
		if s := d.Stats(); s.Written.Lines+s.Dropped.Lines != 10 || s.Buffered != count(0, 0) {
			t.Errorf("Stats() = %+v, want 10 written or dropped", s)
		}
	})
}

// A hook may write to its own Dir: what it finished, say.
func TestOnFileThatWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsx.NewMem(fsx.MemOptions{})
		var d *spool.Dir
		told := 0
		d = opened(t, m, spool.DirOptions{Workers: 1, OnFile: func(string, spool.FileInfo) {
			if told++; told == 1 {
				puts(t, d, "b")
			}
		}})
		puts(t, d, "a")
		if err := d.Flush(t.Context()); err != nil {
			t.Errorf("Flush() = %v, want nil", err)
		}
		closed(t, d)
		wantMessages(t, m, "/out", spool.Lines, []string{"a", "b"})
	})
}
