package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/sluice-go/sluice"
)

// texts returns what the events of f say; those cut end in +.
func texts(t *testing.T, f *feed) (texts []string) {
	t.Helper()
	cur := f.Cursor(sluice.Oldest())
	defer cur.Close()
	values, err := cur.Backlog(ctx)
	for ev := range values {
		if ev.Cut {
			ev.Text += "+"
		}
		texts = append(texts, ev.Text)
	}
	if err() != nil {
		t.Fatal(err())
	}
	return texts
}

func wantTexts(t *testing.T, f *feed, want ...string) {
	t.Helper()
	if got := texts(t, f); !slices.Equal(got, want) {
		t.Fatalf("the feed holds %q, want %q", got, want)
	}
}

func TestLines(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"a\nb\n", []string{"a", "b"}},
		{"a\nb", []string{"a", "b"}}, // the end of the input ends the line
		{"\n\n", []string{"", ""}},
		{"a\r\n\r\nb\rc\r\r\n", []string{"a", "", "b\rc\r"}},
		{"12345678\n", []string{"12345678"}},
		{"12345678\r\n", []string{"12345678"}},
		{"123456789\n", []string{"12345678+", "9"}},
		{"12345678\r9\n", []string{"12345678+", "\r9"}},
		{"1234567890abcdef\n", []string{"12345678+", "90abcdef"}},
		{"1234567890abcdefg", []string{"12345678+", "90abcdef+", "g"}},
		{"1234567ü\n", []string{"1234567+", "ü"}}, // no character is cut in two
		{"12345€\n", []string{"12345€"}},
		{"123456€\n", []string{"123456+", "€"}},
		{"12345😀\n", []string{"12345+", "😀"}},
		{"1234\x80\x80\x80\x80\x80\n", []string{"1234\x80\x80\x80\x80+", "\x80"}}, // not UTF-8 to begin with
		{"a\xffb\n", []string{"a\xffb"}},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r },
			"bytes": iotest.OneByteReader,
			"last":  iotest.DataErrReader,
		} {
			t.Run(fmt.Sprintf("%q/%s", test.in, name), func(t *testing.T) {
				f := newFeed(defaults(t))
				l := newLines("test", f)
				l.max = 8
				if err := readLines(ctx, wrap(strings.NewReader(test.in)), l); err != nil {
					t.Fatal(err)
				}
				wantTexts(t, f, test.want...)
			})
		}
	}
}

// TestLinesPieces: it does not matter in which pieces the input comes, nothing is lost, and nothing is held but one line.
func TestLinesPieces(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	alphabet := []string{"a", "ü", "😀", "\r", "\n", "\r\n", "\xe2", "\x80"}
	for range 500 {
		var in bytes.Buffer
		for range rng.IntN(100) {
			in.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		most := utf8.UTFMax + rng.IntN(4)
		var got [2][]string
		for i := range got {
			f := newFeed(defaults(t))
			l := newLines("test", f)
			l.max = most
			for data := in.Bytes(); len(data) > 0; {
				n := len(data)
				if i == 1 {
					n = 1 + rng.IntN(min(n, 10))
				}
				if err := l.write(ctx, data[:n]); err != nil {
					t.Fatal(err)
				}
				if len(l.pending) > l.max+1 {
					t.Fatalf("seed %d: %d bytes are held, want at most %d", seed, len(l.pending), l.max+1)
				}
				data = data[n:]
			}
			if err := l.flush(ctx); err != nil {
				t.Fatal(err)
			}
			got[i] = texts(t, f)
		}
		if !slices.Equal(got[0], got[1]) {
			t.Fatalf("seed %d: %q gave %q, and in pieces %q", seed, in.String(), got[0], got[1])
		}
		joined := strings.ReplaceAll(strings.Join(got[0], "\n")+"\n", "+\n", "")
		want, ended := strings.CutSuffix(strings.ReplaceAll(in.String(), "\r\n", "\n"), "\n")
		if !ended {
			want = strings.TrimSuffix(want, "\r")
		}
		if strings.TrimSuffix(joined, "\n") != want {
			t.Fatalf("seed %d: %q gave %q", seed, in.String(), got[0])
		}
	}
}

func TestLongLine(t *testing.T) {
	f := newFeed(defaults(t))
	line := strings.Repeat("ü", maxLine) // 2 MiB
	if err := readLines(ctx, strings.NewReader("x"+line+"\nnext\n"), newLines("test", f)); err != nil {
		t.Fatal(err)
	}
	got := texts(t, f)
	if len(got) != 4 || strings.ReplaceAll(strings.Join(got[:3], ""), "+", "") != "x"+line || got[3] != "next" {
		t.Errorf("got %d events, want the line in 3, and next", len(got))
	}
	for _, text := range got {
		if !utf8.ValidString(text) || len(text) > maxLine+len("+") {
			t.Errorf("an event of %d bytes, want at most %d, in UTF-8", len(text), maxLine)
		}
	}
}

func TestReadFails(t *testing.T) {
	f := newFeed(defaults(t))
	broken := errors.New("broken")
	err := readLines(ctx, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), newLines("stdin", f))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "read stdin") {
		t.Errorf("readLines() = %v, want it to wrap %v", err, broken)
	}
	wantTexts(t, f, "a", "b")
}
