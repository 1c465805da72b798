package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newTestChat returns a chat whose rooms retain that many lines, and what it logs.
func newTestChat(t testing.TB, keep int64) (*chat, *bytes.Buffer) {
	t.Helper()
	_, o, err := parse([]string{"-rooms=20", "-keep", fmt.Sprint(keep)}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	c := newChat(o, slog.New(slog.NewTextHandler(&logged, nil)))
	t.Cleanup(func() { c.hub.Close() })
	return c, &logged
}

// say makes n lines in a room, whose texts are their offsets.
func say(t testing.TB, c *chat, room string, n int) {
	t.Helper()
	top, err := c.hub.Topic(room)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		_, next := top.Bounds()
		if _, err := top.Append(t.Context(), Line{Name: "test", Text: fmt.Sprint(next)}); err != nil {
			t.Fatal(err)
		}
	}
}

// response is a connection as a handler sees it: it holds nothing, so a client that does not read is noticed at once.
type response struct {
	net.Conn
	header http.Header
}

func (r response) Header() http.Header { return r.header }
func (r response) WriteHeader(int)     {}
func (r response) Flush()              {}

// client is one that reads an event stream.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	done chan struct{} // the handler has returned
}

func follow(t testing.TB, c *chat, query, lastID string) *client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req := httptest.NewRequestWithContext(ctx, "GET", "/events?"+query, nil)
	req.Header.Set("Last-Event-ID", lastID)
	near, far := net.Pipe()
	cl := &client{t: t, conn: near, r: bufio.NewReader(near), done: make(chan struct{})}
	go func() {
		defer close(cl.done)
		defer far.Close()
		c.handler().ServeHTTP(response{far, http.Header{}}, req)
	}()
	t.Cleanup(func() {
		cancel()
		near.Close()
		<-cl.done
	})
	return cl
}

type event struct{ name, id, data, comment string }

func (c *client) read() (e event, err error) {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return event{}, err
		}
		switch field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); {
		case field == "event":
			e.name = value
		case field == "id":
			e.id = value
		case field == "data":
			e.data = value
		case field == "" && value != "":
			e.comment = value
		case field == "" && line == "\n":
			return e, nil
		}
	}
}

// wants reads an event and compares its name and data.
func (c *client) wants(name, data string) event {
	c.t.Helper()
	e, err := c.read()
	if err != nil || e.name != name || e.data != data {
		c.t.Fatalf("got %+v, %v, want %q with %s", e, err, name, data)
	}
	return e
}

// greeting reads the block that comes with the headers and returns its id.
func (c *client) greeting() string {
	c.t.Helper()
	return c.wants("", "").id
}

// lines reads the lines from first to last of a room and returns the last id.
func (c *client) lines(room string, first, last int) (id string) {
	c.t.Helper()
	for n := first; n <= last; n++ {
		id = c.wants("", fmt.Sprintf(`{"room":"%s","time":"0001-01-01T00:00:00Z","name":"test","text":"%d"}`, room, n)).id
	}
	return id
}

func TestLateJoinersGetTheLastFifty(t *testing.T) {
	c, _ := newTestChat(t, 1000)
	early := follow(t, c, "room=go", "")
	early.greeting()
	early.wants("live", "{}")
	say(t, c, "go", 120)
	early.lines("go", 0, 119)

	late := follow(t, c, "room=go&room=go", "")
	if got, want := late.greeting(), c.epoch+",go:70"; got != want {
		t.Errorf("the greeting has the id %s, want %s", got, want)
	}
	late.lines("go", 70, 119)
	late.wants("live", "{}")
	say(t, c, "go", 1)
	early.lines("go", 120, 120)
	if got, want := late.lines("go", 120, 120), c.epoch+",go:121"; got != want {
		t.Errorf("the last line has the id %s, want %s", got, want)
	}
}

func TestComeBack(t *testing.T) {
	c, _ := newTestChat(t, 1000)
	say(t, c, "go", 3)
	say(t, c, "rust", 2)
	both := follow(t, c, "room=rust&room=go", c.epoch+",go:1,rust:2")
	if got, want := both.greeting(), c.epoch+",go:1,rust:2"; got != want {
		t.Errorf("the greeting has the id %s, want %s", got, want)
	}
	both.lines("go", 1, 2)
	both.wants("live", "{}")
	say(t, c, "rust", 1)
	if got, want := both.lines("rust", 2, 2), c.epoch+",go:3,rust:3"; got != want {
		t.Errorf("the line has the id %s, want %s", got, want)
	}
	// Other rooms: what is known goes on, what is new begins with its history.
	say(t, c, "new", 60)
	say(t, c, "go", 1)
	other := follow(t, c, "room=go&room=new&lastEventID="+url.QueryEscape(c.epoch+",go:3,rust:3"), "")
	if got, want := other.greeting(), c.epoch+",go:3,new:10"; got != want {
		t.Errorf("the greeting has the id %s, want %s", got, want)
	}
	other.lines("go", 3, 3)
	other.lines("new", 10, 59)
	other.wants("live", "{}")
}

