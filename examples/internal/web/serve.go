package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Grace is how long a stop waits for requests. Event streams end by their context at once, unless they are stuck in a
// write; then their connection is closed.
const Grace = 3 * time.Second

// Serve serves ln until ctx is done, and then ends within the grace.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// The context of every request ends with ctx: Shutdown alone would wait for streams, which never end.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
	defer cancel()
	if err := srv.Shutdown(within); err != nil {
		log.Warn("closing connections that did not end", "err", err)
		return srv.Close()
	}
	return nil
}

// Page returns a handler of a page with its own scripts and styles, which may connect to its own server only.
func Page(html []byte, timeout time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy",
			"default-src 'none'; connect-src 'self'; img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'")
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout))
		w.Write(html)
	}
}
