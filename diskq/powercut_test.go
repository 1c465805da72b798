package diskq_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
	"pgregory.net/rapid"
)

var stepKinds = append([]string{
	"append", "append", "append", "append", "append", "append", "appendAll", "appendAll", "appendAll", "appendAll",
	"sync", "sync", "sleep", "read", "trim", "empty", "trim", "reopen", "reopen", "kill", "cut", "cut in the middle",
	"cut in the middle", "no room", "mended", "mended", "struck", "struck", "struck", "struck", "struck",
}, faultKinds...)

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		kind:  rapid.SampledFrom(stepKinds).Draw(t, "kind"),
		n:     rapid.IntRange(1, 40).Draw(t, "n"),
		seed:  rapid.Uint64Range(0, 1<<20).Draw(t, "seed"),
		delay: rapid.Int64Range(0, 12).Draw(t, "delay"),
	}
})

// Whatever fails, whenever the process ends or the power goes: what is left is what was promised.
func TestPowerCuts(t *testing.T) {
	rounds := 5 // of rapid's 100
	if *exhaustive {
		rounds = 200
	}
	for i := range rounds {
		t.Run(fmt.Sprint(i), func(t *testing.T) { rapid.Check(t, powerCuts(t)) })
	}
}

func powerCuts(t *testing.T) func(*rapid.T) {
	return func(rt *rapid.T) {
		o := diskq.Options{
			Durability:   diskq.Durability(rapid.IntRange(0, 2).Draw(rt, "durability")),
			SegmentBytes: rapid.SampledFrom([]int64{4096, 8192, 0}).Draw(rt, "segment bytes"),
		}
		disk := fsx.MemOptions{Windows: rapid.IntRange(0, 4).Draw(rt, "windows") == 0}
		disk.Maps = !disk.Windows && rapid.Bool().Draw(rt, "maps")
		script := rapid.SliceOfN(steps, 1, 60).Draw(rt, "steps")
		if err := runHistory(t, newHistory(o, disk), script); err != nil {
			rt.Fatal(err)
		}
	}
}

func runHistory(t *testing.T, h *history, script []step) (err error) {
	synctest.Test(t, func(t *testing.T) {
		if err = h.run(script); err != nil && h.q != nil {
			h.q.Close()
		}
	})
	return err
}
