// Package spool is memory in front of slow storage. [Writer] makes any io.Writer one that does not wait for its disk or its
// network. [Dir] gathers messages in whole files with unique names, for something else to ship; [Sink] is a Dir for values.
//
// # Usage
//
//	w := spool.NewWriter(os.Stdout, spool.Options{})
//	defer w.Close()
//	slog.SetDefault(slog.New(slog.NewJSONHandler(w, nil)))
//
//	d, err := spool.Open("/var/spool/sensors", spool.DirOptions{MaxFileAge: time.Minute})
//	defer d.Close()
//	d.Write(message)
//
// docs/spool.md says what to do about signals and panics, and what each kind of crash can lose.
//
// # Concurrency
//
// Everything is safe for concurrent use. A Writer has one goroutine, which calls the sink; a Dir has one for each worker.
// Close ends them and waits for them, but not longer than it is told for a sink that hangs.
//
// # Loss
//
// With the zero [Options] a Writer loses nothing that Write accepted while the process lives and Close has time: when
// memory is full Write waits, and a sink that fails is tried again. A Dir keeps what it accepted likewise; a message that
// no worker takes in time is refused, with an error. Whatever is lost otherwise is counted, in lines and bytes: see
// [Stats], [DirStats] and, for Close, [UndeliveredError].
//
// A process that is killed loses what is in memory: what was accepted in the last second or so (Options.FlushEvery), or
// more if the sink does not keep up. What a Dir has written to a file by then is recovered by the next [Open]. A power
// cut loses what is in a Dir's unfinished files too.
//
// # Errors
//
// [ErrFull] if there is no room, [github.com/sluice-go/sluice.ErrClosed] after Close, *[UndeliveredError] from Close.
// Errors of the sink, or of the disk, don't reach Write, unless it finds no room; see [Writer.Err], [Writer.Sync],
// [Dir.Err], [Dir.Flush] and Stats. Options that make no sense: NewWriter panics, Open returns an error.
package spool
