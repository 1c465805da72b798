// Package chanx has the functions over channels that a program needs as soon as its channel operations can be cancelled: send,
// receive, range, join, split, batch and slow down, each with a context, and none leaving a goroutine behind.
//
// # Usage
//
//	for v := range chanx.All(ctx, ch) { … }             // until ch is closed or ctx is done
//
//	if err := chanx.Send(ctx, ch, v); err != nil { … }  // context.Cause(ctx), if there was no room until then
//
//	for batch := range chanx.Batches(ctx, ch, 100, time.Second) { … }
//
//	values, stop := chanx.Go(ctx, 64, open)             // any sequence as a channel, for select
//	defer stop()
//
// Use something else:
//
//   - For one operation and no context, the channel itself. For several channels of known number, select.
//   - For each value to many readers at their own pace, late ones too, [github.com/sluice-go/sluice/ring] and
//     [github.com/sluice-go/sluice/replay]: a channel gives each value to one, and [Tee] waits for its slowest reader.
//   - For a cursor as a channel, its own Chan, which loses nothing when it is stopped.
//   - For a queue without bounds, replay; a channel that is always full says that the reader is too slow.
//   - For results of work in order, MapParallel of [github.com/sluice-go/sluice/iterx], with [Open].
//   - For mapping, selecting and counting, iterx over [All].
//
// # Concurrency
//
// Functions that return an iter.Seq run in the reader's loop, without a goroutine, save for [Merge], which has one for each
// channel while the loop runs; [ForEach] has its workers while it runs. Functions that return channels run one goroutine each,
// which closes them and ends when the input is closed or ctx is done: cancel ctx if you stop receiving. [Go] has stop for
// that.
//
// Nothing closes a channel that it was given, or receives more from it than it says. A nil channel is one on which nothing ever
// comes.
//
// A panic passes through to whoever runs the loop where a function runs in it; in a goroutine it ends the program, as in any.
// runtime.Goexit in a function that runs in a goroutine makes [ForEach] and the stop of [Go] return an error; [Shard] and
// [Buffer] then close their channels.
//
// # Loss
//
// A loop that is left, or ends because ctx is done, has received no value that its body did not see, or that was left out by
// contract: what [Batches], [Debounce] and [Sample] hold when ctx is done is yielded first. These lose values then, as they say:
// [Merge], [Limit], and, when ctx is done, [Go], [SendAll], [Tee], [Shard] and [Buffer].
//
// # Errors
//
// Errors are context.Cause(ctx), [ErrClosed] of [Recv], and those of the caller's own sequences and functions. An iter.Seq
// has no error: after the loop ctx.Err() tells a closed channel from a done context. A negative size or number panics.
package chanx
