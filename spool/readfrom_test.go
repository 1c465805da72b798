package spool_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/spool"
)

func TestReadFromKeepsLinesWhole(t *testing.T) {
	for _, size := range []int{7, 64, 100_000} {
		w, s := started(t, spool.Options{BufferBytes: size})
		var wg sync.WaitGroup
		for g := range 3 {
			text := strings.Repeat(fmt.Sprintf("%d....\n", g), 1000) + "end"
			reader := io.Reader(strings.NewReader(text))
			if g == 1 {
				reader = iotest.OneByteReader(reader)
			}
			wg.Go(func() {
				if n, err := w.ReadFrom(iotest.DataErrReader(reader)); n != int64(len(text)) || err != nil {
					t.Errorf("ReadFrom() = %d, %v, want %d, nil", n, err, len(text))
				}
			})
		}
		wg.Wait()
		closed(t, w)
		counts := map[string]int{}
		for l := range strings.Lines(strings.ReplaceAll(s.String(), "end", "")) {
			counts[l]++
		}
		if len(counts) != 3 || counts["0....\n"] != 1000 || counts["1....\n"] != 1000 || counts["2....\n"] != 1000 {
			t.Errorf("buffers of %d bytes: the sink has %v, want 1000 lines of each", size, counts)
		}
		if n := strings.Count(s.String(), "end"); n != 3 {
			t.Errorf("buffers of %d bytes: %d ends, want 3", size, n)
		}
	}
}

func TestReadFromALineLargerThanABuffer(t *testing.T) {
	w, s := started(t, spool.Options{BufferBytes: 10})
	text := "ab\n" + line(35, "large") + "c\nno newline at the end"
	if n, err := w.ReadFrom(iotest.HalfReader(strings.NewReader(text))); n != int64(len(text)) || err != nil {
		t.Errorf("ReadFrom() = %d, %v, want %d, nil", n, err, len(text))
	}
	closed(t, w)
	s.want(t, text)
}

func TestReadFromReaderThatFails(t *testing.T) {
	w, s := started(t, spool.Options{})
	broken := errors.New("broken")
	if n, err := w.ReadFrom(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken))); n != 3 || err != broken {
		t.Errorf("ReadFrom() = %d, %v, want 3 and the reader's error", n, err)
	}
	closed(t, w)
	s.want(t, "a\nb")
	if n, err := w.ReadFrom(strings.NewReader("c\n")); n != 2 || err != sluice.ErrClosed {
		t.Errorf("ReadFrom() = %d, %v, want ErrClosed", n, err)
	}
}

type stuck struct{ n int }

func (s stuck) Read([]byte) (int, error) { return s.n, nil }

func TestReadFromReadersThatMisbehave(t *testing.T) {
	w, _ := started(t, spool.Options{BufferBytes: 16})
	if _, err := w.ReadFrom(stuck{0}); err != io.ErrNoProgress {
		t.Errorf("ReadFrom() = %v, want ErrNoProgress", err)
	}
	for _, n := range []int{-1, 17} {
		if _, err := w.ReadFrom(stuck{n}); err == nil || err.Error() != "spool: the reader's Read returned an impossible count" {
			t.Errorf("ReadFrom() of a reader that returns %d = %v", n, err)
		}
	}
}

// A child's output must be read on, or the child stops.
func TestReadFromGoesOnWhereLinesAreDropped(t *testing.T) {
	w, s := started(t, spool.Options{BufferBytes: 10, Buffers: 2, Overflow: spool.DropNewest})
	release := s.hangs()
	text := strings.Repeat(line(8), 100)
	if n, err := w.ReadFrom(iotest.OneByteReader(strings.NewReader(text))); n != 800 || err != nil {
		t.Errorf("ReadFrom() = %d, %v, want 800, nil", n, err)
	}
	release()
	closed(t, w)
	if got := w.Stats(); got.Refused != count(98, 784) || got.Written != count(2, 16) {
		t.Errorf("Stats() = %+v, want 2 lines written, 98 refused", got)
	}
}
