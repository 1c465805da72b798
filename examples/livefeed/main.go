// Livefeed shows the main job of the library on real input: lines or measurements are appended to a log once, and any
// number of browsers and programs follow it over HTTP, each from where it left off, at its own pace.
//
// # Usage
//
// Without arguments it follows itself, with a sample of runtime/metrics each second; open http://127.0.0.1:8080/:
//
//	go run ./examples/livefeed
//
// Lines of a command, and lines of a file as tail -F reads them (through rotation, truncation, and a file that is not
// there yet):
//
//	ping localhost | go run ./examples/livefeed -
//	go run ./examples/livefeed -file /var/log/syslog
//	go run ./examples/livefeed -file app.log -existing -keep 100000
//
// Read along in a terminal. Start the second command later: it gets what is retained first, then the same as the other.
//
//	curl -N http://127.0.0.1:8080/events
//	curl -N http://127.0.0.1:8080/events
//
// Resume behind an event that you have, by its id, or start elsewhere:
//
//	curl -N -H 'Last-Event-ID: 5e1f9a03c7d2b846-41' http://127.0.0.1:8080/events
//	curl -N 'http://127.0.0.1:8080/events?lastEventID=5e1f9a03c7d2b846-41'
//	curl -N 'http://127.0.0.1:8080/events?from=last:10' # or oldest (the default), newest
//
// # The stream
//
// GET /events is a stream of Server-Sent Events. A value has no event name, its [Event] as JSON for data, and the id
// epoch-offset. The id of any event means: all up to this offset was sent. Whoever gives it back gets the rest, nothing
// twice. The epoch is that of the log, made anew with each start. The named events are
//
//	live   all that was retained when you joined has been sent; from here you follow
//	gap    values [from, to) were dropped by retention (-keep, -max-bytes, -max-age) before they were sent to you
//	reset  the id that you gave is not one of this log (of another epoch, beyond its end, or malformed): forget what
//	       you have, the replay starts at the oldest retained value
//	end    the input ended, error says why if it failed, and nothing follows: close your EventSource, or it asks again
//
// A browser's EventSource stops for good at an answer of 400, so a malformed Last-Event-ID header, which a browser
// sends unasked, is answered by reset. A malformed query is somebody's mistake: a 400 that says what would be right.
//
// A client that does not take its data within -write-timeout is dropped, and may come back and resume. It never slows the
// input or another client: each has a cursor of its own. Browsers open at most 6 streams to one origin over HTTP/1.1.
//
// # Input
//
// A line ends at \n or \r\n; the last one is held until its newline comes, or until the file is replaced or truncated,
// or stdin ends. An empty line is an event too. A line of more than 1 MiB comes in several events, all but the last
// marked "cut". Bytes that are not UTF-8 arrive as U+FFFD, for JSON can't hold them.
//
// A file is looked at five times a second. One that is replaced twice between two looks is not seen in between, nor is it
// seen that one was truncated if by then it has grown back to its old size.
//
// When stdin ends, what is retained is served until the process is stopped. SIGINT and SIGTERM stop it within 3
// seconds, with exit code 0; an error is 1, wrong usage 2 (of the built program: go run makes 1 of both). The server has no authentication, so it listens on the
// loopback address unless told otherwise.
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

	"github.com/sluice-go/sluice/examples/internal/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main as a function. It returns the exit code: 0 once ctx is done, 1 for an error, 2 for wrong usage.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "livefeed: %v (-h shows the usage)\n", err)
		return 2
	}
	if err := serve(ctx, o, stdin, stdout, slog.New(slog.NewTextHandler(stderr, nil))); err != nil {
		fmt.Fprintf(stderr, "livefeed: %v\n", err)
		return 1
	}
	return 0
}

// serve feeds a log from the input and serves it over HTTP until ctx is done.
func serve(ctx context.Context, o options, stdin io.Reader, stdout io.Writer, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, err := openInput(o, stdin, log)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	f := newFeed(o)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.follow(ctx, in, log)
	}()
	f.announce(stdout, in.name, ln.Addr())
	err = web.Serve(ctx, ln, newHandler(f, o, log), log)
	cancel()
	if in.stops {
		<-ended
	}
	return err
}
