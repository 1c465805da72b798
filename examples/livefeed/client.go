package main

import (
	"net/http"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/examples/internal/web"
)

// retryAfter is how long a browser waits before it connects again.
const retryAfter = 2 * time.Second

// client is one event stream, with ids that carry the epoch.
type client struct {
	*web.Stream
	epoch string
	id    []byte // of the last event, reused
}

func newClient(w http.ResponseWriter, epoch string, timeout time.Duration) *client {
	return &client{Stream: web.NewStream(w, timeout), epoch: epoch}
}

// position adds a block that is no event: it only says from where to go on.
func (c *client) position(last sluice.Offset) {
	c.id = appendID(c.id[:0], c.epoch, last)
	c.Position(c.id)
}

// event adds an event; a value has no name. last is the offset up to which the client has everything once it has this
// event, and data is a pointer if it is large.
func (c *client) event(name string, last sluice.Offset, data any) error {
	c.id = appendID(c.id[:0], c.epoch, last)
	return c.Event(name, c.id, data)
}
