package diskq_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// everything is a history with all that a queue does: it rolls, seals, syncs in the background, drops, is closed, killed
// and opened again.
var everything = func() (script []step) {
	do := func(kinds ...string) {
		for _, kind := range kinds {
			script = append(script, step{kind: kind, n: 25, seed: uint64(len(script))})
		}
	}
	do("append", "append", "appendAll", "append", "sync", "append", "appendAll", "appendAll", "appendAll", "sleep", "append")
	do("trim", "read", "append", "empty", "append", "appendAll", "append", "reopen", "append", "appendAll", "kill")
	do("append", "appendAll", "appendAll", "append", "sleep", "trim", "append", "reopen", "append", "empty", "empty", "sync", "append")
	return script
}()

// eachDisk runs a test with each durability, and each kind of disk.
func eachDisk(t *testing.T, test func(t *testing.T, o diskq.Options, disk fsx.MemOptions)) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		for name, disk := range map[string]fsx.MemOptions{"plain": {}, "windows": {Windows: true}, "maps": {Maps: true}} {
			if disk.Maps && d != diskq.Written { // the others map nothing
				continue
			}
			t.Run(fmt.Sprintf("%v/%s", d, name), func(t *testing.T) {
				test(t, diskq.Options{Durability: d, SegmentBytes: 4096}, disk)
			})
		}
	}
}

// reached counts how often f is asked.
func reached(f func(fsx.Call) error, times *int) func(fsx.Call) error {
	return func(c fsx.Call) error {
		err := f(c)
		if err != nil {
			*times++
		}
		return err
	}
}

// The power goes in the middle of each operation, of all that a queue does, with each of several outcomes.
func TestPowerCutInEachOperation(t *testing.T) {
	seeds, every := uint64(1), int64(3)
	if *exhaustive {
		seeds, every = 30, 1
	}
	eachDisk(t, func(t *testing.T, o diskq.Options, disk fsx.MemOptions) {
		for n := int64(0); ; n += every {
			cuts := 0
			for seed := range seeds {
				h := newHistory(o, disk)
				h.armed = true
				h.fails = append(h.fails, reached(fsx.Nth(n, fsx.ErrPowerCut, fsx.OpAny), &cuts))
				script := slices.Clone(everything)
				for i := range script {
					script[i].seed += 100 * (seed + 10*uint64(n))
				}
				if err := runHistory(t, h, script); err != nil {
					t.Fatalf("the power went in operation %d, seed %d: %v", n, seed, err)
				}
			}
			if cuts == 0 {
				return
			}
		}
	})
}

// Each operation fails in turn, once or from then on, of all that a queue does, and what is left is looked at after a crash.
func TestEachOperationFailsInAHistory(t *testing.T) {
	for _, err := range []error{syscall.EIO, syscall.EMFILE, &fsx.ShortWrite{N: 70, Err: syscall.ENOSPC}} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			eachDisk(t, func(t *testing.T, o diskq.Options, disk fsx.MemOptions) {
				failEachInAHistory(t, o, disk, err)
			})
		})
	}
}

func failEachInAHistory(t *testing.T, o diskq.Options, disk fsx.MemOptions, err error) {
	kinds := fsx.OpAny
	if _, short := err.(*fsx.ShortWrite); short {
		kinds = fsx.OpWrite
	}
	ends, every := []string{"", "kill", "reopen"}, int64(1)
	if !*exhaustive {
		every = 11
	}
	for n := int64(0); ; n += every {
		faults := 0
		for _, fail := range []func(fsx.Call) error{fsx.Nth(n, err, kinds), fsx.From(n, err, kinds)} {
			// At the end the power goes. Before, in the middle of it all, the process ends or tries again.
			for i, end := range ends {
				if !*exhaustive && n/every%3 != int64(i) {
					continue
				}
				h := newHistory(o, disk)
				h.fails = append(h.fails, reached(fail, &faults))
				script := slices.Clone(everything)
				if at := 1 + int(n)%len(script); end != "" {
					script = slices.Insert(script, at, step{kind: end, n: 1})
				}
				if err := runHistory(t, h, script); err != nil {
					t.Fatalf("operation %d failed, then %q: %v", n, end, err)
				}
			}
		}
		if faults == 0 {
			return
		}
	}
}
