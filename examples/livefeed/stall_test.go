package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/examples/internal/web"
)

// TestStalled: one client stops reading. On the bubble's clock the others get everything in no time at all, though the
// stalled one is still connected then; it is dropped by its deadline, to the nanosecond.
func TestStalled(t *testing.T) {
	o := defaults(t)
	synctest.Test(t, func(t *testing.T) {
		const values, readers = 20_000, 3
		f := newFeed(o)
		j := newJournal()
		ln := newPipes()
		site(t, newHandler(f, o, j.logger()), ln, j.logger())
		begin := time.Now()

		stalled := follow(t, ln.dial(), "/events", "")
		stalled.wantGreeting(-1)
		stalled.wantEvent("live", -1, `{"next":0}`)
		var clients sync.WaitGroup
		for range readers {
			c := follow(t, ln.dial(), "/events", "")
			clients.Go(func() { readAll(t, c, values) })
		}
		putKB(t, f, values)
		clients.Wait()
		if took := time.Since(begin); took != 0 {
			t.Errorf("the others needed %v, want no waiting", took)
		}
		j.wait(t, "too slow")
		if took := time.Since(begin); took != o.writeTimeout {
			t.Errorf("the stalled client was dropped after %v, want %v", took, o.writeTimeout)
		}
	})
}

// TestStalledTCP is the same on real connections, which hold something on the way; not all, whatever the system allows them. The
// clock is real, too, so that the deadline is short for the stalled client and long for the others, however busy the machine is.
func TestStalledTCP(t *testing.T) {
	const values, readers = 20_000, 3
	o := defaults(t)
	o.writeTimeout = time.Minute
	hurried := o
	hurried.writeTimeout = 100 * time.Millisecond
	f := newFeed(o)
	j := newJournal()
	mux := http.NewServeMux()
	mux.Handle("/", newHandler(f, o, j.logger()))
	mux.Handle("/hurried/", http.StripPrefix("/hurried", newHandler(f, hurried, j.logger())))
	ln := listen(t)
	site(t, mux, ln, j.logger())

	conn := dialTCP(t, ln)
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	stalled := follow(t, conn, "/hurried/events", "")
	stalled.wantGreeting(-1)
	var clients sync.WaitGroup
	for range readers {
		c := follow(t, dialTCP(t, ln), "/events", "")
		clients.Go(func() { readAll(t, c, values) })
	}
	putKB(t, f, values)
	clients.Wait()
	j.wait(t, "too slow")
}

// TestStopStalled: a client that is stuck in a write, and would be for hours, does not hold up the end of the program.
func TestStopStalled(t *testing.T) {
	o := defaults(t)
	o.writeTimeout = time.Hour
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(o)
		put(t, f, 5)
		ln := newPipes()
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- web.Serve(ctx, ln, newHandler(f, o, newJournal().logger()), newJournal().logger()) }()
		follow(t, ln.dial(), "/events", "").wantGreeting(-1)
		synctest.Wait()
		begin := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v, want nil", err)
		}
		if took := time.Since(begin); took != web.Grace {
			t.Errorf("the stop took %v, want %v", took, web.Grace)
		}
	})
}

// putKB appends n values of 1 kB.
func putKB(t *testing.T, f *feed, n int) {
	t.Helper()
	text := strings.Repeat("x", 1000)
	for range n {
		if _, err := f.Append(ctx, Event{Source: "test", Text: text}); err != nil {
			t.Fatal(err)
		}
	}
}

// readAll reads the values from 0 to n-1.
func readAll(t *testing.T, c *follower, n int) {
	for next := 0; next < n; {
		b, err := c.read()
		switch {
		case err != nil:
			t.Errorf("the stream ended behind %d values: %v", next, err)
			return
		case b.event != "" || b.data == "":
		case b.offset(t) != next:
			t.Errorf("got %s, want offset %d", b.id, next)
			return
		default:
			next++
		}
	}
}
