package iterx_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/sluice-go/sluice/iterx"
)

// text reads a sequence as strings, without blanks.
func text[T any](seq iter.Seq[T]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for v := range seq {
			if !yield(dense(v)) {
				return
			}
		}
	}
}

// text2 reads pairs: "k:v"; a value with an error nil is "v", an error "!text".
func text2[K, V any](seq iter.Seq2[K, V]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k, v := range seq {
			s := dense(k) + ":" + dense(v)
			if err, ok := any(v).(error); ok {
				s = "!" + dense(err)
				if dense(k) != dense(*new(K)) {
					s += "with" + dense(k)
				}
			} else if any(v) == nil {
				s = dense(k)
			}
			if !yield(s) {
				return
			}
		}
	}
}

func dense(v any) string { return strings.ReplaceAll(fmt.Sprint(v), " ", ",") }

// bad makes a negative value into an error.
func bad(v int) error {
	if v < 0 {
		return fmt.Errorf("bad%d", v)
	}
	return nil
}

// failing is a sequence with an error in the place of each negative value.
func failing(in iter.Seq[int]) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		in(func(v int) bool {
			if err := bad(v); err != nil {
				return yield(0, err)
			}
			return yield(v, nil)
		})
	}
}

// refuse returns a function that fails on 2, and else returns v+1.
func refuse(hook func()) func(int) (int, error) {
	return func(v int) (int, error) {
		hook()
		if v == 2 {
			return 77, fmt.Errorf("refused")
		}
		return v + 1, nil
	}
}

func open(in iter.Seq2[int, error]) func(context.Context) iter.Seq2[int, error] {
	return func(ctx context.Context) iter.Seq2[int, error] { return in }
}

var (
	background = context.Background()
	zeros      = []int{0, 0, 1, 0, 2, 2, 0}
	faulty     = []int{0, 1, -1, 0, 2, -2, -3, 0, 0}
	two        = iterx.Parallel{Workers: 2, Depth: 3}
)

// functions has at least one row for each exported function.
var functions = slices.Concat(mapping, taking, grouping, pairing, ending, trying, running)

var mapping = []function{
	{name: "Map", in: zeros, want: "1 1 2 1 3 3 1", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Map(in, func(v int) int { hook(); return v + 1 }))
	}},
	{name: "Filter", in: zeros, want: "0 0 0 2 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Filter(in, func(v int) bool { hook(); return v != 1 }))
	}},
	{name: "FilterMap", in: zeros, want: "0 0 0 4 4 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.FilterMap(in, func(v int) (int, bool) { hook(); return 2 * v, v != 1 }))
	}},
	{name: "FlatMap", in: zeros, want: "0 0 0 1 0 0 1 2 0 1 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.FlatMap(in, func(v int) iter.Seq[int] { hook(); return iterx.Range(0, v+1, 1) }))
	}},
	{name: "FlatMap/inner", in: zeros, want: "0 0 1 0 2 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.FlatMap(slices.Values([]int{7}), func(v int) iter.Seq[int] { hook(); return in }))
	}},
	{name: "Scan", in: zeros, want: "5 5 6 6 8 10 10", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Scan(in, 5, func(acc, v int) int { hook(); return acc + v }))
	}},
	{name: "Tap", in: zeros, want: "0 0 1 0 2 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Tap(in, func(int) { hook() }))
	}},
}

