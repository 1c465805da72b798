package spool_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

// A failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

var finishedName = regexp.MustCompile(`^p-\d{8}T\d{6}\.\d{9}-[0-9a-f]{16}\.log(\.gz)?$`)

// files returns the finished files of a directory, sorted by name, with their messages, and the names of all others. A
// finished file that is not whole is an error.
func files(t failer, fsys fsx.FS, dir string, framing spool.Framing) (finished []string, messages map[string][]string, others []string) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	messages = map[string][]string{}
	for _, e := range entries {
		name := e.Name()
		if !finishedName.MatchString(name) {
			others = append(others, name)
			continue
		}
		data, err := fsx.ReadFile(fsys, filepath.Join(dir, name))
		if err != nil {
			t.Fatalf("%v", err)
		}
		finished = append(finished, name)
		for msg, err := range spool.Messages(plain(t, name, data), framing) {
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, len(data), err)
			}
			messages[name] = append(messages[name], string(msg))
		}
		if len(messages[name]) == 0 {
			t.Errorf("%s has no message", name)
		}
	}
	return finished, messages, others
}

func plain(t failer, name string, data []byte) io.Reader {
	t.Helper()
	if !strings.HasSuffix(name, ".gz") {
		return bytes.NewReader(data)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s, %d bytes: %v", name, len(data), err)
	}
	return z
}

// all returns the messages of all finished files, in the order of their names.
func all(t failer, fsys fsx.FS, dir string, framing spool.Framing) (msgs []string) {
	t.Helper()
	names, messages, _ := files(t, fsys, dir, framing)
	for _, name := range names {
		msgs = append(msgs, messages[name]...)
	}
	return msgs
}

// wantMessages checks what the finished files hold together, in any order.
func wantMessages(t failer, fsys fsx.FS, dir string, framing spool.Framing, want []string) {
	t.Helper()
	got := all(t, fsys, dir, framing)
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("the finished files hold %d messages %s, want %d: %s", len(got), abbreviated(strings.Join(got, " ")), len(want), abbreviated(strings.Join(want, " ")))
	}
}

// opened opens a Dir on m with the prefix that files looks for.
func opened(t failer, fsys fsx.FS, o spool.DirOptions) *spool.Dir {
	t.Helper()
	return openedOn(t, fsys, false, o)
}

func openedOn(t failer, fsys fsx.FS, windows bool, o spool.DirOptions) *spool.Dir {
	t.Helper()
	o.Prefix = "p-"
	if o.Timeout == 0 {
		o.Timeout = time.Minute // outside of a bubble the machine may be slow
	}
	d, err := spool.OpenOn(spool.Disk(fsys, windows), "/out", o)
	if err != nil {
		t.Fatalf("Open() = %v, want nil", err)
	}
	return d
}
