// Package diskq is the log on disk: typed values that survive the process, and as far as you say the system.
//
// # Usage
//
//	q, err := diskq.Open("events", diskq.JSON[Event](), diskq.Options{})
//	if err != nil {
//		return err
//	}
//	defer q.Close()
//	off, err := q.Append(ctx, ev)
//
//	cur := q.Cursor(sluice.Oldest()) // or Newest, Last(50), At(offset), q.Since(yesterday)
//	defer cur.Close()
//	for ev, err := range cur.All(ctx) {
//		if err != nil {
//			return err // or: continue, to accept a gap
//		}
//		…
//	}
//
// As a work queue, with [Consumer]: each value goes to one of those who receive, and is gone when he says so.
//
//	jobs, err := q.Consumer("jobs", diskq.ConsumerOptions{AckWait: time.Minute})
//	for d, err := range jobs.All(ctx) { …; d.Ack() }
//
// The directory holds segment files, named by their first offset, a lock file, a small file for each consumer, and, while a
// queue is open that is [Written], the file TAIL with what is not in the last segment yet. There is no end or depth beside the
// values that could go stale. The format is in docs/diskq-format.md.
//
// # Durability
//
// [Written], the zero value, survives the end of the process, [Durable] the loss of power too, and [Buffered] is fast also
// where Written needs system calls: see [Durability], and docs/durability.md for which crash loses what. [DiskQueue.Sync] makes everything before
// it durable.
//
// # Concurrency
//
// Any number of goroutines may append, read (each with its own cursor), sync, trim and close at once. Concurrent appends
// share writes and syncs. Readers of sealed segments take no lock but for the open file; those who follow the end copy
// it out of the writer's buffer, without a system call. A thousand cursors share at most 64 descriptors.
//
// A consumer is shared by any number of goroutines and channels. It has a goroutine, one more for dead letters, and one
// for each channel.
//
// One process at a time appends; [OpenReader] follows from another one.
//
// # Loss
//
// A value that can't be read back costs that value and no other: readers get a *[sluice.CorruptError] with its offset,
// the file and the place, and everything else. What retention dropped is a *[sluice.LagError]. After a crash the end of
// the queue is what was written whole: a batch of AppendAll is there as a whole or not at all, and an append that failed
// never appears.
//
// A consumer hands out each value at least once: again if it was not acknowledged, or if that was not saved when the
// process ended. Where a crash takes values, consumers that were past them are moved back, and say so in their Stats.
//
// # Errors
//
// An append fails whole, and a later one may succeed: when there is room again, or when too many files were open. When
// an fsync fails the queue fails until it is opened again, because nobody knows then what is on the disk: appends get
// the error, and readers do after everything that was published.
package diskq
