package iterx_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-go/sluice/iterx"
	"pgregory.net/rapid"
)

// Each of these against the plainest slice code that does the same.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 30).Draw(t, "values")
		n := rapid.IntRange(1, 9).Draw(t, "n")
		in := slices.Values(vs)
		want := func(name string, got, want any) {
			t.Helper()
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s(%v, %d) gives %v, want %v", name, vs, n, got, want)
			}
		}
		want("Take", slices.Collect(iterx.Take(in, n)), vs[:min(n, len(vs))])
		want("Drop", slices.Collect(iterx.Drop(in, n)), vs[min(n, len(vs)):])
		want("Chunk", slices.Collect(iterx.Chunk(in, n)), slices.Collect(slices.Chunk(vs, n)))
		want("Compact", slices.Collect(iterx.Compact(in)), slices.Compact(slices.Clone(vs)))
		want("Sum of Chunk", iterx.Sum(iterx.Map(iterx.Chunk(in, n), func(c []int) int { return len(c) })), len(vs))
		var windows [][]int
		for i := 0; i+n <= len(vs); i++ {
			windows = append(windows, vs[i:i+n])
		}
		want("Window", slices.Collect(iterx.Window(in, n)), windows)
		runs := slices.Concat(slices.Collect(iterx.ChunkFunc(in, func(a, b int) bool { return a <= b }))...)
		want("ChunkFunc", runs, vs)
		double := func(_ context.Context, v int) (int, error) { return 2 * v, nil }
		p := iterx.Parallel{Workers: n, Depth: rapid.IntRange(0, 5).Draw(t, "depth")}
		doubled, err := iterx.TryCollect(iterx.MapParallel(background, iterx.Static(in), p, double))
		want("MapParallel", doubled, slices.Collect(iterx.Map(in, func(v int) int { return 2 * v })))
		want("error of MapParallel", err, nil)
	})
}

// Merged is sorted, stable, and has everything once.
func TestMergeModel(t *testing.T) {
	type tagged struct{ key, seq, n int }
	rapid.Check(t, func(t *rapid.T) {
		var seqs []iter.Seq[tagged]
		var all []tagged
		for s := range rapid.IntRange(0, 7).Draw(t, "sequences") {
			keys := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 12).Draw(t, "keys")
			slices.Sort(keys)
			var vs []tagged
			for n, k := range keys {
				vs = append(vs, tagged{k, s, n})
			}
			all = append(all, vs...)
			seqs = append(seqs, slices.Values(vs))
		}
		byKey := func(a, b tagged) int { return a.key - b.key }
		slices.SortStableFunc(all, byKey)
		if got := slices.Collect(iterx.MergeFunc(byKey, seqs...)); !slices.Equal(got, all) {
			t.Fatalf("MergeFunc gives %v, want %v", got, all)
		}
	})
}

// Every range of int8 and uint8 with these steps, against one over int, where nothing overflows.
func TestRangeNeverOverflows(t *testing.T) {
	for _, step := range []int8{1, 2, 7, 100, math.MaxInt8, -1, -2, -7, -100, math.MinInt8} {
		for from := math.MinInt8; from <= math.MaxInt8; from++ {
			for to := math.MinInt8; to <= math.MaxInt8; to += 3 {
				want := iterx.Count(iterx.Range(from, to, int(step)))
				n, next := 0, from
				for v := range iterx.Range(int8(from), int8(to), step) {
					if int(v) != next {
						t.Fatalf("Range(int8(%d), %d, %d) yields %d as number %d, want %d", from, to, step, v, n, next)
					}
					n++
					next += int(step)
				}
				if n != want {
					t.Fatalf("Range(int8(%d), %d, %d) yields %d values, want %d", from, to, step, n, want)
				}
			}
		}
	}
	for to := range uint8(math.MaxUint8) {
		want := (int(to) + 99) / 100
		if n := iterx.Count(iterx.Range(0, to, 100)); n != want {
			t.Fatalf("Range(uint8(0), %d, 100) yields %d values, want %d", to, n, want)
		}
	}
	if n := iterx.Count(iterx.Range(math.MaxInt-2, math.MaxInt, 3)); n != 1 {
		t.Errorf("Range(MaxInt-2, MaxInt, 3) yields %d values, want 1", n)
	}
}

// What a body keeps or changes does not change what it gets later.
func TestSlicesAreTheBodys(t *testing.T) {
	same := func(a, b int) bool { return a/3 == b/3 }
	for name, seq := range map[string]iter.Seq[[]int]{
		"Chunk":     iterx.Chunk(iterx.Range(0, 9, 1), 3),
		"ChunkFunc": iterx.ChunkFunc(iterx.Range(0, 9, 1), same),
		"TryChunk":  iterx.Keys(iterx.TryChunk(iterx.Ok(iterx.Range(0, 9, 1)), 3)),
	} {
		var kept [][]int
		for c := range seq {
			kept = append(kept, c)
			c[2] = -1
			_ = append(c, -2)
		}
		if got := fmt.Sprint(kept); got != "[[0 1 -1] [3 4 -1] [6 7 -1]]" {
			t.Errorf("%s: slices that were kept and changed are %v", name, got)
		}
	}
	var kept, longer [][]int
	for w := range iterx.Window(iterx.Range(0, 40, 1), 3) {
		kept = append(kept, w)
		longer = append(longer, append(w, -2))
	}
	for i, w := range kept {
		if !slices.Equal(w, []int{i, i + 1, i + 2}) || longer[i][3] != -2 {
			t.Errorf("Window: number %d, kept, is %v, and %v after append", i, w, longer[i])
		}
	}
}

