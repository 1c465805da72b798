package iterx_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-go/sluice/iterx"
)

// A chain reads from the inside out: the squares of the odd numbers, the first three.
func Example() {
	odd := func(n int) bool { return n%2 == 1 }
	square := func(n int) int { return n * n }
	for n := range iterx.Take(iterx.Map(iterx.Filter(iterx.Range(0, 1000, 1), odd), square), 3) {
		fmt.Println(n)
	}
	// Output:
	// 1
	// 9
	// 25
}

func words(s string) func(func(string) bool) { return strings.FieldsSeq(s) }

func ExampleMap() {
	fmt.Println(slices.Collect(iterx.Map(words("a b c"), strings.ToUpper)))
	// Output: [A B C]
}

func ExampleFilter() {
	short := func(s string) bool { return len(s) < 4 }
	fmt.Println(slices.Collect(iterx.Filter(words("red green blue tan"), short)))
	// Output: [red tan]
}

func ExampleFilterMap() {
	number := func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil
	}
	fmt.Println(slices.Collect(iterx.FilterMap(words("1 two 3 0"), number)))
	// Output: [1 3 0]
}

func ExampleFlatMap() {
	lines := slices.Values([]string{"to be or", "not to be"})
	fmt.Println(iterx.Count(iterx.FlatMap(lines, strings.FieldsSeq)))
	// Output: 6
}

func ExampleScan() {
	payments := slices.Values([]int{100, -30, 0, -20})
	balance := iterx.Scan(payments, 10, func(sum, p int) int { return sum + p })
	fmt.Println(slices.Collect(balance))
	// Output: [110 80 80 60]
}

func ExampleTap() {
	seen := 0
	first := iterx.Take(iterx.Tap(iterx.Range(0, 100, 1), func(int) { seen++ }), 3)
	fmt.Println(iterx.Sum(first), seen)
	// Output: 3 3
}

func ExampleConcat() {
	fmt.Println(slices.Collect(iterx.Concat(words("a b"), words("c"))))
	// Output: [a b c]
}

func ExampleTake() {
	fmt.Println(slices.Collect(iterx.Take(iterx.Range(7, 1000, 1), 3)))
	// Output: [7 8 9]
}

func ExampleTake2() {
	for i, w := range iterx.Take2(slices.All([]string{"a", "b", "c"}), 2) {
		fmt.Println(i, w)
	}
	// Output:
	// 0 a
	// 1 b
}

func ExampleDrop() {
	header := words("name a b c")
	fmt.Println(slices.Collect(iterx.Drop(header, 1)))
	// Output: [a b c]
}

func ExampleTakeWhile() {
	small := func(n int) bool { return n*n < 20 }
	fmt.Println(slices.Collect(iterx.TakeWhile(iterx.Range(0, 1000, 1), small)))
	// Output: [0 1 2 3 4]
}

func ExampleDropWhile() {
	comment := func(s string) bool { return strings.HasPrefix(s, "#") }
	fmt.Println(slices.Collect(iterx.DropWhile(words("#1 #2 a #3 b"), comment)))
	// Output: [a #3 b]
}

func ExampleChunk() {
	for c := range iterx.Chunk(iterx.Range(0, 7, 1), 3) {
		fmt.Println(c)
	}
	// Output:
	// [0 1 2]
	// [3 4 5]
	// [6]
}

// Words by their first letter, as long as neighbours share it.
func ExampleChunkFunc() {
	initial := func(a, b string) bool { return a[0] == b[0] }
	for c := range iterx.ChunkFunc(words("ant ape bee cat cow ass"), initial) {
		fmt.Println(c)
	}
	// Output:
	// [ant ape]
	// [bee]
	// [cat cow]
	// [ass]
}

// A moving average.
func ExampleWindow() {
	for w := range iterx.Window(slices.Values([]int{3, 0, 3, 9}), 3) {
		fmt.Println(w, iterx.Sum(slices.Values(w))/3)
	}
	// Output:
	// [3 0 3] 2
	// [0 3 9] 4
}

func ExampleCompact() {
	fmt.Println(slices.Collect(iterx.Compact(slices.Values([]int{0, 0, 1, 1, 0}))))
	// Output: [0 1 0]
}

func ExampleCompactFunc() {
	fmt.Println(slices.Collect(iterx.CompactFunc(words("Go go GO stop"), strings.EqualFold)))
	// Output: [Go stop]
}

