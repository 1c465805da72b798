package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/replay"
)

// homes are the places where a buffer's bytes can lie. Everything that holds for one holds for all.
var homes = []struct {
	name string
	open func(t testing.TB) *replay.Buffer
}{
	{"memory", func(testing.TB) *replay.Buffer { return replay.NewBuffer(replay.BufferOptions{}) }},
	{"file", func(t testing.TB) *replay.Buffer {
		b, err := replay.CreateBuffer(filepath.Join(t.TempDir(), "buffer"))
		if err != nil {
			t.Fatal(err)
		}
		removeLater(t, b)
		return b
	}},
	{"file in memory", func(t testing.TB) *replay.Buffer {
		b, err := replay.CreateBufferOn(fsx.NewMem(fsx.MemOptions{}), "/buffer")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}},
	{"spilling", func(t testing.TB) *replay.Buffer {
		b := replay.NewBuffer(replay.BufferOptions{SpillBytes: 1000, Dir: t.TempDir()})
		removeLater(t, b)
		return b
	}},
	{"spilling in memory", func(testing.TB) *replay.Buffer {
		return replay.NewBufferOn(fsx.NewMem(fsx.MemOptions{}), replay.BufferOptions{SpillBytes: 7, Dir: "/"})
	}},
	{"small blocks", func(t testing.TB) *replay.Buffer {
		b, err := replay.CreateBufferOn(fsx.NewMem(fsx.MemOptions{}), "/buffer")
		if err != nil {
			t.Fatal(err)
		}
		return replay.SmallBlocks(b)
	}},
	{"retaining all", func(testing.TB) *replay.Buffer { // MaxBytes, but as much as no test writes
		return replay.NewBufferOn(fsx.NewMem(fsx.MemOptions{}), replay.BufferOptions{SpillBytes: 3000, MaxBytes: 1 << 30, Dir: "/"})
	}},
}

// inEveryHome runs test for each of them.
func inEveryHome(t *testing.T, test func(t *testing.T, b *replay.Buffer)) {
	for _, h := range homes {
		t.Run(h.name, func(t *testing.T) { test(t, h.open(t)) })
	}
}

// removeLater lets go of the file before the directory of the test is removed, which Windows wants.
func removeLater(t testing.TB, b *replay.Buffer) {
	t.Cleanup(func() {
		b.Abort(nil)
		if err := b.Remove(); err != nil {
			t.Errorf("Remove() = %v, want nil", err)
		}
		if name := replay.FileName(b); name != "" {
			t.Errorf("%s is still there: a reader was not closed", name)
		}
	})
}

// content returns n bytes that tell where they stand.
func content(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return data
}

func write(t testing.TB, b *replay.Buffer, data []byte) {
	t.Helper()
	if n, err := b.Write(data); n != len(data) || err != nil {
		t.Fatalf("Write(%d bytes) = %v, %v, want %[1]d, nil", len(data), n, err)
	}
}

// wantAll reads r to the end, in two ways.
func wantAll(t testing.TB, r *replay.BufferReader, data []byte, end error) {
	t.Helper()
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatalf("Seek(0, SeekStart) = _, %v, want nil", err)
	}
	got, err := io.ReadAll(struct{ io.Reader }{r})
	if !bytes.Equal(got, data) || err != end {
		t.Fatalf("ReadAll() = %d bytes, equal: %t, and %v, want %d and %v", len(got), bytes.Equal(got, data), err, len(data), end)
	}
	r.Seek(0, io.SeekStart)
	var to bytes.Buffer
	if n, err := r.WriteTo(&to); n != int64(len(data)) || !bytes.Equal(to.Bytes(), data) || err != end {
		t.Fatalf("WriteTo() = %d, %v, equal: %t, want %d, %v", n, err, bytes.Equal(to.Bytes(), data), len(data), end)
	}
}

// What package testing/iotest asks of a reader, of every kind of reader and every home.
func TestReaderConformance(t *testing.T) {
	for _, size := range []int{0, 1, 10, 1000, 5000} {
		inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
			data := content(size)
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 1+rand.IntN(300))
				write(t, b, rest[:n])
				rest = rest[n:]
			}
			snapshot := b.NewSnapshotReader()
			defer snapshot.Close()
			if err := iotest.TestReader(snapshot, data); err != nil {
				t.Errorf("a snapshot reader of an open buffer: %v", err)
			}
			b.Close()
			late := b.NewReader()
			defer late.Close()
			for _, r := range []*replay.BufferReader{snapshot, late} {
				r.Seek(0, io.SeekStart)
				if err := iotest.TestReader(r, data); err != nil {
					t.Errorf("after Close: %v", err)
				}
				wantAll(t, r, data, nil)
			}
		})
	}
}

// One writer that uses all its methods, and readers that come at any time, read in any way and go: each gets the bytes of
// the stream from where it is, whole and in order.
func TestOneWriterManyReaders(t *testing.T) {
	inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
		data := content(1 << 20)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for ended := false; !ended && !t.Failed(); {
					ended = readSome(ctx, t, b, data)
				}
			})
		}
		wg.Go(func() {
			r := b.NewReader()
			defer r.Close()
			var all bytes.Buffer
			if n, err := r.WriteToContext(ctx, &all); n != int64(len(data)) || err != nil || !bytes.Equal(all.Bytes(), data) {
				t.Errorf("WriteToContext() = %d, %v, equal: %t, want %d, nil", n, err, bytes.Equal(all.Bytes(), data), len(data))
			}
		})
		writeAll(t, b, data)
		b.Close()
		wg.Wait()
		if b.Len() != int64(len(data)) {
			t.Errorf("Len() = %d, want %d", b.Len(), len(data))
		}
	})
}

