package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"
)

// writeBytes is the size from which on a buffer is sent though there is more to say. It bounds what a client holds in
// memory, and what it must take within the time for one write; one event may go beyond it.
const writeBytes = 64 << 10

// Stream is an event stream to one client. What is to be sent is collected in a buffer, which is reused, and goes out by one
// write. All values are JSON on one line, so no text can break the framing; ids must have no line ends either.
type Stream struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration // of one write
	buf     bytes.Buffer
	json    *json.Encoder // into buf; ends each value with \n
}

// SetHeader sets the header of an event stream.
func SetHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // tells nginx, and others that follow it, to pass each flush on
}

// NewStream returns a stream whose writes each fail if the client does not take them within timeout.
func NewStream(w http.ResponseWriter, timeout time.Duration) *Stream {
	s := &Stream{w: w, rc: http.NewResponseController(w), timeout: timeout}
	s.json = json.NewEncoder(&s.buf)
	s.json.SetEscapeHTML(false)
	return s
}

// Retry adds how long a browser is to wait before it connects again. It is a part of the block that follows.
func (s *Stream) Retry(after time.Duration) {
	b := append(s.buf.AvailableBuffer(), "retry: "...)
	b = strconv.AppendInt(b, after.Milliseconds(), 10)
	s.buf.Write(append(b, '\n'))
}

// Position adds a block that is no event: it only says from where to go on.
func (s *Stream) Position(id []byte) {
	b := append(s.buf.AvailableBuffer(), "id: "...)
	b = append(b, id...)
	s.buf.Write(append(b, "\n\n"...))
}

// Event adds an event; one without a name is a browser's message. data is a pointer if it is large.
func (s *Stream) Event(name string, id []byte, data any) error {
	b := s.buf.AvailableBuffer()
	if name != "" {
		b = append(b, "event: "...)
		b = append(b, name...)
		b = append(b, '\n')
	}
	b = append(b, "id: "...)
	b = append(b, id...)
	s.buf.Write(append(b, "\ndata: "...))
	if err := s.json.Encode(data); err != nil {
		return err
	}
	return s.buf.WriteByte('\n')
}

// Comment adds a line that clients ignore.
func (s *Stream) Comment(text string) {
	s.buf.WriteString(": " + text + "\n\n")
}

// Full reports whether the buffer should be sent before more is added.
func (s *Stream) Full() bool { return s.buf.Len() >= writeBytes }

// Send writes the buffer and flushes it all the way, or fails with os.ErrDeadlineExceeded if that takes too long. After
// an error the connection is of no use.
func (s *Stream) Send() error {
	if s.buf.Len() == 0 {
		return nil
	}
	// Without a deadline a client that stops reading holds this goroutine for ever, so one that can't be set is an
	// error too.
	if err := s.rc.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(s.buf.Bytes()); err != nil {
		return err
	}
	s.buf.Reset()
	return s.rc.Flush()
}

// Leave prepares the connection for what the server writes behind the handler, which needs time of its own unless the client
// has used up its own. err is what the stream ended with.
func (s *Stream) Leave(err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		s.rc.SetWriteDeadline(time.Now().Add(s.timeout))
	}
}
