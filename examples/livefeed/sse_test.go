package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"

	"github.com/sluice-go/sluice/examples/internal/web"
)

func TestLateJoin(t *testing.T) {
	o := defaults(t)
	f := newFeed(o)
	ln := listen(t)
	site(t, newHandler(f, o, newJournal().logger()), ln, newJournal().logger())

	early := follow(t, dialTCP(t, ln), "/events", "") // returns before there is any event: the headers are sent at once
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := early.resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	early.wantGreeting(-1)
	early.wantEvent("live", -1, `{"next":0}`)
	put(t, f, 100)
	early.wantValues(0, 99)

	late := follow(t, dialTCP(t, ln), "/events", "")
	late.wantGreeting(-1)
	late.wantValues(0, 99)
	late.wantEvent("live", 99, `{"next":100}`)
	put(t, f, 1)
	early.wantValues(100, 100)
	late.wantValues(100, 100)

	f.Close()
	for _, c := range []*follower{early, late, follow(t, dialTCP(t, ln), "/events", f.epoch+"-98")} {
		if c != early && c != late {
			c.wantGreeting(98)
			c.wantValues(99, 100)
			c.wantEvent("live", 100, `{"next":101}`)
		}
		c.wantEvent("end", 100, `{"error":""}`)
		c.wantEnd()
	}
}

func TestStart(t *testing.T) {
	o := defaults(t)
	o.keep = 8
	f := newFeed(o)
	put(t, f, 20) // 12 to 19 are retained
	ln := listen(t)
	site(t, newHandler(f, o, newJournal().logger()), ln, newJournal().logger())
	id := f.epoch + "-"
	const otherEpoch, oldest = "0123456789abcdef-3", 12
	for _, test := range []struct {
		query, header string
		first         int    // offset of the first value; 20 for none
		event         string // before the values: reset or gap
	}{
		{"", "", oldest, ""},
		{"?from=oldest", "", oldest, ""},
		{"?from=newest", "", 20, ""},
		{"?from=last:3", "", 17, ""},
		{"?from=last:0", "", 20, ""},
		{"?from=last:99", "", oldest, ""},
		{"?lastEventID=" + id + "15", "", 16, ""},
		{"", id + "15", 16, ""},
		{"?from=newest&lastEventID=" + id + "13", id + "15", 16, ""}, // the header goes first: a browser resumes by it
		{"?from=newest&lastEventID=" + id + "13", "", 14, ""},
		{"", id + "19", 20, ""},
		{"", id + "11", oldest, ""},
		{"", id + "10", oldest, "gap"},
		{"", id + "-1", oldest, "gap"},
		{"", id + "20", oldest, "reset"}, // beyond the end
		{"", id + "9223372036854775807", oldest, "reset"},
		{"", otherEpoch, oldest, "reset"},
		{"?lastEventID=" + otherEpoch, "", oldest, "reset"},
		{"", "nonsense", oldest, "reset"},
		{"", id + "-2", oldest, "reset"},
		{"", id + "9223372036854775808", oldest, "reset"},
	} {
		t.Run(test.query+" "+test.header, func(t *testing.T) {
			c := follow(t, dialTCP(t, ln), "/events"+test.query, test.header)
			switch b := c.next(); {
			case b.retry != "2000":
				t.Errorf("got %+v, want retry: 2000", b)
			case test.event == "reset":
				if b.event != "reset" || b.offset(t) != test.first-1 || b.data == "" {
					t.Errorf("got %+v, want event reset with id …-%d", b, test.first-1)
				}
			case b.event != "" || test.event == "" && b.offset(t) != test.first-1:
				t.Errorf("got %+v, want id …-%d", b, test.first-1)
			}
			if test.event == "gap" {
				if b := c.next(); b.event != "gap" || b.offset(t) != test.first-1 {
					t.Errorf("got %+v, want event gap with id …-%d", b, test.first-1)
				}
			}
			c.wantValues(test.first, 19)
			c.wantEvent("live", 19, `{"next":20}`)
		})
	}
}

func TestBadQuery(t *testing.T) {
	o := defaults(t)
	ln := listen(t)
	site(t, newHandler(newFeed(o), o, newJournal().logger()), ln, newJournal().logger())
	for query, want := range map[string]string{
		"from=middle":          "oldest, newest, or last:N",
		"from=last:":           "oldest, newest, or last:N",
		"from=last:-1":         "oldest, newest, or last:N",
		"lastEventID=7":        "5e1f9a03c7d2b846-41",
		"lastEventID=-7":       "5e1f9a03c7d2b846-41",
		"lastEventID=ab-cd":    "5e1f9a03c7d2b846-41",
		"lastEventID=ab-1%0a2": "5e1f9a03c7d2b846-41",
	} {
		c, err := tryFollow(t, dialTCP(t, ln), "/events?"+query, "")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(c.resp.Body)
		if c.resp.StatusCode != 400 || !strings.Contains(string(body), want) || err != nil {
			t.Errorf("GET /events?%s: %s, %q, %v, want 400 and %q", query, c.resp.Status, body, err, want)
		}
		c.conn.Close()
	}
}

