package spool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/spool"
)

func TestLargeLineIsNeitherSplitNorOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 20, Buffers: 2})
		puts(t, w, line(10, "a"), line(21, "large"), line(10, "b"), line(5000, "huge"), line(10, "c"))
		closed(t, w)
		s.want(t, line(10, "a")+line(21, "large")+line(10, "b")+line(5000, "huge")+line(10, "c"))
		for i, want := range []string{line(10, "a"), line(21, "large"), line(10, "b"), line(5000, "huge"), line(10, "c")} {
			if s.calls[i] != want {
				t.Errorf("call %d of the sink got %q, want %q", i, abbreviated(s.calls[i]), abbreviated(want))
			}
		}
		if got := w.Stats(); got.Accepted != count(5, 5051) || got.Written != got.Accepted {
			t.Errorf("Stats() = %+v, want 5 lines of 5051 bytes", got)
		}
	})
}

func TestLargeLineThatTheSinkDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 2, BlockFor: time.Second})
		release := s.hangs()
		puts(t, w, line(10, "a"))
		flushed := make(chan error)
		if _, err := w.WriteString(line(11, "large")); err != spool.ErrFull {
			t.Errorf("WriteString() = %v, want ErrFull", err)
		}
		if got := w.Stats(); got.Refused != count(1, 11) || got.Accepted != count(1, 10) {
			t.Errorf("Stats() = %+v, want one accepted, one refused", got)
		}
		go func() { flushed <- w.Flush(t.Context()) }()
		synctest.Wait()
		release()
		if err := <-flushed; err != nil {
			t.Errorf("Flush() = %v, want nil", err)
		}
		s.want(t, line(10, "a"))
	})
}

func TestLargeLineThatTheSinkRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 2, BlockFor: 5 * time.Second})
		s.set(func(s *sink) { s.fail = errSink })
		start := time.Now()
		_, err := w.WriteString(line(11, "large"))
		if took := time.Since(start); !errors.Is(err, spool.ErrFull) || !errors.Is(err, errSink) || took < 5*time.Second || took > 6*time.Second {
			t.Errorf("WriteString() = %v after %v, want ErrFull with the sink's error after 5s and at most RetryMost", err, took)
		}
		if got := w.Stats(); got.Refused != count(1, 11) || got.Accepted != count(0, 0) || got.Buffered != count(0, 0) {
			t.Errorf("Stats() = %+v, want one refused", got)
		}
		s.set(func(s *sink) { s.fail = nil })
		puts(t, w, line(5, "a"))
		closed(t, w)
		s.want(t, line(5, "a"))
	})
}

// Once the sink has begun with a line it can't be refused any more, and p is the sink's until it returns.
func TestLargeLineThatTheSinkHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 2, BlockFor: time.Second})
		release := s.hangs()
		time.AfterFunc(time.Hour, release)
		start := time.Now()
		puts(t, w, line(11, "large"))
		if took := time.Since(start); took != time.Hour {
			t.Errorf("Write returned after %v, want an hour", took)
		}
		s.want(t, line(11, "large"))
	})
}

func TestLargeLineWhenTheWriterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 2})
		s.set(func(s *sink) { s.fail = errSink })
		begun, waits := make(chan error), make(chan error)
		go func() { _, err := w.WriteString(line(11, "begun")); begun <- err }()
		synctest.Wait()
		go func() { _, err := w.WriteString(line(12, "waits")); waits <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var lost *spool.UndeliveredError
		if err := w.CloseContext(ctx); !errors.As(err, &lost) || lost.Count != count(1, 11) {
			t.Errorf("CloseContext() = %v, want an UndeliveredError of 11 bytes", err)
		}
		if err := <-begun; !errors.As(err, &lost) {
			t.Errorf("WriteString() = %v, want the UndeliveredError", err)
		}
		if err := <-waits; err != sluice.ErrClosed {
			t.Errorf("WriteString() = %v, want ErrClosed", err)
		}
		if got := w.Stats(); got.Accepted != count(1, 11) || got.Dropped != got.Accepted || got.Refused != count(0, 0) {
			t.Errorf("Stats() = %+v, want a line accepted and dropped, and none refused but as closed", got)
		}
	})
}

func TestLargeLineIsRefusedByWhoNeverWaits(t *testing.T) {
	for _, o := range []spool.Overflow{spool.DropNewest, spool.DropOldest} {
		w, s := started(t, spool.Options{BufferBytes: 10, Overflow: o})
		if n, err := w.WriteString(line(11, "large")); n != 0 || !errors.Is(err, spool.ErrFull) ||
			err.Error() != "spool: full: a line of 11 bytes is larger than a buffer, 10 bytes, and the sink is not waited for" {
			t.Errorf("WriteString() = %d, %v", n, err)
		}
		if got := w.Stats(); got.Refused != count(1, 11) {
			t.Errorf("Refused = %v, want 1 line", got.Refused)
		}
		closed(t, w)
		s.want(t, "")
	}
}
