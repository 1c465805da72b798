// Package replay is the in-memory log, of values and of bytes: readers that come late replay everything that is retained, then
// follow. [Replay] holds values and is a [sluice.Log]; [Buffer] is its form for streams of bytes, with the interfaces of
// package io, in memory, in a file, or in both.
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
// Bytes, say of a download that many want, some of them later:
//
//	b := replay.NewBuffer(replay.BufferOptions{SpillBytes: 1 << 20}) // the first MiB in memory, the rest in a file
//	go func() {
//		_, err := b.ReadFrom(res.Body)
//		b.CloseWithError(err) // a download that failed never looks complete
//	}()
//
//	r := b.NewReader() // for each client
//	defer r.Close()
//	_, err := r.WriteToContext(ctx, w)
//
// # Concurrency
//
// Any number of goroutines may append, read (each with its own cursor), trim and close at once. Writers take turns on one
// word, which is also the published end. Readers take no lock while they read: values lie in chunks, a published slot never
// changes, and a batch is a piece of a chunk, lent without a copy. A reader that waits is parked, and costs an append one atomic load.
//
// A Buffer may be written, read (each with a reader of its own), ended and removed by any number of goroutines at once.
//
// # Loss
//
// With the zero [Options] nothing is ever lost, and memory grows with what is appended. With a limit, a reader that falls
// behind it gets a *[sluice.LagError] with the exact range. Memory is freed by whole chunks, of about an eighth of the
// limit: what a log holds is at most its limit and a few chunks, and a stalled reader holds one chunk more, never the past
// behind it.
//
// A Buffer keeps everything, or the last [BufferOptions.MaxBytes], with the same promise, by positions of bytes. What is in its
// file is not synced to stable storage.
//
// # Errors
//
// Append fails only on a log that has ended: with [sluice.ErrClosed], or with what [Replay.Abort] was given. So does the Write
// of a Buffer in memory; one in a file ends with the first error of its file, which its readers get behind the last byte. The
// errors of its readers are listed at [BufferReader].
package replay
