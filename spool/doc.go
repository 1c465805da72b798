// Package spool is memory in front of slow storage: [Writer] makes any io.Writer one that does not wait for its disk or its
// network.
//
// # Usage
//
//	w := spool.NewWriter(os.Stdout, spool.Options{})
//	defer w.Close()
//	slog.SetDefault(slog.New(slog.NewJSONHandler(w, nil)))
//
// # Concurrency
//
// Everything is safe for concurrent use. A Writer has one goroutine, which calls the sink; Close ends it.
//
// # Loss
//
// With the zero [Options] a Writer loses nothing that Write accepted while the process lives and Close has time: when memory is
// full Write waits, and a sink that fails is tried again. Whatever is lost otherwise is counted, in lines and bytes: see
// [Stats], and for Close [UndeliveredError]. A process that is killed loses what is in memory, at most what was accepted in the last
// FlushEvery if the sink keeps up.
//
// # Errors
//
// [ErrFull] from Write if there is no room, [sluice.ErrClosed] after Close, *[UndeliveredError] from Close. Errors of the sink don't
// reach Write, unless it finds no room; see [Writer.Err], [Stats] and [Writer.Sync].
package spool
