// Package streams measures streams of bytes with one writer and many readers: Sluice's replay.Buffer and other ways to do the
// same, in memory and in a file.
//
//   - Live: readers follow a writer from the first byte on.
//   - Worst Write: the same, with a look at the clock around every Write.
//   - Held: what a finished stream keeps in memory.
//
// # Rivals
//
// One file for each. They are used as a program would: the writer calls Write, the readers call Read with 32 KiB of room. So
// each pays for one call through an interface, which is little beside the copy.
//
// # Honesty
//
// Each reader looks at the ends of every piece that it gets and counts the bytes, see [Tally], and a run fails if something is
// missing, doubled or out of order; the tests of this package compare every byte. Files lie in [os.TempDir]; nobody syncs them.
package streams
