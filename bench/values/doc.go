// Package values measures the fan-out of typed values: Sluice's stores and other ways to do the same, in three shapes.
//
//   - Append: values are appended, nobody reads.
//   - Replay: readers read a finished log from its start.
//   - Live: readers follow a writer from the first value on.
//
// # Rivals
//
// One file for each. They have the interface [Log] in common, which sets up only: its Append and its readers run whole
// loops over the values inside the rival's own code, on concrete types. So no interface call stands between two
// values, which would cost as much as some rivals do for all their work.
//
// # Honesty
//
// Each reader checks every value that it gets, see [Tally], and a shape fails if one is missing or out of order. Rivals
// that replay are not timed with a context, which they don't have; Sluice's rows are, so they do more.
package values
