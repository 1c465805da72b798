// Asynclog logs with slog through a spool.Writer, and loses no line however it ends: by itself, by Ctrl-C, by SIGTERM, or
// by a panic in some goroutine.
//
//	go run ./examples/asynclog            # three workers for a second
//	go run ./examples/asynclog -panic     # one of them panics
//	go run ./examples/asynclog -for 1m    # until you press Ctrl-C
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-go/sluice/spool"
)

func main() {
	runFor := flag.Duration("for", time.Second, "how long to work")
	panics := flag.Bool("panic", false, "panic in a goroutine")
	flag.Parse()
	if err := run(*runFor, *panics); err != nil {
		fmt.Fprintln(os.Stderr, "asynclog:", err)
		os.Exit(1) // run has returned: its deferred Close has run
	}
}

func run(runFor time.Duration, panics bool) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, runFor)
	defer cancel()

	w := spool.NewWriter(os.Stdout, spool.Options{}) // was: w := os.Stdout
	defer func() { err = errors.Join(err, w.Close()) }()
	logger := slog.New(slog.NewJSONHandler(w, nil))

	logger.Info("started", "pid", os.Getpid())
	var workers sync.WaitGroup
	for id := range 3 {
		workers.Go(func() {
			guarded(w, func() { work(ctx, logger.With("worker", id), panics && id == 2) })
		})
	}
	workers.Wait()
	logger.Info("ended", "reason", context.Cause(ctx))
	return nil
}

func work(ctx context.Context, logger *slog.Logger, panics bool) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			logger.Info("worked", "n", n)
		}
		if panics && n == 1 {
			panic("a bug")
		}
	}
}

// guarded runs f, and if that panics delivers the log before the process dies of it: a panic runs the deferred calls of
// its own goroutine only.
func guarded(w *spool.Writer, f func()) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(w, "panic: %v\n%s", p, debug.Stack())
			w.Close()
			panic(p)
		}
	}()
	f()
}