var taking = []function{
	{name: "Concat/first", in: zeros, want: "0 0 1 0 2 2 0 8 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Concat(in, slices.Values([]int{8}), slices.Values([]int{}), slices.Values([]int{0})))
	}, live: []int{0, 1, 2, 3, 4, 5, 6, 7}},
	{name: "Concat/last", in: zeros, want: "8 0 0 1 0 2 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Concat(slices.Values([]int{8}), in))
	}},
	{name: "Take", in: zeros, want: "0 0 1", takes: 3, seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Take(in, 3))
	}},
	{name: "Take/more", in: zeros, want: "0 0 1 0 2 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Take(in, 100))
	}},
	{name: "Take2", in: zeros, want: "0:0 1:0 2:1", takes: 3, seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text2(iterx.Take2(iterx.Enumerate(in), 3))
	}},
	{name: "Drop", in: zeros, want: "0 2 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Drop(in, 3))
	}},
	{name: "TakeWhile", in: zeros, want: "0 0 1 0", takes: 5, seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.TakeWhile(in, func(v int) bool { hook(); return v < 2 }))
	}},
	{name: "DropWhile", in: zeros, want: "1 0 2 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.DropWhile(in, func(v int) bool { hook(); return v == 0 }))
	}},
	{name: "Range", in: zeros, want: "0 0 1 0 0 1 0 1 0 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.FlatMap(in, func(v int) iter.Seq[int] { return iterx.Range(min(v, 1), -1, -1) }))
	}},
}

var grouping = []function{
	{name: "Chunk", in: zeros, want: "[0,0] [1,0] [2,2] [0]", live: []int{0, 0, 1, 1, 2, 2, 3, 3},
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text(iterx.Chunk(in, 2)) }},
	{name: "ChunkFunc", in: zeros, want: "[0,0] [1] [0] [2,2] [0]", live: []int{0, 0, 0, 1, 2, 3, 3, 4},
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text(iterx.ChunkFunc(in, func(a, b int) bool { hook(); return a == b }))
		}},
	{name: "Window", in: zeros, want: "[0,0,1] [0,1,0] [1,0,2] [0,2,2] [2,2,0]",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text(iterx.Window(in, 3)) }},
	{name: "Compact", in: zeros, want: "0 1 0 2 0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text(iterx.Compact(in)) }},
	{name: "CompactFunc", in: zeros, want: "0 1 0 2 0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.CompactFunc(in, func(a, b int) bool { hook(); return a == b }))
	}},
	{name: "Distinct", in: zeros, want: "0 1 2", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Take(iterx.Distinct(in, func(v int) int { hook(); return v }), 3))
	}, takes: 5},
	{name: "Distinct/all", in: zeros, want: "0 1 2", whole: true, seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.Distinct(in, func(v int) int { hook(); return v }))
	}},
	{name: "Merge/first", in: []int{0, 0, 1, 2, 2}, want: "0 0 0 1 1 2 2 3", live: []int{0, 1, 2, 4, 6, 7},
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text(iterx.Merge(in, slices.Values([]int{0, 1}), slices.Values([]int{}), slices.Values([]int{3})))
		}},
	{name: "Merge/last", in: []int{0, 0, 1, 2, 2}, want: "0 0 0 1 1 2 2 3", live: []int{0, 2, 3, 5, 6, 7},
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text(iterx.Merge(slices.Values([]int{0, 1, 3}), in))
		}},
	{name: "MergeFunc", in: []int{2, 1, 0}, want: "3 2 1 0 0", live: []int{0, 2, 3, 4},
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			descending := func(a, b int) int { hook(); return cmp.Compare(b, a) }
			return text(iterx.MergeFunc(descending, in, slices.Values([]int{3, 0})))
		}},
}

var pairing = []function{
	{name: "Enumerate", in: []int{0, 0, 5}, want: "0:0 1:0 2:5",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text2(iterx.Enumerate(in)) }},
	{name: "Zip/first", in: zeros, want: "0:0 0:1 1:2 0:3 2:4", takes: 6,
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text2(iterx.Zip(in, iterx.Range(0, 5, 1)))
		}},
	{name: "Zip/second", in: zeros, want: "0:0 1:0 2:1 3:0 4:2 5:2 6:0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text2(iterx.Zip(iterx.Range(0, 1<<30, 1), in))
		}},
	{name: "Keys", in: zeros, want: "0 1 2 3 4 5 6",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text(iterx.Keys(iterx.Enumerate(in))) }},
	{name: "Values", in: zeros, want: "0 0 1 0 2 2 0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text(iterx.Values(iterx.Enumerate(in))) }},
	{name: "ToSeq", in: zeros, want: "0 1 3 3 6 7 6", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text(iterx.ToSeq(iterx.Enumerate(in), func(k, v int) int { hook(); return k + v }))
	}},
	{name: "ToSeq2", in: []int{0, 1, 0}, want: "0:0 1:10 0:0", seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		return text2(iterx.ToSeq2(in, func(v int) (int, int) { hook(); return v, 10 * v }))
	}},
}

