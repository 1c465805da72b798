package sourcetest

import (
	"errors"
	"time"

	"github.com/sluice-go/sluice"
	"pgregory.net/rapid"
)

// ErrScript is the writer's own error at the end of some scripts of [Scripts].
var ErrScript = errors.New("sourcetest: the writer failed on purpose")

// Scripts generates scripts of up to 30 steps with those values, which end with sluice.ErrClosed or [ErrScript]. Junk is the
// zero value. Pauses are up to a second, so read them in a bubble of testing/synctest:
//
//	rapid.Check(t, func(rt *rapid.T) {
//		script := sourcetest.Scripts(rapid.IntMin(1)).Draw(rt, "script")
//		rapid.SyncTest(rt, func(rt *rapid.T) { … })
//	})
func Scripts[T any](values *rapid.Generator[T]) *rapid.Generator[*Script[T]] {
	step := rapid.Custom(func(t *rapid.T) Step[T] {
		switch rapid.SampledFrom([]string{"batch", "one", "lag", "corrupt", "nothing", "pause"}).Draw(t, "kind") {
		case "one":
			return Step[T]{Batch: []T{values.Draw(t, "value")}}
		case "lag":
			return Step[T]{Lag: rapid.Int64Range(1, 20).Draw(t, "lag")}
		case "corrupt":
			return Step[T]{Corrupt: rapid.Int64Range(1, 3).Draw(t, "corrupt")}
		case "nothing":
			return Step[T]{Nothing: rapid.IntRange(1, 3).Draw(t, "nothing")}
		case "pause":
			return Step[T]{Pause: time.Duration(rapid.IntRange(1, 1000).Draw(t, "ms")) * time.Millisecond}
		default:
			return Step[T]{Batch: rapid.SliceOfN(values, 1, 40).Draw(t, "batch")}
		}
	})
	return rapid.Custom(func(t *rapid.T) *Script[T] {
		return &Script[T]{
			Steps: rapid.SliceOfN(step, 0, 30).Draw(t, "steps"),
			End:   rapid.SampledFrom([]error{sluice.ErrClosed, ErrScript}).Draw(t, "end"),
		}
	})
}
