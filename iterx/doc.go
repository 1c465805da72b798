// Package iterx has the functions over iter.Seq that code around a source needs and that slices, maps and iter lack: they
// map, select, group and join sequences, carry errors along (iter.Seq2[T, error], as [sluice.Cursor.All] gives them), and run
// work in parallel.
//
// # Usage
//
//	for batch, err := range iterx.TryChunk(cur.All(ctx), 100) { … }
//
//	values, err := cur.Backlog(ctx)
//	failed := iterx.Count(iterx.Filter(values, Event.Failed))
//
//	for page, err := range iterx.MapParallel(ctx, links.All, iterx.Parallel{Workers: 8}, fetch) { … }
//
// The sequence comes first, so that a chain reads from the inside out; the names are those of slices where it has the idea.
//
// Every function keeps these laws, and a test holds each of them to it:
//
//   - It does nothing until the result is ranged over, and starts anew when that is done again, if its input can.
//   - A break ends the input at once: it is asked for no value more, and has run its deferred functions when the loop is
//     left. So do a panic and runtime.Goexit.
//   - It holds nothing back while its input waits. Where it must, it says so: [Chunk], [ChunkFunc], [Window], [TryChunk],
//     [Merge], [MergeFunc], [Zip].
//   - Zero values are values. Endless input is fine, save for a function that returns one result of the whole input.
//   - A number of values that makes no sense panics, when the function is called, not in the loop.
//
// Use something else:
//
//   - For a slice or a map that is there, a loop or the functions of slices and maps. A step costs a call, 1 to 2 ns a value, an
//     order of magnitude more than a loop over a slice.
//   - For [slices.Collect], [slices.Sorted], [slices.Chunk], [maps.Keys] and [maps.All], those.
//   - For caching a sequence, or many readers of one: [github.com/sluice-go/sluice/replay] and
//     [github.com/sluice-go/sluice/ring].
//   - For channels, [github.com/sluice-go/sluice/chanx].
//   - For work that has no results, or whose results need no order and fit in memory, golang.org/x/sync/errgroup.
//
// # Concurrency
//
// Functions run in the reader's loop. [Zip], [Merge], [MergeFunc], [Equal] and [EqualFunc] read a second sequence with
// [iter.Pull], whose coroutine ends with the loop. Only [MapParallel], [MapParallelUnordered] and [Prefetch] start
// goroutines, and none outlives its loop, however that ends. They run their input in a goroutine, so they must be able to
// cancel it: they take a function that opens it with a context. Pass cur.All itself, or [Static] of a sequence that never waits.
//
// A panic passes through to whoever runs the loop where the function runs in it. In a goroutine of [MapParallel] and
// its like it ends the program, as in any goroutine; runtime.Goexit there ends the loop with an error.
//
// # Loss
//
// A value that a function took from its input was yielded or left out by its contract when the loop ends by itself. A loop that is
// left early has taken no value that its body did not see or that was left out, save for what is held back (see above), and for
// what the functions with goroutines have read ahead, which is lost. To resume a source, carry offsets along
// ([sluice.Cursor.Entries]).
//
// # Errors
//
// In an iter.Seq2[T, error] an error comes with the zero T, and does not end the sequence: sources go on behind a gap. The
// functions pass an error on in its place and go on if the body does. Those that end at the first error are
// [FromNext], [TryForEach], [TryReduce], [TryCollect] and [UntilErr].
//
// [sluice.Cursor.All]: https://pkg.go.dev/github.com/sluice-go/sluice#Cursor.All
// [sluice.Cursor.Entries]: https://pkg.go.dev/github.com/sluice-go/sluice#Cursor.Entries
package iterx
