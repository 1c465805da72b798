// Package sluice is typed event fan-out: append a value once, and any number of readers follow it, each at its own pace,
// from any point, with one for … range.
//
// This package is the contract: [Source], [Sink] and the one [Cursor] that everybody reads with. The stores are in
// packages of their own, and differ in one thing only, what happens to old values:
//
//   - [github.com/sluice-go/sluice/replay] keeps everything in memory, or a retention limit.
//   - [github.com/sluice-go/sluice/ring] keeps the last N values in fixed memory: it laps a slow reader, and tells it what it
//     missed, or waits for it.
//   - [github.com/sluice-go/sluice/diskq] keeps what retention says on disk, through crashes.
//
// Package [github.com/sluice-go/sluice/topic] is a hub of many named ones, and cursors over several of them.
//
// # Usage
//
// Append to a store; open a cursor wherever somebody wants to read:
//
//	log := replay.New[Event](replay.Options{})
//	log.Append(ctx, Event{…})
//
//	cur := log.Cursor(sluice.Oldest()) // or Newest, Last(50), At(offset)
//	defer cur.Close()
//	for ev, err := range cur.All(ctx) {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// # Concurrency
//
// Sources and sinks are safe for concurrent use. A cursor is for one goroutine at a time, save its Close; open as many as
// there are readers. A reader that waits costs a writer one atomic load.
//
// # Loss
//
// A cursor gets every value in offset order, each exactly once. Whatever it could not get is told as a gap, with the
// exact range, in its place in the order. Received and missed values together are all that were appended.
//
// # Errors
//
// [ErrClosed] is the end. [LagError] and [CorruptError] are gaps, and never final. [RangeError] is a position that does not
// exist. Everything else is the writer's own error, or context.Cause of the reader's context.
package sluice
