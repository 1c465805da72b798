package replay_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

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
