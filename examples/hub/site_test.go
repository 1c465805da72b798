package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sluice-go/sluice"
)

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
