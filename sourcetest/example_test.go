package sourcetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/sourcetest"
	"pgregory.net/rapid"
)

// The conformance test of a store that keeps the last eight values.
func ExampleTest() {
	_ = func(t *testing.T) { // func TestConformance(t *testing.T)
		sourcetest.Test(t, sourcetest.Config[string]{
			New: func(testing.TB) sluice.Log[string] {
				return replay.New[string](replay.Options{MaxValues: 8})
			},
			Value: func(n int64) string { return fmt.Sprint("value ", n) },
			Room:  8,
		})
	}
}

// A longer random search than the one of Test, or one that starts from a fuzzer's input.
func ExampleMachine() {
	_ = func(f *testing.F) { // func FuzzReplay(f *testing.F)
		cfg := sourcetest.Config[int]{
			New:   func(testing.TB) sluice.Log[int] { return replay.New[int](replay.Options{}) },
			Value: func(n int64) int { return int(n) },
		}
		f.Fuzz(func(t *testing.T, input []byte) {
			rapid.MakeFuzz(sourcetest.Machine(t, cfg))(t, input)
		})
	}
}

// A script shows a reader what it may meet.
func ExampleScript() {
	script := &sourcetest.Script[string]{
		Steps: []sourcetest.Step[string]{
			{Batch: []string{"a", "b"}},
			{Lag: 3},
			{Nothing: 2},
			{Batch: []string{"c"}},
		},
		End: sluice.ErrClosed,
	}
	cur := script.Cursor(sluice.Oldest())
	defer cur.Close()
	for v, err := range cur.All(context.Background()) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(v)
	}
	fmt.Println("missed", cur.Missed())
	// Output:
	// a
	// b
	// sluice: missed 3 values: offsets 2 to 4 were dropped before they were read
	// c
	// missed 3
}

// The same script for random tests: what must be seen is known.
func ExampleScripts() {
	script := sourcetest.Scripts(rapid.IntRange(1, 9)).Example(2)
	_, next := script.Bounds()
	cur := script.Cursor(sluice.Oldest()).SkipGaps()
	defer cur.Close()
	values := 0
	for _, err := range cur.All(context.Background()) {
		if err == nil {
			values++
		}
	}
	fmt.Println(int64(values)+cur.Missed() == int64(next))
	// Output: true
}