func TestReset(t *testing.T) {
	c, _ := newTestChat(t, 1000)
	say(t, c, "go", 2)
	for id, reason := range map[string]string{
		"0123456789abcdef,go:1":                  "the server was started anew",
		c.epoch + ",go:3":                        "room go has no line 3 yet",
		c.epoch + ",go:-1":                       "is none of this server",
		c.epoch + ",Go:1":                        "is none of this server",
		c.epoch:                                  "is none of this server",
		"nonsense":                               "is none of this server",
		c.epoch + ",go:9223372036854775808":      "is none of this server",
		c.epoch + strings.Repeat(",a:1,b:1", 10): "", // the same again: the last counts
		c.epoch + ",a:9,go:2":                    "", // a is not followed
		c.epoch + manyRooms(maxRooms+1):          "with up to 16 rooms",
	} {
		cl := follow(t, c, "room=go", id)
		e, err := cl.read()
		switch {
		case err != nil:
			t.Errorf("%s: %v", id, err)
		case reason == "" && e.name != "" || reason != "" && (e.name != "reset" || !strings.Contains(e.data, reason)):
			t.Errorf("%s: got %+v, want a reset: %q", id, e, reason)
		case reason != "":
			cl.lines("go", 0, 1)
		}
	}
}

func manyRooms(n int) (list string) {
	for i := range n {
		list += fmt.Sprintf(",r%d:0", i)
	}
	return list
}

func TestGap(t *testing.T) {
	c, _ := newTestChat(t, 10)
	say(t, c, "go", 100)
	say(t, c, "rust", 1)
	top, _ := c.hub.Topic("go")
	first, _ := top.Bounds()
	cl := follow(t, c, "room=go&room=rust", c.epoch+",go:20,rust:0")
	cl.greeting()
	e := cl.wants("gap", fmt.Sprintf(`{"room":"go","missed":%d}`, first-20))
	if want := fmt.Sprintf("%s,go:%d,rust:0", c.epoch, first); e.id != want {
		t.Errorf("the gap has the id %s, want %s", e.id, want)
	}
}

// One client stops reading: the others get everything in no time of the bubble's clock, and it is dropped when its time is up.
func TestSlowClientHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logged := newTestChat(t, 1000)
		begin := time.Now()
		slow := follow(t, c, "room=go", "")
		slow.greeting()
		slow.wants("live", "{}")
		var reading sync.WaitGroup
		for range 3 {
			cl := follow(t, c, "room=go&room=rust", "")
			cl.greeting()
			cl.wants("live", "{}")
			reading.Go(func() {
				for n := range 50 {
					cl.lines("go", n*20, n*20+19)
				}
			})
		}
		for range 50 {
			say(t, c, "go", 20)
			synctest.Wait()
		}
		reading.Wait()
		if took := time.Since(begin); took != 0 {
			t.Errorf("the others needed %v, want no waiting", took)
		}
		<-slow.done
		if took := time.Since(begin); took != c.writeTimeout || !strings.Contains(logged.String(), "too slow") {
			t.Errorf("the slow client was dropped after %v, want %v; log: %s", took, c.writeTimeout, logged)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newTestChat(t, 10)
		cl := follow(t, c, "room=go", "")
		cl.greeting()
		cl.wants("live", "{}")
		begin := time.Now()
		for n := range 3 {
			if e := cl.wants("", ""); e.comment != "hb" || time.Since(begin) != time.Duration(n+1)*c.heartbeat {
				t.Errorf("got %+v after %v, want a heartbeat every %v", e, time.Since(begin), c.heartbeat)
			}
			say(t, c, "go", 1)
			cl.lines("go", n, n)
		}
	})
}

// The connection is cut again and again, anywhere, while people speak; what all connections brought together is each line once.
func TestDisconnects(t *testing.T) {
	const lines = 1000
	c, _ := newTestChat(t, 10*lines)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	lastID := follow(t, c, "room=go&room=rust", "").greeting()
	next := map[string]int{}
	said := 0
	for next["go"]+next["rust"] < lines {
		for n := min(rng.IntN(40), lines-said); n > 0; n-- {
			say(t, c, []string{"go", "rust"}[rng.IntN(2)], 1)
			said++
		}
		cl := follow(t, c, "room=go&room=rust", lastID)
		cl.r = bufio.NewReader(io.LimitReader(cl.conn, int64(rng.IntN(4000))))
		for next["go"]+next["rust"] < said {
			e, err := cl.read()
			if err != nil {
				break
			}
			lastID = e.id
			if e.name != "" || e.data == "" {
				continue
			}
			var l lineData
			if err := json.Unmarshal([]byte(e.data), &l); err != nil || l.Text != fmt.Sprint(next[l.Room]) {
				t.Fatalf("seed %d: got %+v (%v), want line %d", seed, e, err, next[l.Room])
			}
			next[l.Room]++
		}
		cl.conn.Close()
	}
}
