package main

import (
	_ "embed"
	"log/slog"
	"net/http"

	"github.com/sluice-go/sluice/examples/internal/web"
)

//go:embed page.html
var page []byte

// newHandler serves the page and the stream. Other paths are not found, other methods not allowed.
func newHandler(f *feed, o options, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /events", &stream{
		source:       f,
		epoch:        f.epoch,
		heartbeat:    o.heartbeat,
		writeTimeout: o.writeTimeout,
		log:          log,
	})
	mux.HandleFunc("GET /{$}", web.Page(page, o.writeTimeout))
	return mux
}
