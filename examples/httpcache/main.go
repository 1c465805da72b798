// Httpcache is a caching HTTP proxy for one origin: however many clients ask for something, it is downloaded once. Those who come
// while the download goes on get what is there and follow it; later ones get it from the cache. A download that fails midway is
// seen as failed by every client, never as a short answer, and the next request tries again.
//
// # Usage
//
// With a demonstration as the origin:
//
//	go run ./examples/httpcache
//	curl -N http://127.0.0.1:8080/slow     # takes some seconds; start it in two terminals: one download
//	curl -N http://127.0.0.1:8080/fails    # breaks off midway, and curl says so
//
// With your own:
//
//	go run ./examples/httpcache -origin https://go.dev
//
// Each answer is a replay.Buffer, which its download writes and each client reads: -memory bytes of it in memory, the rest in a
// temporary file, which goes when the answer leaves the cache and its last client is done. It knows nothing of Cache-Control: an
// answer with status 200 is kept until there are -entries newer ones.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	addr := flag.String("addr", "127.0.0.1:8080", "listen at this `address`")
	origin := flag.String("origin", "", "the `URL` to cache; empty: a demonstration")
	entries := flag.Int("entries", 1000, "how many answers to keep")
	memory := flag.Int64("memory", 1<<20, "how many `bytes` of each to keep in memory; 0: all")
	flag.Parse()
	if err := run(ctx, *addr, *origin, *entries, *memory); err != nil {
		fmt.Fprintln(os.Stderr, "httpcache:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, origin string, entries int, memory int64) error {
	if entries < 1 || memory < 0 {
		return fmt.Errorf("-entries must be at least 1 and -memory at least 0, got %d and %d", entries, memory)
	}
	if origin == "" {
		demo, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		go http.Serve(demo, demonstration(300*time.Millisecond))
		origin = "http://" + demo.Addr().String()
	}
	u, err := url.Parse(origin)
	if err != nil {
		return err
	}
	if u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("-origin must be a URL like https://go.dev, got %q", origin)
	}
	c := newCache(u, http.DefaultTransport, entries, memory)
	defer c.close()
	server := &http.Server{Addr: addr, Handler: c}
	defer server.Close() // before the cache
	context.AfterFunc(ctx, func() { server.Close() })
	fmt.Printf("caching %s at http://%s/\n", origin, addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// demonstration is an origin that takes its time.
func demonstration(pause time.Duration) http.Handler {
	mux := http.NewServeMux()
	lines := func(w http.ResponseWriter, n int) {
		began := time.Now().Format(time.TimeOnly)
		for i := range n {
			fmt.Fprintf(w, "line %d of the download that began at %s\n", i, began)
			http.NewResponseController(w).Flush()
			time.Sleep(pause)
		}
	}
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) { lines(w, 20) })
	mux.HandleFunc("GET /fails", func(w http.ResponseWriter, _ *http.Request) {
		lines(w, 5)
		panic(http.ErrAbortHandler)
	})
	return mux
}