var ending = []function{
	{name: "Reduce", in: zeros, want: "15", whole: true, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Reduce(in, 10, func(acc, v int) int { hook(); return acc + v }))
	}},
	{name: "Sum", in: zeros, want: "5", whole: true, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Sum(in))
	}},
	{name: "First", in: []int{0, 1}, want: "0 true", takes: 1, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.First(in))
	}},
	{name: "Last", in: zeros, want: "0 true", whole: true, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Last(in))
	}},
	{name: "Count", in: zeros, want: "7", whole: true, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Count(in))
	}},
	{name: "Any", in: zeros, want: "true", takes: 3, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Any(in, func(v int) bool { hook(); return v == 1 }))
	}},
	{name: "Any/none", in: zeros, want: "false", whole: true, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Any(in, func(v int) bool { hook(); return v == 9 }))
	}},
	{name: "Every", in: zeros, want: "false", takes: 3, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Every(in, func(v int) bool { hook(); return v == 0 }))
	}},
	{name: "Every/all", in: zeros, want: "true", whole: true, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Every(in, func(v int) bool { hook(); return v < 9 }))
	}},
	{name: "GroupBy", in: zeros, want: "map[false:[1] true:[0 0 0 2 2 0]]", whole: true,
		result: func(in iter.Seq[int], hook func()) string {
			return fmt.Sprint(iterx.GroupBy(in, func(v int) bool { hook(); return v%2 == 0 }))
		}},
	{name: "Equal/first", in: zeros, want: "false", takes: 5, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Equal(in, slices.Values([]int{0, 0, 1, 0, 3, 2, 0})))
	}},
	{name: "Equal/second", in: zeros, want: "false", takes: 5, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Equal(slices.Values([]int{0, 0, 1, 0}), in))
	}},
	{name: "Equal/shorter", in: zeros, want: "false", takes: 5, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Equal(in, slices.Values([]int{0, 0, 1, 0})))
	}},
	{name: "Equal/equal", in: zeros, want: "true", whole: true, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.Equal(in, slices.Values(zeros)))
	}},
	{name: "EqualFunc", in: zeros, want: "true", whole: true, result: func(in iter.Seq[int], hook func()) string {
		squares := slices.Values([]string{"0", "0", "1", "0", "4", "4", "0"})
		return fmt.Sprint(iterx.EqualFunc(in, squares, func(v int, s string) bool { hook(); return fmt.Sprint(v*v) == s }))
	}},
}

