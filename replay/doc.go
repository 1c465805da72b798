// Package replay is the in-memory log: readers that come late replay everything that is retained, then follow.
//
// # Usage
//
//	log := replay.New[Event](replay.Options{MaxAge: time.Hour})
//	defer log.Close()
//	off, err := log.Append(ctx, ev)
//
//	cur := log.Cursor(sluice.Last(50))
//	defer cur.Close()
//	for ev, err := range cur.All(ctx) { … }
//
// # Concurrency
//
// Any number of goroutines may append, read (each with its own cursor), trim and close at once. Writers take turns on one
// word, which is also the published end. Readers take no lock while they read: values lie in chunks, a published slot never
// changes, and a batch is a piece of a chunk, lent without a copy. A reader that waits is parked, and costs an append one atomic load.
//
// # Loss
//
// With the zero [Options] nothing is ever lost, and memory grows with what is appended. With a limit, a reader that falls
// behind it gets a *[sluice.LagError] with the exact range. Memory is freed by whole chunks, of about an eighth of the
// limit: what a log holds is at most its limit and a few chunks, and a stalled reader holds one chunk more, never the past
// behind it.
//
// # Errors
//
// Append fails only on a log that has ended: with [sluice.ErrClosed], or with what [Replay.Abort] was given.
package replay
