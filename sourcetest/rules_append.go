package sourcetest

import (
	"runtime"
	"slices"

	"github.com/sluice-go/sluice"
)

func appendRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "empty",
		law:  "An empty log has the bounds 0, 0 and nothing to read at any position, and AppendAll of nothing appends nothing.",
		run:  checkEmpty[T],
	}, {
		name: "offsets",
		law: "The value appended n-th has offset n, from 0: Append returns it, AppendAll takes consecutive ones and returns " +
			"the first.",
		run: checkOffsets[T],
	}, {
		name: "bounds",
		law:  "first <= next at every moment, and neither ever decreases.",
		run:  checkBounds[T],
	}, {
		name: "caller's slice",
		law:  "AppendAll does not keep the slice: the caller may use it again.",
		run:  checkCallersSlice[T],
	}}
}

func checkEmpty[T any](k *trial[T]) {
	for range 2 {
		if first, next := k.log.Bounds(); first != 0 || next != 0 {
			k.Fatalf("Bounds() = %d, %d, want 0, 0", first, next)
		}
		for _, p := range []sluice.Position{sluice.Oldest(), sluice.Newest(), sluice.At(0), sluice.Last(0), sluice.Last(3)} {
			c := k.cursor(p)
			k.nothing(c)
			k.at(c, 0)
			if got, err := readBacklog(k.ctx(), c, 1); len(got) != 0 || err != nil {
				k.Fatalf("at %v: Backlog() gave %v, %v, want nothing", p, got, err)
			}
			if lag, missed := c.Lag(), c.Missed(); lag != 0 || missed != 0 {
				k.Fatalf("at %v: Lag() = %d, Missed() = %d, want 0, 0", p, lag, missed)
			}
		}
		k.appendAll(0)
	}
}

func checkOffsets[T any](k *trial[T]) {
	for i := range int64(k.times(20)) {
		k.append(i % 3)
		k.appendAll(k.room(i % 5))
		k.retained()
	}
	first, next := k.retained()
	c := k.cursor(sluice.At(first))
	k.at(c, first)
	k.read(c, first, next)
	k.nothing(c)
}

func checkBounds[T any](k *trial[T]) {
	const looks = 20
	rounds := make(chan struct{}, 1)
	watch := k.start(func() { // it does not run on its own: a bubble in which something runs never ends
		look := k.watchBounds()
		for range rounds {
			for range looks {
				look()
				runtime.Gosched()
			}
		}
	})
	look := k.watchBounds()
	for range k.times(50) {
		rounds <- struct{}{}
		k.append(3)
		look()
		k.appendAll(k.room(2))
		k.retained()
		look()
	}
	first, next := k.bounds()
	if k.trim(next - (next-first)/2) {
		look()
	}
	rounds <- struct{}{}
	if err := k.log.Close(); err != nil {
		k.Fatalf("Close() = %v, want nil", err)
	}
	look()
	k.bounds()
	close(rounds)
	watch()
}

// watchBounds returns a function that compares the bounds with those it saw the last time.
func (k *trial[T]) watchBounds() (look func()) {
	var wasFirst, wasNext sluice.Offset
	return func() {
		k.Helper()
		first, next := k.log.Bounds()
		if first > next || first < wasFirst || next < wasNext {
			k.Fatalf("Bounds() = %d, %d after %d, %d", first, next, wasFirst, wasNext)
		}
		wasFirst, wasNext = first, next
	}
}

func checkCallersSlice[T any](k *trial[T]) {
	n := k.room(10)
	vs := k.valuesFrom(0, n)
	if off, err := k.log.AppendAll(k.ctx(), vs); err != nil || off != 0 {
		k.Fatalf("AppendAll() = %v, %v, want 0, nil", off, err)
	}
	k.n = n
	if !slices.EqualFunc(vs, k.valuesFrom(0, n), k.Equal) {
		k.Fatalf("AppendAll changed the slice to %v", vs)
	}
	for i := range vs {
		vs[i] = k.Value(1000 + int64(i))
	}
	k.read(k.cursor(sluice.Last(n)), 0, sluice.Offset(n))
}