// writeAll writes data in pieces of many sizes by all methods.
func writeAll(t testing.TB, b *replay.Buffer, data []byte) {
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN([]int{3, 200, 5000, 100_000}[rand.IntN(4)]))
		var k int64
		var err error
		switch rand.IntN(3) {
		case 0:
			m, e := b.Write(rest[:n])
			k, err = int64(m), e
		case 1:
			m, e := b.WriteString(string(rest[:n]))
			k, err = int64(m), e
		default:
			k, err = b.ReadFrom(iotest.HalfReader(bytes.NewReader(rest[:n])))
		}
		if k != int64(n) || err != nil {
			t.Errorf("writing %d bytes returns %d, %v", n, k, err)
			return
		}
		rest = rest[n:]
	}
}

// readSome reads for a while with a new reader, and reports whether it came to the end of the stream.
func readSome(ctx context.Context, t testing.TB, b *replay.Buffer, data []byte) (ended bool) {
	r := b.NewReader()
	defer r.Close()
	at, err := r.Seek(rand.Int64N(b.Len()+1), io.SeekStart)
	if err != nil {
		t.Errorf("Seek() = %v, want nil", err)
	}
	p := make([]byte, 1+rand.IntN(70_000))
	for range 1 + rand.IntN(50) {
		var n int
		if rand.IntN(3) == 0 && at+int64(len(p)) < b.Len() {
			if n, err = r.ReadAt(p, at); n < len(p) {
				t.Errorf("ReadAt() of bytes that are there = %d, %v, want %d, nil", n, err, len(p))
				return true
			}
			if _, err := r.Seek(int64(n), io.SeekCurrent); err != nil {
				t.Errorf("Seek() = %v, want nil", err)
			}
		} else {
			n, err = r.ReadContext(ctx, p)
		}
		if !bytes.Equal(p[:n], data[at:at+int64(n)]) {
			t.Errorf("%d bytes at %d are wrong", n, at)
			return true
		}
		at += int64(n)
		if err == io.EOF && at == int64(len(data)) {
			return true
		} else if err != nil {
			t.Errorf("reading at %d: %v", at, err)
			return true
		}
	}
	return false
}

// oneLine is a source that hands out its line by one Read. If there is no room for that it fills what there is with empty lines.
type oneLine struct{ line string }

func (l *oneLine) Read(p []byte) (int, error) {
	switch {
	case l.line == "":
		return 0, io.EOF
	case len(p) < len(l.line):
		return copy(p, strings.Repeat("\n", len(p))), nil
	}
	n := copy(p, l.line)
	l.line = ""
	return n, nil
}

// Writers at once: what each wrote stays together and in its order, and what one Read of ReadFrom's source returned does too.
func TestManyWriters(t *testing.T) {
	inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
		const writers, each = 4, 300
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					line := fmt.Sprintf("%d %d %s\n", w, i, strings.Repeat("x", rand.IntN(100)))
					var err error
					if w == 0 {
						_, err = b.ReadFrom(&oneLine{line})
					} else {
						_, err = b.WriteString(line)
					}
					if err != nil {
						t.Errorf("writing a line: %v", err)
					}
				}
			})
		}
		wg.Wait()
		b.Close()
		r := b.NewReader()
		defer r.Close()
		all, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var next [writers]int
		for line := range bytes.Lines(all) {
			if len(line) == 1 {
				continue
			}
			var w, i int
			if _, err := fmt.Sscanf(string(line), "%d %d", &w, &i); err != nil || next[w] != i {
				t.Fatalf("the line %q: %v, want number %d", line, err, next[w])
			}
			next[w]++
		}
		if next != [writers]int{each, each, each, each} {
			t.Errorf("lines of each writer: %v, want %d", next, each)
		}
	})
}

// A snapshot reader ends where the stream is now, and goes on later.
func TestSnapshotReaderReadsOn(t *testing.T) {
	inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
		r := b.NewSnapshotReader()
		defer r.Close()
		data := content(4000)
		for i := 0; i < len(data); i += 500 {
			write(t, b, data[i:i+500])
			if got, err := io.ReadAll(r); !bytes.Equal(got, data[i:i+500]) || err != nil {
				t.Fatalf("ReadAll() = %d bytes, %v, want 500, nil", len(got), err)
			}
			if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Fatalf("Read() = %v, %v, want 0, EOF", n, err)
			}
		}
		broken := errors.New("broken")
		b.CloseWithError(broken)
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != broken {
			t.Fatalf("Read() = %v, %v, want 0, %v", n, err, broken)
		}
	})
}

func TestBadBufferOptionsPanic(t *testing.T) {
	for want, o := range map[string]replay.BufferOptions{
		"replay: MaxBytes must be at least 0, got -1":   {MaxBytes: -1},
		"replay: SpillBytes must be at least 0, got -2": {SpillBytes: -2},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("NewBuffer(%+v) panics with %v, want %q", o, got, want)
				}
			}()
			replay.NewBuffer(o)
		}()
	}
}

// Limits beyond all that is ever written are no limits.
func TestLargestLimits(t *testing.T) {
	for _, o := range []replay.BufferOptions{
		{MaxBytes: math.MaxInt64},
		{SpillBytes: math.MaxInt64},
		{SpillBytes: math.MaxInt64, MaxBytes: math.MaxInt64},
		{SpillBytes: 10, MaxBytes: math.MaxInt64},
	} {
		o.Dir = "/"
		b := replay.NewBufferOn(fsx.NewMem(fsx.MemOptions{}), o)
		data := content(300_000)
		write(t, b, data)
		b.Close()
		r := b.NewReader()
		wantAll(t, r, data, nil)
		r.Close()
	}
}
