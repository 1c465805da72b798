package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// Event is what the feed carries: a line, or a measurement.
type Event struct {
	Time   time.Time `json:"time"`            // when it was read
	Source string    `json:"source"`          // stdin, the name of the file, or metrics
	Text   string    `json:"text"`            // the line without its end, or the measurement for people
	Cut    bool      `json:"cut,omitempty"`   // the line is longer, and goes on in the next event
	Metric Metric    `json:"metric,omitzero"` // zero for a line
}

// Metric is one measurement of runtime/metrics.
type Metric struct {
	Name  string  `json:"name"`
	Kind  string  `json:"kind"`  // counter, gauge, or p99 of what a histogram counted since the sample before
	Value float64 `json:"value"` // finite, for JSON
}

// eventBytes is about what an event takes in memory besides its text; all other strings are shared.
const eventBytes = 112

// feed is the log that an input appends to and every client reads, with the epoch that its ids carry.
type feed struct {
	*replay.Replay[Event]

	// epoch tells this log from one that another run of the program makes: the same offset stands for another value
	// there.
	epoch string
}

func newFeed(o options) *feed {
	return &feed{
		Replay: replay.New[Event](replay.Options{
			MaxValues: o.keep,
			MaxBytes:  o.maxBytes,
			MaxAge:    o.maxAge,
			SizeOf:    func(ev Event) int64 { return int64(len(ev.Text)) + eventBytes },
		}),
		epoch: fmt.Sprintf("%016x", rand.Uint64()),
	}
}

// input is where events come from. follow appends them until the input ends (nil), fails or ctx is done.
type input struct {
	name   string
	stops  bool // follow returns soon after ctx is done; a read from stdin can't be interrupted
	follow func(ctx context.Context, to sluice.Sink[Event]) error
}

func openInput(o options, stdin io.Reader, log *slog.Logger) (input, error) {
	switch {
	case o.stdin:
		return input{name: "stdin", follow: func(ctx context.Context, to sluice.Sink[Event]) error {
			return readLines(ctx, stdin, newLines("stdin", to))
		}}, nil
	case o.file != "":
		t, err := openTail(o.file, o.existing, log)
		return input{name: o.file, stops: true, follow: t.follow}, err
	default:
		return input{name: "metrics", stops: true, follow: func(ctx context.Context, to sluice.Sink[Event]) error {
			return sample(ctx, o.every, to)
		}}, nil
	}
}

// follow feeds the log from in. When the input ends so does the log: clients get the rest, and then the end. When ctx
// is done it does not: the process stops, and clients are to ask again.
func (f *feed) follow(ctx context.Context, in input, log *slog.Logger) {
	err := in.follow(ctx, f)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		log.Error("the input failed; still serving what is retained", "input", in.name, "err", err)
	} else {
		log.Info("the input ended; still serving what is retained", "input", in.name)
	}
	f.CloseWithError(err)
}

// announce tells what is served where, and what to try.
func (f *feed) announce(w io.Writer, name string, addr net.Addr) {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/"
	fmt.Fprintf(w, "livefeed: %s on %s (Ctrl-C stops)\n", name, url)
	fmt.Fprintf(w, "  curl -N %sevents\n", url)
	fmt.Fprintf(w, "  curl -N -H 'Last-Event-ID: %s-4' %sevents   # resume: all but the first five\n", f.epoch, url)
}