var trying = []function{
	{name: "Ok", in: zeros, want: "0 0 1 0 2 2 0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text2(iterx.Ok(in)) }},
	{name: "FromNext", in: zeros, want: "0 0 1 0 2 2 0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text2(fromNext(in, hook)) }},
	{name: "FromNext/error", in: faulty, want: "0 1 !bad-1", takes: 3,
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text2(fromNext(in, hook)) }},
	{name: "TryMap", in: faulty, want: "1 2 !bad-1 1 !refused !bad-2 !bad-3 1 1",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text2(iterx.TryMap(failing(in), refuse(hook)))
		}},
	{name: "TryFilter", in: faulty, want: "1 !bad-1 !refused !bad-2 !bad-3",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text2(iterx.TryFilter(failing(in), func(v int) (bool, error) {
				v, err := refuse(hook)(v)
				return v != 1, err
			}))
		}},
	{name: "TryChunk", in: faulty, want: "[0,1] !bad-1 [0,2] !bad-2 !bad-3 [0,0]", live: []int{0, 0, 1, 2, 2, 3, 4, 5, 5, 6},
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text2(iterx.TryChunk(failing(in), 2)) }},
	{name: "TryChunk/partial", in: []int{0, 1, -1, 0, 0}, want: "[0,1] !bad-1 [0,0]", live: []int{0, 0, 0, 2, 2, 2},
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text2(iterx.TryChunk(failing(in), 3)) }},
	{name: "TryForEach", in: faulty, want: "bad-1", takes: 3, result: func(in iter.Seq[int], hook func()) string {
		return dense(iterx.TryForEach(failing(in), func(v int) error { _, err := refuse(hook)(v); return err }))
	}},
	{name: "TryForEach/refused", in: zeros, want: "refused", takes: 5, result: func(in iter.Seq[int], hook func()) string {
		return dense(iterx.TryForEach(failing(in), func(v int) error { _, err := refuse(hook)(v); return err }))
	}},
	{name: "TryReduce", in: faulty, want: "3 bad-1", takes: 3, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.TryReduce(failing(in), 0, add(hook)))
	}},
	{name: "TryReduce/refused", in: zeros, want: "5 refused", takes: 5, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.TryReduce(failing(in), 0, add(hook)))
	}},
	{name: "TryCollect", in: faulty, want: "[0 1] bad-1", takes: 3, result: func(in iter.Seq[int], hook func()) string {
		return fmt.Sprint(iterx.TryCollect(failing(in)))
	}},
	{name: "Catch", in: faulty, want: "0 1 0 2 !worse:bad-2 !worse:bad-3 0 0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text2(iterx.Catch(failing(in), func(err error) error {
				if hook(); err.Error() == "bad-1" {
					return nil
				}
				return fmt.Errorf("worse:%w", err)
			}))
		}},
	{name: "UntilErr", in: faulty, want: "0 1", takes: 3, seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
		values, _ := iterx.UntilErr(failing(in))
		return text(values)
	}},
	{name: "WithContext", in: faulty, want: "0 1 !bad-1 0 2 !bad-2 !bad-3 0 0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text2(iterx.WithContext(background, failing(in)))
		}},
}

var running = []function{
	{name: "Static", in: zeros, want: "0 0 1 0 2 2 0",
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] { return text2(iterx.Static(in)(background)) }},
	{name: "MapParallel", in: faulty, want: "1 2 !bad-1 1 !refused !bad-2 !bad-3 1 1", goroutines: true,
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			f := func(_ context.Context, v int) (int, error) { return refuse(nothing)(v) }
			return text2(iterx.MapParallel(background, open(failing(in)), two, f))
		}},
	{name: "MapParallelUnordered", in: faulty, want: "1 2 !bad-1 1 !refused !bad-2 !bad-3 1 1", goroutines: true, unordered: true,
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			f := func(_ context.Context, v int) (int, error) { return refuse(nothing)(v) }
			return text2(iterx.MapParallelUnordered(background, open(failing(in)), two, f))
		}},
	{name: "Prefetch", in: faulty, want: "0 1 !bad-1 0 2 !bad-2 !bad-3 0 0", goroutines: true,
		seq: func(in iter.Seq[int], hook func()) iter.Seq[string] {
			return text2(iterx.Prefetch(background, open(failing(in)), 2))
		}},
}

// fromNext reads in by next, which returns io.EOF at its end.
func fromNext(in iter.Seq[int], hook func()) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		next, stop := iter.Pull(in)
		defer stop()
		iterx.FromNext(func() (int, error) {
			hook()
			v, ok := next()
			if !ok {
				return 0, io.EOF
			}
			return v, bad(v)
		}, io.EOF)(yield)
	}
}

func add(hook func()) func(int, int) (int, error) {
	return func(acc, v int) (int, error) {
		w, err := refuse(hook)(v)
		return acc + w, err
	}
}
