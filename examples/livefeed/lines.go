package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/sluice-go/sluice"
)

// maxLine is how many bytes of a line one event holds.
const maxLine = 1 << 20

// readBytes is how much is read at once; the lines in it are appended by one AppendAll.
const readBytes = 64 << 10

// lines makes events of bytes, in whatever pieces they come.
type lines struct {
	source  string
	to      sluice.Sink[Event]
	max     int     // bytes of a line in one event; at least utf8.UTFMax
	pending []byte  // the line whose end has not come yet; at most max+1 bytes between writes
	batch   []Event // what the current write has completed
}

func newLines(source string, to sluice.Sink[Event]) *lines {
	return &lines{source: source, to: to, max: maxLine}
}

// readLines appends the lines of r until it ends, and returns nil then.
func readLines(ctx context.Context, r io.Reader, l *lines) error {
	buf := make([]byte, readBytes)
	for {
		n, err := r.Read(buf)
		if err := l.write(ctx, buf[:n]); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			continue
		}
		if err := l.flush(ctx); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		return fmt.Errorf("read %s: %w", l.source, err)
	}
}

// write appends the lines that end in data and holds the rest.
func (l *lines) write(ctx context.Context, data []byte) error {
	now := time.Now()
	for {
		line, rest, found := bytes.Cut(data, []byte{'\n'})
		if !found {
			break
		}
		data = rest
		if len(l.pending) > 0 {
			line = append(l.pending, line...)
			l.pending = line[:0]
		}
		l.add(now, line)
	}
	l.pending = append(l.pending, data...)
	// One byte more than max may still be \r, and so not count.
	for len(l.pending) > l.max+1 {
		l.pending = append(l.pending[:0], l.addPiece(now, l.pending)...)
	}
	return l.append(ctx)
}

// flush appends what is held as a line: its newline will never come.
func (l *lines) flush(ctx context.Context) error {
	if len(l.pending) > 0 {
		l.add(time.Now(), l.pending)
		l.pending = l.pending[:0]
	}
	return l.append(ctx)
}

func (l *lines) add(now time.Time, line []byte) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	for len(line) > l.max {
		line = l.addPiece(now, line)
	}
	l.batch = append(l.batch, Event{Time: now, Source: l.source, Text: string(line)})
}

// addPiece takes max bytes off line, or up to 3 fewer so as not to cut a character in two, and returns what remains.
func (l *lines) addPiece(now time.Time, line []byte) (rest []byte) {
	n := l.max
	for n > l.max-utf8.UTFMax && !utf8.RuneStart(line[n]) {
		n--
	}
	if n == l.max-utf8.UTFMax { // not UTF-8
		n = l.max
	}
	l.batch = append(l.batch, Event{Time: now, Source: l.source, Text: string(line[:n]), Cut: true})
	return line[n:]
}

func (l *lines) append(ctx context.Context) error {
	_, err := l.to.AppendAll(ctx, l.batch)
	clear(l.batch) // the log decides how long texts live, not this slice
	l.batch = l.batch[:0]
	return err
}
