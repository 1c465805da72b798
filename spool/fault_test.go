package spool_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/spool"
)

func TestFailedWriteIsTriedAgainWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{FlushEvery: time.Millisecond, RetryAfter: 10 * time.Millisecond, RetryMost: 50 * time.Millisecond})
		s.set(func(s *sink) { s.fail = errSink })
		puts(t, w, line(5, "a"))
		at := time.Duration(0)
		for i, when := range []time.Duration{1, 11, 31, 71, 121, 171} { // ms: 10, 20, 40 and then 50 between
			when *= time.Millisecond
			time.Sleep(when - at - 1)
			synctest.Wait()
			if n := s.callCount(); n != i {
				t.Errorf("%d attempts just before %v, want %d", n, when, i)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if n := s.callCount(); n != i+1 {
				t.Errorf("%d attempts at %v, want %d", n, when, i+1)
			}
			at = when
		}
		if w.Err() != errSink || w.Stats().Retries != 6 || w.Stats().LastErr != errSink {
			t.Errorf("Err() = %v, Stats() = %+v", w.Err(), w.Stats())
		}
		puts(t, w, line(5, "b"))
		s.set(func(s *sink) { s.fail = nil })
		if err := w.Flush(t.Context()); err != nil {
			t.Errorf("Flush() = %v, want nil", err)
		}
		s.want(t, line(5, "a")+line(5, "b"))
		if w.Err() != nil || w.Stats().LastErr != errSink {
			t.Errorf("Err() = %v, LastErr = %v: want nil, and what it was", w.Err(), w.Stats().LastErr)
		}
	})
}

func TestShortWritesResumeAtTheRightByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{})
		start := time.Now()
		s.set(func(s *sink) { s.short = 7 })
		want := ""
		for i := range 100 {
			puts(t, w, line(10, i))
			want += line(10, i)
		}
		closed(t, w)
		s.want(t, want)
		if n := s.callCount(); n != 143 || time.Since(start) != 0 {
			t.Errorf("%d calls of the sink in %v, want 1000/7 at once", n, time.Since(start))
		}
		if got := w.Stats(); got.Written != count(100, 1000) || got.LastErr != io.ErrShortWrite {
			t.Errorf("Stats() = %+v", got)
		}
	})
}

// partly is a sink whose Write takes a part and fails.
type partly struct {
	taken strings.Builder
	calls int
}

func (p *partly) Write(b []byte) (int, error) {
	p.calls++
	n := min(3, len(b))
	p.taken.Write(b[:n])
	if n < len(b) {
		return n, errSink
	}
	return n, nil
}

func TestFailureInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(partly)
		w := spool.NewWriter(p, spool.Options{CloseWithin: -1})
		puts(t, w, line(8, "a"), line(8, "b"))
		closed(t, w)
		if got := p.taken.String(); got != line(8, "a")+line(8, "b") || p.calls != 6 {
			t.Errorf("the sink took %q in %d calls", got, p.calls)
		}
	})
}

// liar is a sink that says it took more than it was given, or less than nothing, until it is asked the third time.
type liar struct {
	sink
	calls int
}

func (l *liar) Write(p []byte) (int, error) {
	switch l.calls++; l.calls {
	case 1:
		return len(p) + 1, nil
	case 2:
		return -1, nil
	}
	return l.sink.Write(p)
}

func TestImpossibleCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(liar)
		w := spool.NewWriter(l, spool.Options{})
		puts(t, w, line(5, "a"))
		closed(t, w)
		l.want(t, line(5, "a"))
		if got := w.Stats().LastErr.Error(); got != "spool: the sink's Write returned an impossible count: -1 of 5 bytes" {
			t.Errorf("LastErr = %v", got)
		}
	})
}

func TestFlushWaitsForAllBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 5})
		release := s.hangs()
		puts(t, w, line(10, 0), line(10, 1), line(5, 2))
		flushed := make(chan error, 1)
		go func() { flushed <- w.Flush(t.Context()) }()
		synctest.Wait()
		puts(t, w, line(10, 3))
		synctest.Wait()
		if len(flushed) != 0 {
			t.Error("Flush returned before the sink took anything")
		}
		again := s.hangs() // for what comes after the first
		release()
		again()
		if err := <-flushed; err != nil {
			t.Errorf("Flush() = %v, want nil", err)
		}
		if got := s.String(); !strings.HasPrefix(got, line(10, 0)+line(10, 1)+line(5, 2)) {
			t.Errorf("after Flush the sink has %q", got)
		}
	})
}

func TestFlushDoesNotWaitForWhatComesAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 5})
		puts(t, w, line(10, 0))
		if err := w.Flush(t.Context()); err != nil {
			t.Errorf("Flush() = %v, want nil", err)
		}
		release := s.hangs()
		defer release()
		puts(t, w, line(10, 1), line(10, 2)) // in the sink's hands, and in memory
		synctest.Wait()
		s.want(t, line(10, 0))
		if got := w.Stats(); got.Written != count(1, 10) || got.Buffered != count(2, 20) {
			t.Errorf("Stats() = %+v", got)
		}
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{})
		s.set(func(s *sink) { s.fail = errSink })
		puts(t, w, line(5, "a"))
		late := errors.New("late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, late)
		defer cancel()
		if err := w.Flush(ctx); !errors.Is(err, late) || !errors.Is(err, errSink) {
			t.Errorf("Flush() = %v, want the context's cause and the sink's error", err)
		}
		s.set(func(s *sink) { s.fail = nil })
		closed(t, w) // nothing was lost
		s.want(t, line(5, "a"))
		if err := w.Flush(ctx); err != nil {
			t.Errorf("Flush() = %v with nothing to wait for, want nil", err)
		}
	})
}

func TestSyncCallsTheSinks(t *testing.T) {
	w, s := started(t, spool.Options{})
	puts(t, w, line(5, "a"))
	if err := w.Sync(); err != nil {
		t.Errorf("Sync() = %v, want nil", err)
	}
	if len(s.synced) != 1 || s.synced[0] != 5 {
		t.Errorf("the sink had %v bytes when it was synced, want 5", s.synced)
	}
	s.set(func(s *sink) { s.syncer = errSink })
	if err := w.Sync(); err != errSink {
		t.Errorf("Sync() = %v, want the sink's error", err)
	}
	if len(s.synced) != 2 {
		t.Errorf("a failed Sync was tried %d times, want once", len(s.synced)-1)
	}
	s.set(func(s *sink) { s.syncer = syscall.EINVAL }) // of a pipe
	if err := w.Sync(); err != nil {
		t.Errorf("Sync() of what can't be synced = %v, want nil", err)
	}
	if w.Err() != nil || w.Stats().Retries != 0 {
		t.Errorf("Err() = %v after a Sync that failed, want nil: it is about Write", w.Err())
	}
	closed(t, w)
	if err := w.Sync(); err != sluice.ErrClosed {
		t.Errorf("Sync() of a closed Writer = %v, want ErrClosed", err)
	}
}

// A program that ends with Sync must end though its log has nowhere to go.
func TestSyncReturnsWhenTheSinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{})
		s.set(func(s *sink) { s.fail = errSink })
		puts(t, w, line(5, "a"))
		for range 2 {
			if err := w.Sync(); err != errSink {
				t.Errorf("Sync() = %v, want the sink's error", err)
			}
		}
		s.set(func(s *sink) { s.fail, s.short = nil, 1 })
		if err := w.Sync(); err != nil && err != errSink {
			t.Errorf("Sync() = %v, want nil, or what the last attempt before failed with", err)
		}
		if err := w.Sync(); err != nil {
			t.Errorf("Sync() = %v, want nil: short writes are no failure", err)
		}
		s.want(t, line(5, "a"))
		if len(s.synced) == 0 {
			t.Error("the sink was not synced")
		}
	})
}

