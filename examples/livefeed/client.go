package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/sluice-go/sluice"
)

// retryAfter is how long a browser waits before it connects again.
const retryAfter = 2 * time.Second

// writeBytes is the size from which on a buffer is sent though there is more to say. It bounds what a client holds in
// memory, and what it must take within the time for one write; one event may go beyond it.
const writeBytes = 64 << 10

// client is one event stream. What is to be sent is collected in buf, which is reused, and goes out by one write. All
// values are JSON on one line, so no text can break the framing.
type client struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration // of one write
	epoch   string
	buf     bytes.Buffer
	json    *json.Encoder // into buf; ends each value with \n
}

func newClient(w http.ResponseWriter, epoch string, timeout time.Duration) *client {
	c := &client{w: w, rc: http.NewResponseController(w), timeout: timeout, epoch: epoch}
	c.json = json.NewEncoder(&c.buf)
	c.json.SetEscapeHTML(false)
	return c
}

// retry adds when to come back. It is a part of the block that follows.
func (c *client) retry(after time.Duration) {
	b := append(c.buf.AvailableBuffer(), "retry: "...)
	b = strconv.AppendInt(b, after.Milliseconds(), 10)
	c.buf.Write(append(b, '\n'))
}

// position adds a block that is no event: it only says from where to go on.
func (c *client) position(last sluice.Offset) {
	b := append(c.buf.AvailableBuffer(), "id: "...)
	b = appendID(b, c.epoch, last)
	c.buf.Write(append(b, "\n\n"...))
}

// event adds an event; a value has no name. last is the offset up to which the client has everything once it has this
// event, and data is a pointer if it is large.
func (c *client) event(name string, last sluice.Offset, data any) error {
	b := c.buf.AvailableBuffer()
	if name != "" {
		b = append(b, "event: "...)
		b = append(b, name...)
		b = append(b, '\n')
	}
	b = append(b, "id: "...)
	b = appendID(b, c.epoch, last)
	c.buf.Write(append(b, "\ndata: "...))
	if err := c.json.Encode(data); err != nil {
		return err
	}
	return c.buf.WriteByte('\n')
}

// comment adds a line that clients ignore.
func (c *client) comment(text string) {
	c.buf.WriteString(": " + text + "\n\n")
}

// full reports whether the buffer should be sent before more is added.
func (c *client) full() bool { return c.buf.Len() >= writeBytes }

// send writes the buffer and flushes it all the way, or fails with os.ErrDeadlineExceeded if that takes too long. After
// an error the connection is of no use.
func (c *client) send() error {
	if c.buf.Len() == 0 {
		return nil
	}
	// Without a deadline a client that stops reading holds this goroutine for ever, so one that can't be set is an
	// error too.
	if err := c.rc.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := c.w.Write(c.buf.Bytes()); err != nil {
		return err
	}
	c.buf.Reset()
	return c.rc.Flush()
}
