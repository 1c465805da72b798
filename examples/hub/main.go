// Hub shows topics on a small chat server: rooms are topics, and each connection follows some of them with one cursor. Whoever
// comes late gets the last 50 lines of each room, whoever comes back gets what is missing, and whoever is slow lags behind
// without holding up anybody.
//
// # Usage
//
//	go run ./examples/hub        # then open http://127.0.0.1:8080/?room=go&room=rust, in two windows
//
// Or in a terminal:
//
//	curl -N 'http://127.0.0.1:8080/events?room=go&room=rust'
//	curl -d name=Ann -d text=hello http://127.0.0.1:8080/rooms/go
//	curl http://127.0.0.1:8080/rooms
//
// # The stream
//
// GET /events?room=…&room=… is a stream of Server-Sent Events. A line of a room has no event name, and JSON for data. The id
// of an event is an epoch and, for each room, the offset of the line to come next: 5e1f9a03c7d2b846,go:42,rust:7. Whoever
// gives it back, in the header Last-Event-ID as browsers do or as the query lastEventID, gets the rest, nothing twice;
// rooms that are not in it begin with their last 50 lines. So to join or leave a room is to connect again with other rooms and
// the last id. The epoch is made anew with each start of the server, which forgets everything. The named events are
//
//	live   all that was there when you came has been sent; from here you follow
//	gap    lines of a room were dropped by retention (-keep) before they were sent to you
//	reset  the id that you gave is not of this server's life: forget what you have
//
// POST /rooms/{room} with the form values name and text says something. A room is made when it is first spoken or listened
// to: up to -rooms of them. GET /rooms lists them.
//
// A client that does not take its data within -write-timeout is dropped, and may come back and resume. The server has no
// authentication, so it listens on the loopback address unless told otherwise. SIGINT and SIGTERM stop it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sluice-go/sluice/examples/internal/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main as a function. It returns the exit code: 0 once ctx is done, 1 for an error, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	addr, o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "hub: %v (-h shows the usage)\n", err)
		return 2
	}
	if err := serve(ctx, addr, o, stdout, slog.New(slog.NewTextHandler(stderr, nil))); err != nil {
		fmt.Fprintf(stderr, "hub: %v\n", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, addr string, o options, stdout io.Writer, log *slog.Logger) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	c := newChat(o, log)
	defer c.hub.Close()
	fmt.Fprintf(stdout, "hub: http://%s/?room=go&room=rust (Ctrl-C stops)\n", ln.Addr())
	return web.Serve(ctx, ln, c.handler(), log)
}

// options are those of the command line, but for the address.
type options struct {
	history      int64 // lines of a room that a newcomer gets
	keep         int64 // lines of a room that are retained
	rooms        int
	heartbeat    time.Duration
	writeTimeout time.Duration
}

func parse(args []string, help io.Writer) (addr string, o options, err error) {
	fs := flag.NewFlagSet("hub", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	fs.Int64Var(&o.history, "history", 50, "how many lines of a room a newcomer gets")
	fs.Int64Var(&o.keep, "keep", 1000, "how many lines of a room are retained, for those who come back")
	fs.IntVar(&o.rooms, "rooms", 1000, "how many rooms there may be")
	fs.DurationVar(&o.heartbeat, "heartbeat", 15*time.Second, "how often to send a comment, to keep a quiet stream open")
	fs.DurationVar(&o.writeTimeout, "write-timeout", 10*time.Second, "drop a client that takes longer to accept a write")
	err = fs.Parse(args)
	switch {
	case err == flag.ErrHelp:
		fmt.Fprint(help, "hub serves chat rooms as a page and a stream of Server-Sent Events.\n\n")
		fs.SetOutput(help)
		fs.PrintDefaults()
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case o.history < 0 || o.keep < 1 || o.rooms < 1:
		err = fmt.Errorf("-history must be at least 0, -keep and -rooms 1, got %d, %d, %d", o.history, o.keep, o.rooms)
	case o.heartbeat <= 0 || o.writeTimeout <= 0:
		err = fmt.Errorf("-heartbeat and -write-timeout must be more than 0, got %v, %v", o.heartbeat, o.writeTimeout)
	}
	return addr, o, err
}
