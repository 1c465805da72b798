package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/examples/internal/web"
)

// stream is the handler of /events: it sends a source of events to each client, as the package comment describes.
//
// Every request reads with a cursor of its own, in the goroutine that the server started for it. So a client can only
// wait for itself: while one does not take its data, its goroutine sits in Write until the deadline, and its cursor
// stands still. Nothing is queued for it; the log is the queue, and what it drops meanwhile is a gap, told and counted.
type stream struct {
	source       sluice.Source[Event]
	epoch        string
	heartbeat    time.Duration
	writeTimeout time.Duration
	log          *slog.Logger
}

// errBeat is the cause by which a wait for values ends when a heartbeat is due.
var errBeat = errors.New("a heartbeat is due")

// The data of the events that are no values.
type (
	liveData struct {
		Next sluice.Offset `json:"next"` // of the value to come next
	}
	gapData struct {
		From   sluice.Offset `json:"from"`
		To     sluice.Offset `json:"to"` // the first that is not missing
		Missed sluice.Offset `json:"missed"`
	}
	resetData struct {
		Reason string `json:"reason"`
	}
	endData struct {
		Error string `json:"error"` // "" if the input just ended
	}
)

func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start, reset, err := s.start(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	web.SetHeader(w.Header())
	if r.Method == http.MethodHead {
		return
	}
	_, joined := s.source.Bounds()
	cur := s.source.Cursor(start)
	defer cur.Close()
	se := session{client: newClient(w, s.epoch, s.writeTimeout), cur: cur, joined: joined}
	if err = se.greet(reset); err == nil {
		err = se.follow(r.Context(), s.heartbeat)
	}
	se.Leave(err)
	// The server cancels the context of a request whose write failed, so the deadline is looked for first.
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.log.Warn("dropped a client: too slow", "client", r.RemoteAddr, "offset", cur.Offset(), "lag", cur.Lag())
	case err != nil && r.Context().Err() == nil:
		s.log.Warn("lost a client", "client", r.RemoteAddr, "err", err)
	}
}

// session is one client and how far it has come: to the cursor's offset, save for what is in the client's buffer.
type session struct {
	*client
	cur    *sluice.Cursor[Event]
	joined sluice.Offset // the end of the source when the client came
	live   bool          // everything up to joined has been sent, and the client was told so
}

// greet sends the headers at once, and an id with them: a client whose connection breaks before its first event resumes
// where it began, too. A reset carries that id itself, so that nobody gets the new id without it.
func (se *session) greet(reset string) error {
	se.Retry(retryAfter)
	begin := se.cur.Offset() - 1
	if reset == "" {
		se.position(begin)
	} else if err := se.event("reset", begin, resetData{reset}); err != nil {
		return err
	}
	if err := se.checkLive(); err != nil {
		return err
	}
	return se.Send()
}

// follow sends what comes until the source ends (nil), ctx is done or a write fails.
func (se *session) follow(ctx context.Context, heartbeat time.Duration) error {
	for {
		beat, cancel := context.WithTimeoutCause(ctx, heartbeat, errBeat)
		err := se.sendBatches(beat)
		cancel()
		if err != errBeat {
			return err
		}
		se.Comment("hb")
		if err := se.Send(); err != nil {
			return err
		}
	}
}

// sendBatches sends what comes until ctx is done, and returns its cause then; the cursor loses nothing by that, so it
// can be called again. It returns nil when it has sent the end of the source.
func (se *session) sendBatches(ctx context.Context) error {
	for batch, err := range se.cur.Batches(ctx) {
		switch gap, isGap := err.(sluice.Gap); {
		case isGap:
			from, to := gap.Gap()
			err = se.event("gap", to-1, gapData{from, to, to - from})
		case err == nil:
			err = se.values(batch)
		case err == context.Cause(ctx):
			return err
		default: // the input's own
			return se.end(err.Error())
		}
		if err == nil {
			err = se.checkLive()
		}
		if err == nil {
			err = se.Send()
		}
		if err != nil {
			return err
		}
	}
	return se.end("")
}

// values adds a batch that ends before the cursor. It sends as much of it as fills whole writes, and leaves the rest.
func (se *session) values(batch []Event) error {
	first := se.cur.Offset() - sluice.Offset(len(batch))
	for i := range batch {
		if err := se.event("", first+sluice.Offset(i), &batch[i]); err != nil {
			return err
		}
		if se.Full() {
			if err := se.Send(); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkLive adds live, once, as soon as it is true. It does not wait for a moment without lag, which may never come to
// a client that is slower than the input.
func (se *session) checkLive() error {
	if se.live || se.cur.Offset() < se.joined {
		return nil
	}
	se.live = true
	return se.event("live", se.cur.Offset()-1, liveData{se.cur.Offset()})
}

func (se *session) end(why string) error {
	if err := se.event("end", se.cur.Offset()-1, endData{why}); err != nil {
		return err
	}
	return se.Send()
}
