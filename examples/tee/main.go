// Tee copies its input to its output and to any number of files, like tee(1), with two differences: a file that is slow, or on
// a full disk, holds up neither the input nor the others, and whoever comes late, by HTTP, reads all from the first byte on and
// then follows.
//
// # Usage
//
//	make 2>&1 | go run ./examples/tee build.log /mnt/slow/build.log
//	make 2>&1 | go run ./examples/tee -serve 127.0.0.1:8080 build.log   # and, at any time: curl -N http://127.0.0.1:8080/
//
// The input is one replay.Buffer; the output, each file and each HTTP client is one reader of it. With -memory the first
// bytes are kept in memory and the rest in a temporary file, for inputs that are larger than memory.
//
// With -serve it goes on serving when the input has ended, until it is stopped. The exit code is 1 if reading the input or
// writing one of the outputs failed; the others are complete all the same.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"

	"github.com/sluice-go/sluice/replay"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	serve := flag.String("serve", "", "serve the input over HTTP at this `address`")
	memory := flag.Int64("memory", 64<<20, "how many `bytes` to keep in memory, before a temporary file takes the rest; 0: all")
	flag.Parse()
	if err := run(ctx, *serve, *memory, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "tee:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, serve string, memory int64, names []string) error {
	if memory < 0 {
		return fmt.Errorf("-memory must be at least 0, got %d", memory)
	}
	outputs := []output{{"standard output", os.Stdout}}
	for _, name := range names {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		outputs = append(outputs, output{name, f})
	}
	b := replay.NewBuffer(replay.BufferOptions{SpillBytes: memory})
	if serve != "" {
		ln, err := net.Listen("tcp", serve)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "tee: serving at http://%v/\n", ln.Addr())
		stop := serveAt(ln, b)
		defer func() {
			<-ctx.Done()
			stop()
			remove(b)
		}()
	} else {
		defer remove(b)
	}
	return tee(ctx, b, os.Stdin, outputs)
}

// remove deletes b's temporary file, if it has one.
func remove(b *replay.Buffer) {
	if err := b.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, "tee:", err)
	}
}

// An output is a place where all of the input goes.
type output struct {
	name string
	w    io.WriteCloser
}

// tee copies in to b and from there to the outputs, which it closes. It returns when all have everything or have failed, or
// when ctx is done.
func tee(ctx context.Context, b *replay.Buffer, in io.Reader, outputs []output) error {
	stop := context.AfterFunc(ctx, func() { b.Abort(context.Cause(ctx)) })
	defer stop()
	errs := make([]error, len(outputs))
	var wg sync.WaitGroup
	for i, out := range outputs {
		wg.Go(func() {
			r := b.NewReader()
			_, err := r.WriteTo(out.w)
			if err = errors.Join(err, out.w.Close(), r.Close()); err != nil {
				errs[i] = fmt.Errorf("%s: %w", out.name, err)
			}
		})
	}
	copied := make(chan error, 1) // its own goroutine, for a read of the input may wait when ctx is done
	go func() {
		_, err := b.ReadFrom(in)
		copied <- cmp.Or(err, b.CloseWithError(err)) // whoever is told may remove b
	}()
	wg.Wait()
	select {
	case err := <-copied:
		if err != nil {
			err = fmt.Errorf("the input: %w", err)
		}
		return errors.Join(append(errs, err)...)
	case <-ctx.Done():
		return errors.Join(errs...)
	}
}

// serveAt serves b until stop is called, which waits for the clients, so that nobody reads the temporary file any more.
func serveAt(ln net.Listener, b *replay.Buffer) (stop func()) {
	var serving sync.RWMutex // each client holds it for reading, stop takes it for good
	toAll := handler(b)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		serving.RLock()
		defer serving.RUnlock()
		toAll.ServeHTTP(w, req)
	})}
	go server.Serve(ln)
	return func() {
		server.Close() // whose requests' contexts end
		serving.Lock()
	}
}

// handler answers with all of b, from the first byte on, as it comes.
func handler(b *replay.Buffer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := b.NewReader()
		defer r.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		if _, err := r.WriteToContext(req.Context(), flushed{w, http.NewResponseController(w)}); err != nil {
			panic(http.ErrAbortHandler) // so that the client sees that it is not complete
		}
	})
}

// flushed passes on each piece at once.
type flushed struct {
	w io.Writer
	c *http.ResponseController
}

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.c.Flush()
}
