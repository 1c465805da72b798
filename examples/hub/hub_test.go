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

	"github.com/sluice-go/sluice"
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

func TestSay(t *testing.T) {
	c, _ := newTestChat(t, 10)
	post := func(room string, form url.Values, header ...string) *httptest.ResponseRecorder {
		req := httptest.NewRequest("POST", "/rooms/"+room, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		c.handler().ServeHTTP(w, req)
		return w
	}
	form := func(name, text string) url.Values { return url.Values{"name": {name}, "text": {text}} }
	for _, tt := range []struct {
		room   string
		form   url.Values
		header []string
		code   int
		want   string
	}{
		{"go", form(" Ann ", "hello"), nil, 204, ""},
		{"go", form("", "hello"), nil, 400, "name must have 1 to 40 characters, got 0"},
		{"go", form("Ann", " "), nil, 400, "text must have 1"},
		{"go", form(strings.Repeat("ä", 40), strings.Repeat("ä", 4000)), nil, 204, ""},
		{"go", form("Ann", strings.Repeat("x", 4001)), nil, 400, "4001"},
		{"go", form("Ann", strings.Repeat("x", 1<<20)), nil, 400, "name must have"},
		{"G!", form("Ann", "hello"), nil, 400, "a name has 1 to 40"},
		{"go", form("Ann", "hello"), []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
	} {
		if w := post(tt.room, tt.form, tt.header...); w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("POST /rooms/%s %.40v: %d %q, want %d %q", tt.room, tt.form, w.Code, w.Body, tt.code, tt.want)
		}
	}
	top, _ := c.hub.Topic("go")
	if l, err := top.Cursor(sluice.Oldest()).Next(t.Context()); err != nil || l.Name != "Ann" || l.Text != "hello" || l.Time.IsZero() {
		t.Errorf("the first line is %+v, %v, want Ann's", l, err)
	}
	for i := range 25 {
		post(fmt.Sprint("room", i), form("Ann", "hello"))
	}
	if w := post("one-more", form("Ann", "hello")); w.Code != 429 {
		t.Errorf("the 21st room: %d %s, want 429", w.Code, w.Body)
	}
	for path, want := range map[string]string{
		"/rooms":                     `["go","room0","room1",`,
		"/":                          "<title>hub</title>",
		"/events":                    "1 to 16 rooms, got 0",
		"/events?room=A":             "a name has 1 to 40",
		"/events?room=one-more":      "20 rooms already",
		"/events?" + manyQueries(17): "1 to 16 rooms, got 17",
	} {
		w := httptest.NewRecorder()
		c.handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("GET %s: %d %.100s, want %s in it", path, w.Code, w.Body, want)
		}
	}
	if n := c.hub.Len(); n != 20 {
		t.Errorf("there are %d rooms, want 20", n)
	}
}

func manyQueries(n int) (query string) {
	for i := range n {
		query += fmt.Sprintf("&room=room%d", i)
	}
	return query
}

func TestUsage(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		args string
		code int
		want string // in what it says
	}{
		{"-h", 0, "-write-timeout"},
		{"-nonsense", 2, "nonsense"},
		{"x", 2, "unexpected argument"},
		{"-keep 0", 2, "-keep"},
		{"-heartbeat 0s", 2, "more than 0"},
		{"-addr " + busy.Addr().String(), 1, "listen"},
		{"-addr 127.0.0.1:0", 0, "http://127.0.0.1:"},
	} {
		var out bytes.Buffer
		if code := run(done, strings.Fields(tt.args), &out, &out); code != tt.code || !strings.Contains(out.String(), tt.want) {
			t.Errorf("hub %s: exit code %d, %q, want %d, %q", tt.args, code, &out, tt.code, tt.want)
		}
	}
}

// The real server, over a real connection: a line that is posted arrives, and the stream ends with the server.
func TestServer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	said, out := io.Pipe()
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"-addr=127.0.0.1:0"}, out, io.Discard) }()
	announced, err := bufio.NewReader(said).ReadString('?')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, said)
	base := strings.TrimSuffix(strings.TrimPrefix(announced, "hub: "), "/?")
	resp, err := http.Get(base + "/events?room=go")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cl := &client{t: t, r: bufio.NewReader(resp.Body)}
	cl.greeting()
	cl.wants("live", "{}")
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type: %q", got)
	}
	if _, err := http.PostForm(base+"/rooms/go", url.Values{"name": {"Ann"}, "text": {"hello"}}); err != nil {
		t.Fatal(err)
	}
	if e, err := cl.read(); err != nil || !strings.Contains(e.data, `"name":"Ann","text":"hello"`) {
		t.Errorf("got %+v, %v, want what Ann said", e, err)
	}
	stop()
	if e, err := cl.read(); err != io.EOF {
		t.Errorf("got %+v, %v, want the end", e, err)
	}
	http.DefaultClient.CloseIdleConnections()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d, want 0", got)
	}
}
