package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
)

// tailed is a file with a tail that the test makes look.
type tailed struct {
	*tail
	t    *testing.T
	feed *feed
}

func newTailed(t *testing.T, path string, existing bool) *tailed {
	t.Helper()
	tl, err := openTail(path, existing, newJournal().logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tl.close() })
	f := newFeed(defaults(t))
	tl.lines.to = f
	return &tailed{tail: tl, t: t, feed: f}
}

// want looks and checks what the feed holds then.
func (tl *tailed) want(texts ...string) {
	tl.t.Helper()
	if err := tl.look(ctx); err != nil {
		tl.t.Fatal(err)
	}
	wantTexts(tl.t, tl.feed, texts...)
}

func write(t *testing.T, path string, flag int, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|flag, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

const (
	add    = os.O_APPEND
	create = os.O_CREATE | os.O_EXCL
	cut    = os.O_TRUNC
)

func TestTailStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, create, "a\nb")
	all, new := newTailed(t, path, true), newTailed(t, path, false)
	all.want("a")
	new.want()
	write(t, path, add, "c\nd\n")
	all.want("a", "bc", "d")
	new.want("c", "d")
}

func TestTailPartialLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, create, "")
	tl := newTailed(t, path, false)
	for _, piece := range []string{"a", "b", "\r"} {
		write(t, path, add, piece)
		tl.want()
	}
	write(t, path, add, "\nnext")
	tl.want("ab")
}

func TestTailMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	tl := newTailed(t, path, false)
	tl.want()
	write(t, path, create, "a\n") // its content is new, so all of it is wanted
	tl.want("a")
}

func TestTailRotation(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be renamed")
	}
	path := filepath.Join(t.TempDir(), "log")
	rename := func(suffix string) {
		t.Helper()
		if err := os.Rename(path, path+suffix); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path, create, "a\n")
	tl := newTailed(t, path, true)
	tl.want("a")

	write(t, path, add, "b\n") // not read yet when it is renamed
	rename(".1")
	tl.want("a", "b")
	write(t, path+".1", add, "c\n") // by a writer that still has it
	tl.want("a", "b", "c")
	write(t, path, create, "x\n")
	write(t, path+".1", add, "d\n") // even now
	tl.want("a", "b", "c", "d")
	write(t, path+".1", add, "partial")
	tl.want("a", "b", "c", "d")
	tl.want("a", "b", "c", "d", "partial", "x") // a quiet look: the old file is done, and so is its last line
	write(t, path, add, "y\n")
	tl.want("a", "b", "c", "d", "partial", "x", "y")

	rename(".2") // again, with a file that is longer than what was read of the old
	write(t, path, create, strings.Repeat("z\n", 3))
	tl.want("a", "b", "c", "d", "partial", "x", "y")
	tl.want("a", "b", "c", "d", "partial", "x", "y", "z", "z", "z")
}

func TestTailReplacedByDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be removed")
	}
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, create, "a\n")
	tl := newTailed(t, path, true)
	j := newJournal()
	tl.log = j.logger()
	tl.want("a")
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tl.want("a")
	}
	if got := strings.Count(j.wait(t, "is a directory"), "is a directory"); got != 1 {
		t.Errorf("the trouble was logged %d times, want once", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, create, "b\n")
	tl.want("a", "b")
}

func TestTailTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, create, "first\nsecond\npartial")
	tl := newTailed(t, path, true)
	tl.want("first", "second")
	write(t, path, cut, "a\nb\n")
	tl.want("first", "second", "partial", "a", "b")
	write(t, path, cut, "")
	tl.want("first", "second", "partial", "a", "b")
	write(t, path, add, "c\n")
	tl.want("first", "second", "partial", "a", "b", "c")
}

func TestTailUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, create, "")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if file, err := os.Open(path); err == nil {
		file.Close()
		t.Skip("permissions do not bind this user")
	}
	if _, err := openTail(path, false, newJournal().logger()); !errors.Is(err, os.ErrPermission) {
		t.Errorf("openTail() = %v, want %v", err, os.ErrPermission)
	}
}

// TestTailFollow runs the loop on a bubble's clock: a line is there at the next poll.
func TestTailFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(defaults(t))
		tl, err := openTail(path, false, newJournal().logger())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- tl.follow(ctx, f) }()
		cur := f.Cursor(sluice.Oldest())
		defer cur.Close()
		for n := range 3 {
			synctest.Wait()
			write(t, path, os.O_CREATE|os.O_APPEND, fmt.Sprintf("%d\n", n))
			before := time.Now()
			if ev, err := cur.Next(ctx); err != nil || ev.Text != fmt.Sprint(n) || ev.Source != "log" {
				t.Errorf("Next() = %+v, %v, want text %d, nil", ev, err, n)
			}
			if took := time.Since(before); took != pollEvery {
				t.Errorf("the line took %v, want %v", took, pollEvery)
			}
		}
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("follow() = %v, want %v", err, context.Canceled)
		}
	})
}
