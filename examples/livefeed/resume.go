package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sluice-go/sluice"
)

// appendID appends the id that says: all up to last was sent. Before the first value last is -1.
func appendID(b []byte, epoch string, last sluice.Offset) []byte {
	b = append(b, epoch...)
	b = append(b, '-')
	return strconv.AppendInt(b, int64(last), 10)
}

// parseID is the inverse of appendID.
func parseID(id string) (epoch string, last sluice.Offset, err error) {
	epoch, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < -1 || epoch == "" {
		return "", 0, fmt.Errorf("%q is not the id of an event, an epoch and an offset like 5e1f9a03c7d2b846-41", id)
	}
	return epoch, sluice.Offset(n), nil
}

// start returns where the client that sent r begins. If it has a position that this log can't go on from, that is the
// oldest value, and reset says why.
//
// The header goes before the query: a browser that connects again sends it, but keeps the address it was given first.
// An error is for a query that makes no sense. A header that makes none gets a reset: the browser had it from another
// program at this address, and would take an error for the end.
func (s *stream) start(r *http.Request) (p sluice.Position, reset string, err error) {
	query := r.URL.Query()
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		epoch, last, err := parseID(id)
		if err != nil {
			return sluice.Oldest(), "Last-Event-ID: " + err.Error(), nil
		}
		p, reset = s.behind(epoch, last)
		return p, reset, nil
	}
	if id := query.Get("lastEventID"); id != "" {
		epoch, last, err := parseID(id)
		if err != nil {
			return p, "", fmt.Errorf("lastEventID: %w", err)
		}
		p, reset = s.behind(epoch, last)
		return p, reset, nil
	}
	p, err = parseFrom(query.Get("from"))
	return p, "", err
}

// behind returns the position behind last.
func (s *stream) behind(epoch string, last sluice.Offset) (p sluice.Position, reset string) {
	if epoch != s.epoch {
		return sluice.Oldest(), "the log was made anew: the id is from another run of the server"
	}
	// The end never moves back, so a position within is still within when the cursor is opened.
	if _, next := s.source.Bounds(); last >= next {
		return sluice.Oldest(), fmt.Sprintf("offset %d is beyond the end: the next value gets %d", last, next)
	}
	return sluice.At(last + 1), ""
}

// parseFrom returns the position that ?from= names; the oldest if it is missing.
func parseFrom(from string) (sluice.Position, error) {
	switch from {
	case "", "oldest":
		return sluice.Oldest(), nil
	case "newest":
		return sluice.Newest(), nil
	}
	if count, ok := strings.CutPrefix(from, "last:"); ok {
		if n, err := strconv.ParseInt(count, 10, 64); err == nil && n >= 0 {
			return sluice.Last(n), nil
		}
	}
	return sluice.Position{}, fmt.Errorf("from: %q is not oldest, newest, or last:N with N from 0 up", from)
}