func TestRoutes(t *testing.T) {
	o := defaults(t)
	ln := listen(t)
	site(t, newHandler(newFeed(o), o, newJournal().logger()), ln, newJournal().logger())
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200},
		{"HEAD", "/", 200},
		{"HEAD", "/events", 200}, // and returns, having no body to stream
		{"POST", "/events", 405},
		{"PUT", "/", 405},
		{"GET", "/favicon.ico", 404},
		{"GET", "/events/", 404},
	} {
		req, err := http.NewRequest(test.method, "http://"+ln.Addr().String()+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != test.status {
			t.Errorf("%s %s: %s, want %d", test.method, test.path, resp.Status, test.status)
		}
		body, err := io.ReadAll(resp.Body)
		if isPage := string(body) == string(page); err != nil || isPage != (test.method == "GET" && test.path == "/") {
			t.Errorf("%s %s: %d bytes, %v", test.method, test.path, len(body), err)
		}
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestEpochReset(t *testing.T) {
	o := defaults(t)
	var lastID string
	for run := range 2 { // of the program: the second knows nothing of the first
		f := newFeed(o)
		put(t, f, 5)
		ln := listen(t)
		site(t, newHandler(f, o, newJournal().logger()), ln, newJournal().logger())
		c := follow(t, dialTCP(t, ln), "/events", lastID)
		if run == 0 {
			c.wantGreeting(-1)
		} else {
			c.wantEvent("reset", -1, `{"reason":"the log was made anew: the id is from another run of the server"}`)
		}
		c.wantValues(0, 3)
		b := c.next()
		lastID = b.id
	}
}

func TestGap(t *testing.T) {
	o := defaults(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(o)
		ln := newPipes()
		site(t, newHandler(f, o, newJournal().logger()), ln, newJournal().logger())
		put(t, f, 10)
		c := follow(t, ln.dial(), "/events", "")
		c.wantGreeting(-1)
		synctest.Wait() // a pipe holds nothing: the server is writing the ten, and can't go on before they are read
		put(t, f, 50)
		f.Trim(55)
		c.wantValues(0, 9)
		c.wantEvent("live", 9, `{"next":10}`)
		c.wantEvent("gap", 54, `{"from":10,"to":55,"missed":45}`)
		c.wantValues(55, 59)
		// Whoever comes back behind the gap is not told of it again.
		c = follow(t, ln.dial(), "/events", f.epoch+"-54")
		c.wantGreeting(54)
		c.wantValues(55, 59)
	})
}

// TestInputFails: clients get what is retained, and then why there is no more.
func TestInputFails(t *testing.T) {
	o := defaults(t)
	f := newFeed(o)
	put(t, f, 2)
	j := newJournal()
	f.follow(ctx, input{name: "pump", follow: func(context.Context, sluice.Sink[Event]) error {
		return fmt.Errorf("out of water")
	}}, j.logger())
	j.wait(t, "out of water")
	ln := listen(t)
	site(t, newHandler(f, o, j.logger()), ln, j.logger())
	c := follow(t, dialTCP(t, ln), "/events", "")
	c.wantGreeting(-1)
	c.wantValues(0, 1)
	c.wantEvent("live", 1, `{"next":2}`)
	c.wantEvent("end", 1, `{"error":"out of water"}`)
	c.wantEnd()
}

func TestHeartbeat(t *testing.T) {
	o := defaults(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(o)
		ln := newPipes()
		site(t, newHandler(f, o, newJournal().logger()), ln, newJournal().logger())
		begin := time.Now()
		c := follow(t, ln.dial(), "/events", "")
		c.wantGreeting(-1)
		c.wantEvent("live", -1, `{"next":0}`)
		for n := range 3 {
			if b := c.next(); b.comment != "hb" {
				t.Fatalf("got %+v, want : hb", b)
			}
			if got, want := time.Since(begin), time.Duration(n+1)*o.heartbeat; got != want {
				t.Fatalf("heartbeat %d after %v, want %v", n, got, want)
			}
			put(t, f, 1) // a beat costs no value
			c.wantValues(n, n)
		}
	})
}

// A stream whose last write is longer ago than a write may take still ends as it should when the server is stopped.
func TestStopEndsAQuietStream(t *testing.T) {
	o := defaults(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ln, log, done := newPipes(), newJournal().logger(), make(chan error, 1)
		go func() { done <- web.Serve(ctx, ln, newHandler(newFeed(o), o, log), log) }()
		c := follow(t, ln.dial(), "/events", "")
		c.wantGreeting(-1)
		c.wantEvent("live", -1, `{"next":0}`)
		time.Sleep(o.writeTimeout + time.Second) // of the bubble's time, and before the first heartbeat
		cancel()
		c.wantEnd()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v, want nil", err)
		}
	})
}

// nowhere is a connection that takes everything.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header            { return n.header }
func (nowhere) Write(b []byte) (int, error)      { return len(b), nil }
func (nowhere) WriteHeader(int)                  {}
func (nowhere) Flush()                           {}
func (nowhere) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkEvents sends batches of 100 lines of 100 bytes to one client.
func BenchmarkEvents(b *testing.B) {
	f := newFeed(defaults(b))
	batch := make([]Event, 100)
	for i := range batch {
		batch[i] = Event{Time: time.Now(), Source: "stdin", Text: strings.Repeat("x", 100)}
	}
	f.AppendAll(ctx, batch)
	cur := f.Cursor(sluice.Newest())
	defer cur.Close()
	se := session{client: newClient(nowhere{}, f.epoch, time.Second), cur: cur}
	b.ReportAllocs()
	b.SetBytes(int64(len(batch)) * 100)
	for b.Loop() {
		if err := errors.Join(se.values(batch), se.Send()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/value")
}