func ExampleDistinct() {
	fmt.Println(slices.Collect(iterx.Distinct(words("Go stop go"), strings.ToLower)))
	// Output: [Go stop]
}

func ExampleEnumerate() {
	for i, w := range iterx.Enumerate(words("a b")) {
		fmt.Println(i, w)
	}
	// Output:
	// 0 a
	// 1 b
}

func ExampleZip() {
	for n, w := range iterx.Zip(iterx.Range(1, 100, 1), words("one two")) {
		fmt.Println(n, w)
	}
	// Output:
	// 1 one
	// 2 two
}

func ExampleKeys() {
	fmt.Println(slices.Sorted(iterx.Keys(maps.All(map[string]int{"b": 2, "a": 1}))))
	// Output: [a b]
}

func ExampleValues() {
	fmt.Println(slices.Sorted(iterx.Values(maps.All(map[string]int{"b": 2, "a": 1}))))
	// Output: [1 2]
}

func ExampleToSeq() {
	pairs := slices.All([]string{"a", "b"})
	line := func(i int, s string) string { return fmt.Sprintf("%d=%s", i, s) }
	fmt.Println(slices.Collect(iterx.ToSeq(pairs, line)))
	// Output: [0=a 1=b]
}

// A map of what is known by a part of each value.
func ExampleToSeq2() {
	byLength := func(s string) (int, string) { return len(s), s }
	fmt.Println(maps.Collect(iterx.ToSeq2(words("a bb ccc"), byLength)))
	// Output: map[1:a 2:bb 3:ccc]
}

func ExampleMerge() {
	fmt.Println(slices.Collect(iterx.Merge(words("a d e"), words("b c f"))))
	// Output: [a b c d e f]
}

// Two logs by time. Of equal times the first log's come first.
func ExampleMergeFunc() {
	type event struct {
		time int
		text string
	}
	disk := []event{{1, "open"}, {5, "close"}}
	net := []event{{1, "dial"}, {3, "send"}}
	byTime := func(a, b event) int { return a.time - b.time }
	for e := range iterx.MergeFunc(byTime, slices.Values(disk), slices.Values(net)) {
		fmt.Println(e.time, e.text)
	}
	// Output:
	// 1 open
	// 1 dial
	// 3 send
	// 5 close
}

// It ends where the next number would not fit.
func ExampleRange() {
	fmt.Println(slices.Collect(iterx.Range(10, 0, -3)))
	fmt.Println(slices.Collect(iterx.Range[uint8](0, 255, 100)))
	// Output:
	// [10 7 4 1]
	// [0 100 200]
}

func ExampleReduce() {
	longest := func(best, s string) string {
		if len(s) > len(best) {
			return s
		}
		return best
	}
	fmt.Println(iterx.Reduce(words("a ccc bb"), "", longest))
	// Output: ccc
}

func ExampleSum() {
	fmt.Println(iterx.Sum(slices.Values([]float64{0.5, 0.25})))
	// Output: 0.75
}

func ExampleFirst() {
	fmt.Println(iterx.First(words("a b c")))
	// Output: a true
}

func ExampleLast() {
	last, ok := iterx.Last(words(""))
	fmt.Printf("%q %v\n", last, ok)
	// Output: "" false
}

func ExampleCount() {
	fmt.Println(iterx.Count(words("a b c")))
	// Output: 3
}

func ExampleAny() {
	fmt.Println(iterx.Any(words("a b c"), func(s string) bool { return s == "b" }))
	// Output: true
}

func ExampleEvery() {
	fmt.Println(iterx.Every(words("a b c"), func(s string) bool { return s == "b" }))
	// Output: false
}

func ExampleGroupBy() {
	length := func(s string) int { return len(s) }
	fmt.Println(iterx.GroupBy(words("a bb c dd"), length))
	// Output: map[1:[a c] 2:[bb dd]]
}

func ExampleEqual() {
	fmt.Println(iterx.Equal(iterx.Range(0, 3, 1), slices.Values([]int{0, 1, 2})))
	// Output: true
}

func ExampleEqualFunc() {
	number := func(n int, s string) bool { return strconv.Itoa(n) == s }
	fmt.Println(iterx.EqualFunc(iterx.Range(0, 3, 1), words("0 1 2 3"), number))
	// Output: false
}
