package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/examples/internal/web"
	"github.com/sluice-go/sluice/topic"
)

const (
	maxRooms   = 16 // of one stream: its ids name them all
	retryAfter = 2 * time.Second
)

// errBeat is the cause by which a wait for lines ends when a heartbeat is due.
var errBeat = errors.New("a heartbeat is due")

// The data of events.
type (
	lineData struct {
		Room string `json:"room"`
		Line
	}
	gapData struct {
		Room   string `json:"room"`
		Missed int64  `json:"missed"`
	}
	resetData struct {
		Reason string `json:"reason"`
	}
	liveData struct{}
)

// events sends rooms to a client. It reads with a subscription of its own, in the goroutine that the server started for the
// request, so a client can only wait for itself; nothing is queued for it but what the rooms retain for everybody.
func (c *chat) events(w http.ResponseWriter, r *http.Request) {
	rooms := slices.Compact(slices.Sorted(slices.Values(r.URL.Query()["room"])))
	if len(rooms) < 1 || len(rooms) > maxRooms {
		refuse(w, fmt.Errorf("a stream has 1 to %d rooms, got %d: /events?room=go&room=rust", maxRooms, len(rooms)))
		return
	}
	if err := c.enter(rooms...); err != nil {
		refuse(w, err)
		return
	}
	at, reset := c.resume(r, rooms)
	sub := c.hub.Follow(topic.Options[string]{Keys: rooms, From: sluice.Last(c.history), Offsets: at})
	defer sub.Close()
	web.SetHeader(w.Header())
	v := &visit{Stream: web.NewStream(w, c.writeTimeout), sub: sub, places: newPlaces(c.epoch, sub.Offsets())}
	v.joined = sub.Offset() + sluice.Offset(sub.Lag())
	err := v.greet(reset)
	if err == nil {
		err = v.follow(r.Context(), c.heartbeat)
	}
	v.Leave(err)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.log.Warn("dropped a client: too slow", "client", r.RemoteAddr, "lag", sub.Lag())
	}
}

// resume returns the offsets of rooms that a client has come back with, or why they are not of here.
func (c *chat) resume(r *http.Request, rooms []string) (at map[string]sluice.Offset, reset string) {
	id := r.Header.Get("Last-Event-ID") // first: a browser resumes by it, whatever the query was
	if id == "" {
		id = r.URL.Query().Get("lastEventID")
	}
	if id == "" {
		return nil, ""
	}
	epoch, at, err := parseID(id)
	switch {
	case err != nil:
		return nil, err.Error()
	case epoch != c.epoch:
		return nil, "the server was started anew"
	}
	for _, room := range rooms {
		t, err := c.hub.Topic(room)
		if err != nil {
			return nil, err.Error()
		}
		if _, next := t.Bounds(); at[room] > next {
			return nil, fmt.Sprintf("room %s has no line %d yet", room, at[room])
		}
	}
	return at, ""
}

// A visit is a client and how far it has come.
type visit struct {
	*web.Stream
	sub    *topic.Subscription[string, Line]
	places places
	joined sluice.Offset // of the subscription: where all that was there has been sent
	live   bool          // it has, and the client was told so
}

// greet sends the headers at once, and an id with them: a client whose connection breaks before its first line resumes
// where it began, too.
func (v *visit) greet(reset string) error {
	v.Retry(retryAfter)
	if reset == "" {
		v.Position(v.places.id())
	} else if err := v.Event("reset", v.places.id(), resetData{reset}); err != nil {
		return err
	}
	if err := v.checkLive(v.sub.Offset()); err != nil {
		return err
	}
	return v.Send()
}

// follow sends what comes until ctx is done, the server stops or a write fails.
func (v *visit) follow(ctx context.Context, heartbeat time.Duration) error {
	for {
		beat, cancel := context.WithTimeoutCause(ctx, heartbeat, errBeat)
		err := v.sendBatches(beat)
		cancel()
		if err != errBeat {
			return err
		}
		v.Comment("hb")
		if err := v.Send(); err != nil {
			return err
		}
	}
}

// sendBatches sends what comes until ctx is done, and returns its cause then; the subscription loses nothing by that, so it
// can be called again.
func (v *visit) sendBatches(ctx context.Context) error {
	for batch, err := range v.sub.Batches(ctx) {
		if of, missed := gapOf(err); missed > 0 {
			err = v.gap(of, missed)
		} else if err == nil {
			err = v.lines(batch)
		}
		if err == nil {
			err = v.checkLive(v.sub.Offset())
		}
		if err == nil {
			err = v.Send()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) lines(batch []topic.Message[string, Line]) error {
	for _, m := range batch {
		v.places.set(m.Key, m.Offset+1)
		if err := v.Event("", v.places.id(), lineData{m.Key, m.Value}); err != nil {
			return err
		}
		if v.Full() {
			if err := v.Send(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *visit) gap(of *topic.Error[string], missed int64) error {
	v.places.set(of.Key, v.places.of(of.Key)+sluice.Offset(missed))
	return v.Event("gap", v.places.id(), gapData{of.Key, missed})
}

// gapOf returns which room lines are missing of, and how many; none if err says something else.
func gapOf(err error) (of *topic.Error[string], missed int64) {
	if gap, ok := err.(sluice.Gap); ok && errors.As(err, &of) {
		from, to := gap.Gap()
		return of, int64(to - from)
	}
	return nil, 0
}

// checkLive adds live, once, as soon as it is true.
func (v *visit) checkLive(sent sluice.Offset) error {
	if v.live || sent < v.joined {
		return nil
	}
	v.live = true
	return v.Event("live", v.places.id(), liveData{})
}