func TestSyncOfASinkThatCannot(t *testing.T) {
	var b strings.Builder
	w := spool.NewWriter(&b, spool.Options{})
	puts(t, w, line(5, "a"))
	if err := w.Sync(); err != nil || b.String() != line(5, "a") {
		t.Errorf("Sync() = %v, the sink has %q", err, b.String())
	}
	closed(t, w)
}

func TestCloseSaysWhatWasNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, CloseWithin: 5 * time.Second})
		puts(t, w, line(10, 0))
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.set(func(s *sink) { s.fail = errSink })
		puts(t, w, line(10, 1), line(5, 2), line(4, 3), line(3, 4))
		start := time.Now()
		err := w.Close()
		var lost *spool.UndeliveredError
		if !errors.As(err, &lost) || lost.Count != count(4, 22) || !errors.Is(err, errSink) || time.Since(start) != 5*time.Second {
			t.Errorf("Close() = %v after %v, want an UndeliveredError of 4 lines, 22 bytes after 5s", err, time.Since(start))
		}
		want := "spool: closed with 4 lines (22 bytes) not delivered: spool: Options.CloseWithin is over; the sink fails: the disk is on fire"
		if err.Error() != want {
			t.Errorf("Close() = %v, want %v", err, want)
		}
		if again := w.Close(); again != err {
			t.Errorf("the second Close() = %v, want the same", again)
		}
		if flush := w.Flush(t.Context()); flush != err {
			t.Errorf("Flush() = %v, want the same", flush)
		}
		if n, err := w.WriteString("x"); n != 0 || err != sluice.ErrClosed {
			t.Errorf("WriteString() = %d, %v, want 0, ErrClosed", n, err)
		}
		synctest.Wait()
		if got := w.Stats(); got.Accepted != count(5, 32) || got.Written != count(1, 10) || got.Dropped != count(4, 22) ||
			got.Buffered != count(0, 0) {
			t.Errorf("Stats() = %+v", got)
		}
		calls := s.callCount()
		time.Sleep(time.Hour)
		if n := s.callCount(); n != calls {
			t.Errorf("the sink was called %d times after Close", n-calls)
		}
	})
}

// Close can't end a sink that hangs, but returns; what the sink has in its hands may still arrive.
func TestCloseWithASinkThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10})
		release := s.hangs()
		puts(t, w, line(10, 0), line(10, 1))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var lost *spool.UndeliveredError
		if err := w.CloseContext(ctx); !errors.As(err, &lost) || lost.Count != count(2, 20) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("CloseContext() = %v, want an UndeliveredError of 20 bytes", err)
		}
		if got := w.Stats(); got.Buffered != count(1, 10) || got.Dropped != count(1, 10) {
			t.Errorf("Stats() = %+v, want 10 bytes in the sink's hands, 10 dropped", got)
		}
		release()
		synctest.Wait()
		s.want(t, line(10, 0))
		if got := w.Stats(); got.Written != count(1, 10) || got.Buffered != count(0, 0) {
			t.Errorf("Stats() = %+v, want 10 bytes written", got)
		}
	})
}

// Two Closes wait, each for its own context; Write that waits for room is told at once.
func TestCloseEndsWaitingWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 2})
		release := s.hangs()
		puts(t, w, line(10, 0), line(10, 1))
		refused := make(chan error)
		go func() { _, err := w.WriteString(line(10, 2)); refused <- err }()
		synctest.Wait()
		ends := make(chan error, 2)
		for range 2 {
			go func() { ends <- w.CloseContext(t.Context()) }()
		}
		if err := <-refused; err != sluice.ErrClosed {
			t.Errorf("WriteString() = %v, want ErrClosed", err)
		}
		synctest.Wait()
		if len(ends) != 0 {
			t.Error("CloseContext returned before the sink took everything")
		}
		release()
		for range 2 {
			if err := <-ends; err != nil {
				t.Errorf("CloseContext() = %v, want nil", err)
			}
		}
		s.want(t, line(10, 0)+line(10, 1))
	})
}
