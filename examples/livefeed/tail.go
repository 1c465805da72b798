package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-go/sluice"
)

// pollEvery is how often a tail looks at its file. The standard library has no file events.
const pollEvery = 200 * time.Millisecond

// tail follows the file that stands at a path: the one there now, and after it each that takes its place.
//
// A file that is replaced is read to its end first, and until a whole poll brings nothing more, since a writer keeps a
// renamed log open for a while. What looking can't see is missed, as tail -F misses it: a file that comes and goes
// between two polls, one that is truncated and has grown beyond its old length by the next poll, and what is written to
// a replaced file later than a poll after the last.
type tail struct {
	path  string
	lines *lines
	log   *slog.Logger

	file     *os.File // nil while there is none
	info     fs.FileInfo
	pos      int64 // how far file was read
	replaced bool  // the look before saw another file at path
	buf      []byte
	trouble  string // what was logged last, to say it once
}

// openTail returns a tail of path, from the start of what is there if existing, else from its end. A file that comes
// later is read from its start in any case. A path that is there and can't be followed is an error.
func openTail(path string, existing bool, log *slog.Logger) (*tail, error) {
	t := &tail{path: path, lines: newLines(filepath.Base(path), nil), log: log, buf: make([]byte, readBytes)}
	switch err := t.open(); {
	case errors.Is(err, fs.ErrNotExist):
		log.Info("waiting for the file", "path", path)
		return t, nil
	case err != nil:
		return t, err
	}
	if !existing {
		end, err := t.file.Seek(0, io.SeekEnd)
		if err != nil {
			return t, err
		}
		t.pos = end
	}
	return t, nil
}

// follow appends the lines to to until ctx is done.
func (t *tail) follow(ctx context.Context, to sluice.Sink[Event]) error {
	t.lines.to = to
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	defer t.close()
	for {
		if err := t.look(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look reads what is there now. An error is final; trouble with the file is logged, and the next look tries again.
func (t *tail) look(ctx context.Context) error {
	if t.file == nil {
		if err := t.open(); err != nil {
			t.complain(err)
			return nil
		}
	}
	n, err := t.read(ctx)
	if err != nil {
		return err
	}
	switch now, err := os.Stat(t.path); {
	case err != nil: // if it is gone: the writer may still have it, and another may come
		t.replaced = false
		t.complain(err)
	case os.SameFile(t.info, now):
		t.replaced = false
	case n > 0 || !t.replaced:
		t.replaced = true
	default:
		return t.next(ctx)
	}
	return nil
}

// read reads to the end of the file, and again from its start if it was truncated. n is how many bytes there were.
func (t *tail) read(ctx context.Context) (n int64, err error) {
	for {
		k, readErr := t.file.Read(t.buf)
		t.pos += int64(k)
		n += int64(k)
		if err := t.lines.write(ctx, t.buf[:k]); err != nil {
			return n, err
		}
		switch {
		case ctx.Err() != nil:
			return n, context.Cause(ctx)
		case readErr == nil:
		case readErr != io.EOF:
			t.complain(readErr)
			return n, nil
		default:
			again, err := t.rewind(ctx)
			if !again || err != nil {
				return n, err
			}
		}
	}
}

// rewind goes back to the start of a file that has become shorter than what was read of it, and reports whether it did.
func (t *tail) rewind(ctx context.Context) (bool, error) {
	info, err := t.file.Stat()
	if err != nil {
		t.complain(err)
		return false, nil
	}
	if info.Size() >= t.pos {
		return false, nil
	}
	t.log.Info("the file was truncated: reading it from its start", "path", t.path)
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		t.complain(err)
		return false, nil
	}
	t.pos = 0
	return true, t.lines.flush(ctx)
}

// next leaves the file, of which everything was read, for the one that took its place.
func (t *tail) next(ctx context.Context) error {
	old := t.file
	if err := t.open(); err != nil {
		t.complain(err)
		return nil
	}
	old.Close()
	t.log.Info("the file was replaced: reading the new one from its start", "path", t.path)
	if err := t.lines.flush(ctx); err != nil {
		return err
	}
	_, err := t.read(ctx)
	return err
}

// open starts at the beginning of what stands at the path. On an error it changes nothing.
func (t *tail) open() error {
	info, err := os.Stat(t.path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a directory: -file follows one file", t.path)
	}
	if !info.Mode().IsRegular() { // opening a named pipe could block for ever
		return fmt.Errorf("%s is not a regular file: it can't be followed by name, but may be read on stdin", t.path)
	}
	file, err := os.Open(t.path)
	if err != nil {
		return err
	}
	if info, err = file.Stat(); err != nil { // of the file opened, not of one that stood there before
		file.Close()
		return err
	}
	t.file, t.info, t.pos, t.replaced, t.trouble = file, info, 0, false, ""
	return nil
}

func (t *tail) close() {
	if t.file != nil {
		t.file.Close()
	}
}

// complain logs err, once until another trouble comes or a file is opened. A file that is not there is no trouble.
func (t *tail) complain(err error) {
	if msg := err.Error(); msg != t.trouble && !errors.Is(err, fs.ErrNotExist) {
		t.trouble = msg
		t.log.Warn("trouble with the file; trying again", "err", err)
	}
}
