package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/examples/internal/web"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/topic"
)

//go:embed page.html
var page []byte

// Line is what somebody said.
type Line struct {
	Time time.Time `json:"time"`
	Name string    `json:"name"`
	Text string    `json:"text"`
}

// chat is the server: a topic for each room, and nothing for each client but its request.
type chat struct {
	options
	hub   *topic.Hub[string, Line]
	epoch string // tells this server's life from others, in which an offset is of another line
	log   *slog.Logger

	mu    sync.Mutex
	rooms map[string]bool // that were entered: as many topics as -rooms allows
}

func newChat(o options, log *slog.Logger) *chat {
	return &chat{
		options: o,
		hub: topic.New(func(string) sluice.Log[Line] {
			return replay.New[Line](replay.Options{MaxValues: o.keep})
		}),
		epoch: fmt.Sprintf("%016x", rand.Uint64()),
		log:   log,
		rooms: map[string]bool{},
	}
}

func (c *chat) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", web.Page(page, c.writeTimeout))
	mux.HandleFunc("GET /events", c.events)
	mux.HandleFunc("GET /rooms", c.list)
	mux.HandleFunc("POST /rooms/{room}", c.say)
	return http.NewCrossOriginProtection().Handler(mux) // another site's page must not speak for its visitor
}

// tooMany is the error of a room that would be one too many.
type tooMany int

func (n tooMany) Error() string { return fmt.Sprintf("there are %d rooms already", int(n)) }

var roomName = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)

// enter checks the names of rooms and makes those that are not there, all or none.
func (c *chat) enter(rooms ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := 0
	for _, room := range rooms {
		if !roomName.MatchString(room) {
			return fmt.Errorf("room %q: a name has 1 to 40 of a to z, 0 to 9, _ and -", room)
		}
		if !c.rooms[room] {
			fresh++
		}
	}
	if len(c.rooms)+fresh > c.options.rooms {
		return tooMany(len(c.rooms))
	}
	for _, room := range rooms {
		c.rooms[room] = true
	}
	return nil
}

// refuse answers with what is wrong.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if _, ok := err.(tooMany); ok {
		status = http.StatusTooManyRequests
	}
	http.Error(w, err.Error(), status)
}

const (
	maxName = 40
	maxText = 4000
	maxBody = 64 << 10 // bytes, as a form encodes them
)

func (c *chat) say(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(c.writeTimeout))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	name, text := strings.TrimSpace(r.PostFormValue("name")), strings.TrimSpace(r.PostFormValue("text"))
	for _, field := range []struct {
		what, value string
		limit       int
	}{{"name", name, maxName}, {"text", text, maxText}} {
		if n := utf8.RuneCountInString(field.value); n < 1 || n > field.limit {
			refuse(w, fmt.Errorf("%s must have 1 to %d characters, got %d", field.what, field.limit, n))
			return
		}
	}
	room := r.PathValue("room")
	if err := c.enter(room); err != nil {
		refuse(w, err)
		return
	}
	if _, err := c.hub.Publish(r.Context(), room, Line{Time: time.Now(), Name: name, Text: text}); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable) // the hub is closed: the server stops
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *chat) list(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	rooms := slices.AppendSeq([]string{}, c.hub.Keys())
	slices.Sort(rooms)
	json.NewEncoder(w).Encode(rooms)
}
