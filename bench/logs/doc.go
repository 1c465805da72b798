// Package logs measures logs and queues on disk: Sluice's diskq and those that are used in Go, in five shapes.
//
//   - Append: records are appended, nobody reads. Rivals are compared within a class of what an append that returned
//     is worth: it is in a buffer of the process, it has been handed to the system, or it is on stable storage.
//   - Read: a log that was closed is read from its start.
//   - Live: records are read while they are appended.
//   - Reopen: a log of many records is opened.
//
// # Rivals
//
// One file for each, with the interface [Log] in common. One interface call stands before each record, some 2 ns.
//
// # Honesty
//
// Each record carries its number, and each reader checks number and length of every record that it gets; a shape fails
// if one is missing. Where a rival lends its records (Prometheus, tidwall/wal with NoCopy) diskq does too; the row of
// kept values has what its Bytes codec costs. All files lie in one temporary directory on the disk that TMPDIR is on,
// and are removed after each run. Before a run everything that others left to write is written.
package logs
