package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
)

// TestDisconnects cuts the connection again and again after any number of bytes, while the input goes on. What all the
// connections brought together must be each value once, in order, or counted in a gap.
func TestDisconnects(t *testing.T) {
	const values = 5000
	for _, keep := range []int64{0, 300} {
		t.Run(fmt.Sprintf("keep=%d", keep), func(t *testing.T) {
			o := defaults(t)
			o.keep = keep
			f := newFeed(o)
			ln := listen(t)
			site(t, newHandler(f, o, newJournal().logger()), ln, newJournal().logger())
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 0))

			// from=newest stands for another value at each connection, so from here on only the ids count. The first
			// one comes before any value.
			const path = "/events?from=newest"
			first := follow(t, dialTCP(t, ln), path, "")
			tally := &tally{lastID: first.next().id}
			first.conn.Close()
			more := func() {
				if _, next := f.Bounds(); next < values {
					put(t, f, min(1+rng.IntN(200), values-int(next)))
				} else {
					f.Close()
				}
			}
			connections := 0
			for ; !tally.ended; connections++ {
				more()
				conn := &cutConn{Conn: dialTCP(t, ln), left: rng.IntN(20_000)}
				if c, err := tryFollow(t, conn, path, tally.lastID); err == nil {
					if err := tally.count(c, f, more); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
				conn.Close()
			}
			if tally.next != values || keep == 0 && tally.missed > 0 {
				t.Errorf("seed %d: got %d values, %d of them missed, want %d", seed, tally.next, tally.missed, values)
			}
			t.Logf("%d connections, %d of %d missed", connections, tally.missed, values)
		})
	}
}

// tally is what a client that comes back with the last id has got so far.
type tally struct {
	lastID string
	next   int // offset of the next value
	missed int // of those before next
	ended  bool
}

// count reads c until it breaks or ends, and says what was lost or doubled. When it has got all of f it asks for more.
func (l *tally) count(c *follower, f *feed, more func()) error {
	for {
		if _, next := f.Bounds(); l.next == int(next) {
			more()
		}
		b, err := c.read()
		if err != nil {
			return nil
		}
		var gap gapData
		switch {
		case b.event == "gap":
			if err := json.Unmarshal([]byte(b.data), &gap); err != nil || int(gap.From) != l.next || gap.Missed < 1 {
				return fmt.Errorf("got %+v, want offset %d (%v)", b, l.next, err)
			}
			l.missed += int(gap.Missed)
			l.next = int(gap.To)
		case b.event == "" && b.data != "":
			if b.offset(c.t) != l.next {
				return fmt.Errorf("got %+v, want offset %d", b, l.next)
			}
			l.next++
		case b.event == "reset":
			return fmt.Errorf("got %+v behind %s", b, l.lastID)
		case b.event == "end":
			l.ended = true
		}
		if b.id != "" {
			l.lastID = b.id
		}
	}
}

// cutConn ends after so many bytes.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}
