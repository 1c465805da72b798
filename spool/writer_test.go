package spool_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/spool"
)

// started returns a Writer in front of a new sink; it is closed at the end of the test.
func started(t *testing.T, o spool.Options) (*spool.Writer, *sink) {
	s := new(sink)
	w := spool.NewWriter(s, o)
	t.Cleanup(func() { w.Close() })
	return w, s
}

func closed(t *testing.T, w io.Closer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
}

func count(lines, bytes int64) spool.Count { return spool.Count{Lines: lines, Bytes: bytes} }

func TestLinesAreFlushedBySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 30, FlushEvery: -1})
		puts(t, w, line(10, 0), line(10, 1), line(10, 2))
		synctest.Wait()
		s.want(t, "")
		puts(t, w, line(10, 3)) // does not fit in
		synctest.Wait()
		s.want(t, line(10, 0)+line(10, 1)+line(10, 2))
		time.Sleep(time.Hour)
		s.want(t, line(10, 0)+line(10, 1)+line(10, 2)) // a negative FlushEvery: never by time
		closed(t, w)
		if n := s.callCount(); n != 2 {
			t.Errorf("the sink was called %d times, want once for each buffer", n)
		}
	})
}

func TestLinesAreFlushedByTimeSinceTheFirstByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{FlushEvery: 100 * time.Millisecond})
		want := ""
		for round := range 3 { // the timer starts anew with each buffer
			puts(t, w, line(5, "a"))
			time.Sleep(60 * time.Millisecond)
			puts(t, w, line(5, "b"))
			time.Sleep(40*time.Millisecond - 1)
			synctest.Wait()
			s.want(t, want)
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			want += line(5, "a") + line(5, "b")
			s.want(t, want)
			if n := s.callCount(); n != round+1 {
				t.Errorf("the sink was called %d times in %d rounds", n, round+1)
			}
			time.Sleep(30 * time.Millisecond)
		}
	})
}

// While the sink is slow the timer fires in vain; what became due meanwhile goes right after.
func TestLinesThatBecomeDueWhileTheSinkIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{FlushEvery: time.Second})
		release := s.hangs()
		puts(t, w, line(5, "a"))
		time.Sleep(1500 * time.Millisecond)
		puts(t, w, line(5, "b"))
		time.Sleep(5 * time.Second)
		release()
		synctest.Wait()
		s.want(t, line(5, "a")+line(5, "b"))
	})
}

func TestWriteBlocksForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 2})
		release := s.hangs()
		puts(t, w, line(10, 0), line(10, 1))
		accepted := make(chan struct{})
		var wg sync.WaitGroup
		for range 5 { // all are woken, one after the other
			wg.Go(func() { puts(t, w, line(10, "x")) })
		}
		go func() { wg.Wait(); close(accepted) }()
		time.Sleep(time.Hour)
		select {
		case <-accepted:
			t.Error("Write returned though all buffers are full")
		default:
		}
		if got := w.Stats(); got.Buffered != count(2, 20) {
			t.Errorf("Buffered = %v, want 2 lines of 10 bytes: the bound", got.Buffered)
		}
		release()
		<-accepted
		closed(t, w)
		s.want(t, line(10, 0)+line(10, 1)+strings.Repeat(line(10, "x"), 5))
	})
}

func TestBlockForBoundsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped []string
		w, s := started(t, spool.Options{
			BufferBytes: 10, Buffers: 2, BlockFor: 3 * time.Second, RetryMost: 10 * time.Millisecond,
			OnDrop: func(p []byte, n int) { dropped = append(dropped, string(p)) },
		})
		s.set(func(s *sink) { s.fail = errSink })
		puts(t, w, line(10, 0), line(10, 1))
		start := time.Now()
		n, err := w.WriteString(line(10, 2))
		if took := time.Since(start); n != 0 || !errors.Is(err, spool.ErrFull) || !errors.Is(err, errSink) || took != 3*time.Second {
			t.Errorf("WriteString() = %d, %v after %v, want 0, ErrFull with the sink's error after 3s", n, err, took)
		}
		if len(dropped) != 1 || dropped[0] != line(10, 2) {
			t.Errorf("OnDrop got %q", dropped)
		}
		if got := w.Stats(); got.Refused != count(1, 10) || got.Accepted != count(2, 20) {
			t.Errorf("Refused = %v, Accepted = %v", got.Refused, got.Accepted)
		}
		s.set(func(s *sink) { s.fail = nil })
		puts(t, w, line(10, 3)) // waits for less than that
		closed(t, w)
		s.want(t, line(10, 0)+line(10, 1)+line(10, 3))
	})
}

func TestDropNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped []string
		w, s := started(t, spool.Options{
			BufferBytes: 10, Buffers: 2, Overflow: spool.DropNewest,
			OnDrop: func(p []byte, n int) {
				if n != 1 {
					t.Errorf("OnDrop(_, %d), want 1", n)
				}
				dropped = append(dropped, string(p))
			},
		})
		release := s.hangs()
		puts(t, w, line(5, 0), line(5, 1), line(10, 2))
		for i := range 100 {
			if n, err := w.WriteString(line(5, i)); n != 0 || err != spool.ErrFull {
				t.Fatalf("WriteString() = %d, %v, want 0, ErrFull", n, err)
			}
		}
		got := w.Stats()
		if got.Refused != count(100, 500) || got.Buffered != count(3, 20) || got.Dropped != count(0, 0) || len(dropped) != 100 {
			t.Errorf("Stats() = %+v with %d given to OnDrop", got, len(dropped))
		}
		release()
		closed(t, w)
		s.want(t, line(5, 0)+line(5, 1)+line(10, 2))
	})
}

func TestDropOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dropped, droppedLines := "", 0
		w, s := started(t, spool.Options{
			BufferBytes: 10, Buffers: 3, Overflow: spool.DropOldest,
			OnDrop: func(p []byte, n int) { dropped += string(p); droppedLines += n },
		})
		release := s.hangs()
		puts(t, w, line(10, "first")) // in the sink's hands: too late to drop it
		puts(t, w, line(5, 0))
		synctest.Wait()
		want := ""
		for i := 1; i < 100; i++ {
			puts(t, w, line(5, i))
			if i < 96 {
				want += line(5, i-1)
			}
		}
		want += line(5, 95)
		if got := w.Stats(); got.Dropped.Lines != int64(droppedLines) || got.Dropped.Bytes != int64(len(dropped)) ||
			got.Refused != count(0, 0) || got.Accepted.Lines != 101 {
			t.Errorf("Stats() = %+v, with %d lines, %d bytes given to OnDrop", got, droppedLines, len(dropped))
		}
		if dropped != want {
			t.Errorf("dropped %q, want %q", dropped, want)
		}
		release()
		closed(t, w)
		s.want(t, line(10, "first")+line(5, 96)+line(5, 97)+line(5, 98)+line(5, 99))
	})
}

// With every buffer in somebody else's hands there is nothing to drop but the line itself.
func TestDropOldestWithNothingToDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inDrop := make(chan struct{})
		w, s := started(t, spool.Options{
			BufferBytes: 10, Buffers: 2, Overflow: spool.DropOldest,
			OnDrop: func(p []byte, n int) {
				if string(p) != line(10, "refused") {
					<-inDrop
				}
			},
		})
		release := s.hangs()
		puts(t, w, line(10, "first"))
		synctest.Wait()
		puts(t, w, line(10, "old"))
		synctest.Wait() // "first" was sealed by "old", and is in the sink's hands
		go puts(t, w, line(10, "new"))
		synctest.Wait()
		if n, err := w.WriteString(line(10, "refused")); n != 0 || err != spool.ErrFull {
			t.Errorf("WriteString() = %d, %v, want 0, ErrFull", n, err)
		}
		close(inDrop)
		synctest.Wait()
		if got := w.Stats(); got.Dropped != count(1, 10) || got.Refused != count(1, 10) {
			t.Errorf("Stats() = %+v, want one dropped, one refused", got)
		}
		release()
		closed(t, w)
		s.want(t, line(10, "first")+line(10, "new"))
	})
}

func TestEmptyLine(t *testing.T) {
	w, s := started(t, spool.Options{})
	if n, err := w.Write(nil); n != 0 || err != nil {
		t.Errorf("Write(nil) = %d, %v, want 0, nil", n, err)
	}
	if err := w.Flush(t.Context()); err != nil || s.callCount() != 0 || w.Stats() != (spool.Stats{}) {
		t.Errorf("Flush() = %v, %d calls, %+v: an empty line is nothing", err, s.callCount(), w.Stats())
	}
	closed(t, w)
	if n, err := w.Write(nil); n != 0 || err != sluice.ErrClosed {
		t.Errorf("Write(nil) = %d, %v, want 0, ErrClosed", n, err)
	}
}

func TestWriteKeepsNothingOfItsArgument(t *testing.T) {
	w, s := started(t, spool.Options{BufferBytes: 16})
	for _, n := range []int{5, 16, 100} { // the last one is lent, while Write waits
		p := []byte(line(n, n))
		puts(t, w, string(p))
		w.Write(p)
		clear(p)
	}
	closed(t, w)
	s.want(t, strings.Repeat(line(5, 5), 2)+strings.Repeat(line(16, 16), 2)+strings.Repeat(line(100, 100), 2))
}

func TestOptionsAreChecked(t *testing.T) {
	for want, f := range map[string]func(){
		"spool: NewWriter needs a sink, got nil":                                     func() { spool.NewWriter(nil, spool.Options{}) },
		"spool: Options.BufferBytes must not be negative, got -1":                    func() { spool.NewWriter(io.Discard, spool.Options{BufferBytes: -1}) },
		"spool: Options.Buffers must be at least 2, got 1":                           func() { spool.NewWriter(io.Discard, spool.Options{Buffers: 1}) },
		"spool: Options.Overflow must be Block, DropNewest or DropOldest, got 3":     func() { spool.NewWriter(io.Discard, spool.Options{Overflow: 3}) },
		"spool: Options.RetryMost must not be negative, got -1ns":                    func() { spool.NewWriter(io.Discard, spool.Options{RetryMost: -1}) },
		"spool: Options.BlockFor must not be negative, got -1s":                      func() { spool.NewWriter(io.Discard, spool.Options{BlockFor: -time.Second}) },
		"spool: Options.BlockFor is for Overflow: Block only; the others never wait": func() { spool.NewWriter(io.Discard, spool.Options{BlockFor: 1, Overflow: spool.DropNewest}) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("NewWriter panics with %v, want %v", got, want)
				}
			}()
			f()
		}()
	}
}

func TestCloseOfAnIdleWriter(t *testing.T) {
	w := spool.NewWriter(io.Discard, spool.Options{})
	for range 2 {
		closed(t, w)
	}
	if err := w.CloseContext(context.Background()); err != nil {
		t.Errorf("CloseContext() = %v, want nil", err)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Errorf("Flush() of a closed Writer = %v, want nil: nothing is left", err)
	}
}