func TestMisusePanics(t *testing.T) {
	in := slices.Values(zeros)
	double := func(_ context.Context, v int) (int, error) { return 2 * v, nil }
	for want, call := range map[string]func(){
		"iterx: Take: n must be at least 0, got -1":                     func() { iterx.Take(in, -1) },
		"iterx: Take2: n must be at least 0, got -1":                    func() { iterx.Take2(iterx.Enumerate(in), -1) },
		"iterx: Drop: n must be at least 0, got -2":                     func() { iterx.Drop(in, -2) },
		"iterx: Chunk: n must be at least 1, got 0":                     func() { iterx.Chunk(in, 0) },
		"iterx: Window: n must be at least 1, got 0":                    func() { iterx.Window(in, 0) },
		"iterx: TryChunk: n must be at least 1, got 0":                  func() { iterx.TryChunk(iterx.Ok(in), 0) },
		"iterx: Prefetch: n must be at least 1, got 0":                  func() { iterx.Prefetch(background, iterx.Static(in), 0) },
		"iterx: Range: step must not be 0":                              func() { iterx.Range(0, 9, 0) },
		"iterx: MapParallel: Workers must be at least 0, got -1":        func() { iterx.MapParallel(background, iterx.Static(in), iterx.Parallel{Workers: -1}, double) },
		"iterx: MapParallelUnordered: Depth must be at least 0, got -3": func() { iterx.MapParallelUnordered(background, iterx.Static(in), iterx.Parallel{Depth: -3}, double) },
	} {
		if got := thrown(call); got != want {
			t.Errorf("%s panics with %v, want %v", strings.Fields(want)[1], got, want)
		}
	}
}

// Emptiness at the edges: nothing to take, nothing to join.
func TestNothing(t *testing.T) {
	in := over(zeros)
	for name, n := range map[string]int{
		"Take(seq, 0)":  iterx.Count(iterx.Take(in.seq, 0)),
		"Take2(seq, 0)": iterx.Count(iterx.Keys(iterx.Take2(iterx.Enumerate(in.seq), 0))),
		"Concat()":      iterx.Count(iterx.Concat[int]()),
		"Merge()":       iterx.Count(iterx.Merge[int]()),
		"Range(3, 3)":   iterx.Count(iterx.Range(3, 3, 1)),
		"Range(3, 4)":   iterx.Count(iterx.Range(3, 4, -1)),
	} {
		if n != 0 {
			t.Errorf("%s yields %d values, want none", name, n)
		}
	}
	if in.taken != 0 {
		t.Errorf("taking none took %d", in.taken)
	}
	if v, ok := iterx.First(iterx.Take(in.seq, 0)); v != 0 || ok {
		t.Errorf("First() of nothing = %v, %v, want 0, false", v, ok)
	}
	if v, ok := iterx.Last(iterx.Take(in.seq, 0)); v != 0 || ok {
		t.Errorf("Last() of nothing = %v, %v, want 0, false", v, ok)
	}
}

// What Window says of its allocations, and that a chain allocates nothing for a value.
func TestAllocations(t *testing.T) {
	const n = 10_000
	even := func(v int) bool { return v%2 == 0 }
	square := func(v int) int { return v * v }
	for name, c := range map[string]struct {
		most float64
		run  func()
	}{
		"a chain":       {20, func() { iterx.Sum(iterx.Take(iterx.Map(iterx.Filter(iterx.Range(0, n, 1), even), square), n/4)) }},
		"Window of 100": {20 + n/100, func() { iterx.Count(iterx.Window(iterx.Range(0, n, 1), 100)) }},
		"CompactFunc":   {20, func() { iterx.Count(iterx.Compact(iterx.Range(0, n, 1))) }},
		"Zip":           {40, func() { iterx.Count(iterx.Keys(iterx.Zip(iterx.Range(0, n, 1), iterx.Range(0, n, 1)))) }},
		"TryMap": {20, func() {
			iterx.TryCollect(iterx.TryFilter(iterx.Ok(iterx.Range(0, n, 1)), func(int) (bool, error) { return false, nil }))
		}},
		"Prefetch of 64": {40, func() {
			iterx.TryForEach(iterx.Prefetch(background, iterx.Static(iterx.Range(0, n, 1)), 64), func(int) error { return nil })
		}},
		"MapParallel": {250, func() {
			double := func(_ context.Context, v int) (int, error) { return 2 * v, nil }
			p := iterx.Parallel{Workers: 2, Depth: 64}
			iterx.TryForEach(iterx.MapParallel(background, iterx.Static(iterx.Range(0, n, 1)), p, double), func(int) error { return nil })
		}},
	} {
		if got := testing.AllocsPerRun(3, c.run); got > c.most {
			t.Errorf("%s allocates %v times for %d values, want at most %v", name, got, n, c.most)
		}
	}
}
