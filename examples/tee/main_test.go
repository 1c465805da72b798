package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/sluice-go/sluice/replay"
)

// file is an output in memory, which may wait or fail.
type file struct {
	bytes.Buffer
	gate   chan struct{} // a write waits until it is closed; nil: none does
	fail   error
	closed bool
}

func (f *file) Write(p []byte) (int, error) {
	if f.gate != nil {
		<-f.gate
	}
	if f.fail != nil {
		return 0, f.fail
	}
	return f.Buffer.Write(p)
}

func (f *file) Close() error {
	f.closed = true
	return nil
}

// A slow file and one that fails disturb no other, and the failure is told.
func TestTee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast, slow, full := &file{}, &file{gate: make(chan struct{})}, &file{fail: errors.New("disk full")}
		b := replay.NewBuffer(replay.BufferOptions{})
		done := make(chan error, 1)
		go func() {
			done <- tee(t.Context(), b, strings.NewReader("some input"), []output{{"fast", fast}, {"slow", slow}, {"full", full}})
		}()
		synctest.Wait()
		if fast.String() != "some input" || slow.Len() != 0 {
			t.Errorf("while one is slow the outputs hold %q and %q", fast.String(), slow.String())
		}
		close(slow.gate)
		if err := <-done; err == nil || err.Error() != "full: disk full" {
			t.Errorf("tee() = %v, want full: disk full", err)
		}
		if slow.String() != "some input" || !fast.closed || !slow.closed || !full.closed {
			t.Errorf("the slow one holds %q; closed: %t %t %t", slow.String(), fast.closed, slow.closed, full.closed)
		}
	})
}

// An input that fails is not taken for one that ended: neither by tee nor by who comes late.
func TestInputFails(t *testing.T) {
	broken := errors.New("pipe broke")
	out := &file{}
	b := replay.NewBuffer(replay.BufferOptions{})
	err := tee(t.Context(), b, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), []output{{"out", out}})
	if !errors.Is(err, broken) || out.String() != "half" {
		t.Errorf("tee() = %v with the output %q, want %v and half", err, out.String(), broken)
	}
	server := httptest.NewServer(handler(b))
	defer server.Close()
	if body, err := get(server); body != "half" || err == nil {
		t.Errorf("a late client gets %q, %v, want half and an error", body, err)
	}
}

func get(server *httptest.Server) (string, error) {
	res, err := http.Get(server.URL)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// One that comes late gets everything, and follows.
func TestLateReader(t *testing.T) {
	b := replay.NewBuffer(replay.BufferOptions{SpillBytes: 4, Dir: t.TempDir()})
	in, input := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- tee(t.Context(), b, in, nil) }()
	io.WriteString(input, "before;")
	server := httptest.NewServer(handler(b))
	defer server.Close()
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	p := make([]byte, 7)
	if _, err := io.ReadFull(res.Body, p); string(p) != "before;" || err != nil {
		t.Errorf("the client reads %q, %v, want before;", p, err)
	}
	io.WriteString(input, "after")
	input.Close()
	if rest, err := io.ReadAll(res.Body); string(rest) != "after" || err != nil {
		t.Errorf("the client reads %q, %v, want after", rest, err)
	}
	if err := <-done; err != nil {
		t.Errorf("tee() = %v, want nil", err)
	}
	server.Close() // and with it the last reader
	if err := b.Remove(); err != nil {
		t.Errorf("Remove() = %v, want nil", err)
	}
}

// When tee returns the buffer has ended, also if no output is left that waits for that.
func TestEndedWhenItReturns(t *testing.T) {
	for range 300 {
		b := replay.NewBuffer(replay.BufferOptions{})
		if err := tee(t.Context(), b, strings.NewReader("some input"), nil); err != nil {
			t.Errorf("tee() = %v, want nil", err)
		}
		if err := b.Remove(); err != nil {
			t.Fatalf("Remove() = %v, want nil", err)
		}
	}
}

// A client that is still there when the server stops leaves no temporary file behind.
func TestStopServing(t *testing.T) {
	dir := t.TempDir()
	for range 20 {
		b := replay.NewBuffer(replay.BufferOptions{SpillBytes: 4, Dir: dir})
		io.WriteString(b, "some input")
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		stop := serveAt(ln, b)
		res, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 10)); err != nil {
			t.Errorf("the client reads %v, want all", err)
		}
		b.Abort(nil)
		stop()
		if err := b.Remove(); err != nil {
			t.Errorf("Remove() = %v, want nil", err)
		}
		if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
			t.Fatalf("the directory holds %v, %v, want nothing", left, err)
		}
		res.Body.Close()
	}
}

// A signal ends it, though the input does not.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		in, input := io.Pipe()
		defer input.Close()
		out := &file{}
		done := make(chan error, 1)
		go func() { done <- tee(ctx, replay.NewBuffer(replay.BufferOptions{}), in, []output{{"out", out}}) }()
		io.WriteString(input, "abc")
		synctest.Wait()
		stopped := errors.New("stopped")
		cancel(stopped)
		if err := <-done; !errors.Is(err, stopped) || out.String() != "abc" || !out.closed {
			t.Errorf("tee() = %v with the output %q, closed: %t", err, out.String(), out.closed)
		}
	})
}
