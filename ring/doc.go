// Package ring is the bounded broadcast ring: fixed memory, many writers, many readers, and each reader gets every value or
// is told exactly which ones it missed.
//
// # Usage
//
//	r := ring.New[Event](1024, ring.Options{})                    // laps a slow reader, never waits
//	r := ring.New[Event](1024, ring.Options{Policy: ring.Gated})  // waits for the slowest reader, loses nothing
//
//	cur := r.Cursor(sluice.Newest())
//	defer cur.Close()
//	for ev, err := range cur.All(ctx) {
//		var lag *sluice.LagError
//		if errors.As(err, &lag) {
//			log.Printf("missed %d", lag.Missed())
//			continue
//		}
//		…
//	}
//
// # Concurrency
//
// Any number of goroutines may append, read (each with its own cursor) and close at once. Writers take turns on one word,
// which is also the published end; a single writer can be spared even that ([Options].SingleWriter). Readers take no lock. A
// reader that finds nothing lets others run for a moment, if that has helped before, and then parks; it costs an append one
// atomic load.
//
// # Loss
//
// Overwrite never waits for a reader, whatever that does. One that falls more than the capacity behind gets a
// *[sluice.LagError] with the exact range, and goes on at the oldest retained value. It never sees a torn value: old slots
// are used again only when no reader is in their chunk; else a new chunk takes their place, and the old one is left to the
// reader and the garbage collector. So a stalled reader holds one chunk of at most 128 values.
//
// Gated loses nothing while a cursor is open: Append waits until the slowest open cursor has room. A cursor counts from the moment it is opened, so
// close it when it is no longer read; [Ring.Stats] tells who holds a writer back. It holds the batch that it was last given,
// up to a quarter of the ring, until it asks for the next one. Without a cursor nobody waits, and old values are
// overwritten. A loop that appends to the gated ring that it follows may wait for itself.
//
// A later stage that shall see only what an earlier one has finished reads from a ring that the earlier one appends to; see the
// Example of stages. A stage that fails ends its ring with [Ring.CloseWithError], and the stages before it by their context: once
// its cursor is closed it holds nobody back.
//
// # Errors
//
// Append fails with [sluice.ErrClosed] on a closed ring and, Gated, with context.Cause of its context while it waits, or when
// more values than the ring holds are to be appended at once. Readers get the error of [Ring.CloseWithError] behind the last value.
package ring
