package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-go/sluice/examples/internal/web"
)

// What the tests share: a server, a client of event streams, and a log that can be read.

var ctx = context.Background()

// defaults are the options of a command line without arguments, with nothing dropped.
func defaults(t testing.TB) options {
	t.Helper()
	o, err := parse([]string{"-keep=0", "-max-bytes=0"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// put appends n events whose texts are their offsets.
func put(t testing.TB, f *feed, n int) {
	t.Helper()
	for range n {
		_, next := f.Bounds()
		if _, err := f.Append(ctx, Event{Source: "test", Text: fmt.Sprint(next)}); err != nil {
			t.Fatal(err)
		}
	}
}

// site serves h as the program does, until the test ends.
func site(t testing.TB, h http.Handler, ln net.Listener, log *slog.Logger) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- web.Serve(ctx, ln, h, log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v, want nil", err)
		}
	})
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func dialTCP(t testing.TB, ln net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// pipes is a listener in memory. In a synctest bubble a wait for the network would keep the clock from going on.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// follower is a client of one event stream.
type follower struct {
	t    testing.TB
	conn net.Conn
	resp *http.Response
	r    *bufio.Reader
}

// follow asks for path with that Last-Event-ID, unless it is empty, and returns when the headers are there.
func follow(t testing.TB, conn net.Conn, path, lastID string) *follower {
	t.Helper()
	f, err := tryFollow(t, conn, path, lastID)
	if err != nil {
		t.Fatal(err)
	}
	if f.resp.StatusCode != 200 {
		t.Fatalf("GET %s: %s", path, f.resp.Status)
	}
	t.Cleanup(func() { conn.Close() })
	return f
}

func tryFollow(t testing.TB, conn net.Conn, path, lastID string) (*follower, error) {
	req, err := http.NewRequest("GET", "http://livefeed"+path, nil)
	if err != nil {
		return nil, err
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, err
	}
	return &follower{t: t, conn: conn, resp: resp, r: bufio.NewReader(resp.Body)}, nil
}

// block is what stands between two blank lines of a stream.
type block struct{ event, id, data, retry, comment string }

// offset returns the offset in the id.
func (b block) offset(t testing.TB) int {
	t.Helper()
	_, n, _ := strings.Cut(b.id, "-")
	off, err := strconv.Atoi(n)
	if err != nil {
		t.Errorf("id %q: %v", b.id, err)
		return -2
	}
	return off
}

// read returns the next block. Like a browser it takes no block that is not whole.
func (f *follower) read() (b block, err error) {
	for {
		line, err := f.r.ReadString('\n')
		if err != nil {
			return block{}, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			b.event = value
		case "id":
			b.id = value
		case "data":
			b.data = value
		case "retry":
			b.retry = value
		default:
			if value == "" {
				return b, nil
			}
			b.comment = value
		}
	}
}

// next returns the next block.
func (f *follower) next() block {
	f.t.Helper()
	b, err := f.read()
	if err != nil {
		f.t.Fatalf("the stream ended: %v", err)
	}
	return b
}

// wantValues reads the values from offset first up to last, and nothing else.
func (f *follower) wantValues(first, last int) {
	f.t.Helper()
	for n := first; n <= last; n++ {
		if b := f.next(); b.event != "" || b.offset(f.t) != n || !strings.Contains(b.data, fmt.Sprintf(`"text":"%d"`, n)) {
			f.t.Fatalf("got %+v, want value %d", b, n)
		}
	}
}

// wantEvent reads an event of that name, with that offset in its id.
func (f *follower) wantEvent(name string, offset int, data string) {
	f.t.Helper()
	if b := f.next(); b.event != name || b.offset(f.t) != offset || b.data != data {
		f.t.Fatalf("got %+v, want event %s with id …-%d and data %s", b, name, offset, data)
	}
}

// wantGreeting reads the block that comes with the headers.
func (f *follower) wantGreeting(offset int) {
	f.t.Helper()
	if b := f.next(); b.retry != "2000" || b.event != "" || b.offset(f.t) != offset {
		f.t.Fatalf("got %+v, want retry: 2000 and id: …-%d", b, offset)
	}
}

// wantEnd checks that the stream is over.
func (f *follower) wantEnd() {
	f.t.Helper()
	if b, err := f.read(); err != io.EOF {
		f.t.Fatalf("got %+v, %v, want the end of the stream", b, err)
	}
}

// journal is a log that a test can wait for.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and replaced by each Write
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.more)
	j.more = make(chan struct{})
	return j.text.Write(b)
}

// wait returns what was logged once it contains text.
func (j *journal) wait(t testing.TB, text string) string {
	t.Helper()
	tooLong := time.After(3 * time.Minute)
	for {
		j.mu.Lock()
		all, more := j.text.String(), j.more
		j.mu.Unlock()
		if strings.Contains(all, text) {
			return all
		}
		select {
		case <-more:
		case <-tooLong:
			t.Fatalf("the log is %q, want %q in it", all, text)
		}
	}
}
