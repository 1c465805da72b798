package replay_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// A source that errs, or breaks the contract, is told of, and what it gave before is there.
func TestReadFromSources(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		src  func() io.Reader
		n    int64
		want string
	}{
		"error":       {func() io.Reader { return io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)) }, 3, "broken"},
		"with bytes":  {func() io.Reader { return iotest.DataErrReader(strings.NewReader("abc")) }, 3, ""},
		"no progress": {func() io.Reader { return stuck{} }, 0, io.ErrNoProgress.Error()},
		"negative":    {func() io.Reader { return liar(-1) }, 0, "Read of replay_test.liar returned the count -1"},
		"too many":    {func() io.Reader { return liar(1 << 30) }, 0, "returned the count 1073741824"},
	} {
		t.Run(name, func(t *testing.T) {
			inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
				write(t, b, []byte("xyz"))
				n, err := b.ReadFrom(test.src())
				if n != test.n || !says(err, test.want) {
					t.Errorf("ReadFrom() = %v, %v, want %v and %q", n, err, test.n, test.want)
				}
				write(t, b, []byte("uvw")) // the buffer has not ended
				b.Close()
				r := b.NewReader()
				defer r.Close()
				wantAll(t, r, []byte("xyz"+"abc"[:n]+"uvw"), nil)
			})
		})
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

type liar int

func (n liar) Read([]byte) (int, error) { return int(n), nil }

// A sink that errs, or breaks the contract, is told of, and the reader stands behind what it took.
func TestWriteToSinks(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		take func(n int) (int, error)
		n    int64
		want string
	}{
		"error":    {func(int) (int, error) { return 2, broken }, 2, "broken"},
		"short":    {func(int) (int, error) { return 2, nil }, 2, io.ErrShortWrite.Error()},
		"negative": {func(int) (int, error) { return -1, nil }, 0, "Write of replay_test.sink returned the count -1"},
		"too many": {func(n int) (int, error) { return n + 1, nil }, 0, "returned the count 7 for 6 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
				write(t, b, []byte("abcdef"))
				b.Close()
				r := b.NewReader()
				defer r.Close()
				n, err := r.WriteTo(sink(test.take))
				if n != test.n || !says(err, test.want) {
					t.Errorf("WriteTo() = %v, %v, want %v and %q", n, err, test.n, test.want)
				}
				if rest, err := io.ReadAll(r); string(rest) != "abcdef"[n:] || err != nil {
					t.Errorf("ReadAll() = %q, %v, want the rest behind %d", rest, err, n)
				}
			})
		})
	}
}

type sink func(n int) (int, error)

func (s sink) Write(p []byte) (int, error) { return s(len(p)) }

// says reports whether err is one that contains want, or nil if that is empty.
func says(err error, want string) bool {
	if want == "" {
		return err == nil
	}
	return err != nil && strings.Contains(err.Error(), want)
}

// meddler is a source of some lines that does something else in the middle of each Read: say, write to the buffer that it is read
// into, so that whatever room it was lent is not the end any more. log gets what it returned when it returns.
type meddler struct {
	lines strings.Reader
	pause func()
	log   *strings.Builder
}

func newMeddler(n int, log *strings.Builder, pause func()) *meddler {
	return &meddler{*strings.NewReader(strings.Repeat("from the source;", n)), pause, log}
}

func (m *meddler) Read(p []byte) (int, error) {
	n, err := m.lines.Read(p[:min(len(p), 16)])
	if n > 0 {
		m.pause()
	}
	m.log.Write(p[:n])
	return n, err
}

// A ReadFrom beside other writers, another ReadFrom among them: nothing is lost or torn, and memory does not grow for it.
func TestReadFromBesideOtherWriters(t *testing.T) {
	inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
		const times = 500
		var log strings.Builder
		writes := func() {
			b.WriteString("written;")
			log.WriteString("written;")
		}
		reads := func() {
			if n, err := b.ReadFrom(newMeddler(1, &log, writes)); n != 16 || err != nil {
				t.Errorf("ReadFrom() = %v, %v, want 16, nil", n, err)
			}
		}
		for _, pause := range []func(){writes, reads} {
			if n, err := b.ReadFrom(newMeddler(times, &log, pause)); n != 16*times || err != nil {
				t.Errorf("ReadFrom() = %v, %v, want %v, nil", n, err, 16*times)
			}
			if got := held(b); got > int64(log.Len()+log.Len()/8+4<<10) {
				t.Errorf("the chunks hold %d bytes for %d", got, log.Len())
			}
		}
		b.Close()
		r := b.NewReader()
		defer r.Close()
		wantAll(t, r, []byte(log.String()), nil)
	})
}

// A buffer that ends while ReadFrom reads takes nothing more.
func TestReadFromMeetsTheEnd(t *testing.T) {
	inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
		write(t, b, []byte("abc"))
		if n, err := b.ReadFrom(newMeddler(2, new(strings.Builder), func() { b.Close() })); n != 0 || err != sluice.ErrClosed {
			t.Errorf("ReadFrom() = %v, %v, want 0, ErrClosed", n, err)
		}
		r := b.NewReader()
		defer r.Close()
		wantAll(t, r, []byte("abc"), nil)
	})
}

// A source that panics locks nobody out.
func TestReadFromPanics(t *testing.T) {
	inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("ReadFrom does not panic")
				}
			}()
			b.ReadFrom(newMeddler(1, new(strings.Builder), func() { panic("no more") }))
		}()
		write(t, b, []byte("abc"))
		b.Close()
		r := b.NewReader()
		defer r.Close()
		wantAll(t, r, []byte("abc"), nil)
	})
}
