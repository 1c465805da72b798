package sourcetest

import (
	"errors"

	"github.com/sluice-go/sluice"
)

func gapRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "gaps are exact",
		law: "Values that were dropped before a cursor read them are one *LagError: From is where the cursor was, " +
			"To the oldest retained value, which is read next; Missed grows by To - From.",
		run: checkGapsExact[T],
	}, {
		name: "gaps are not final",
		law:  "A gap is never final: the loop goes on behind it if the body does.",
		run:  checkGapsNotFinal[T],
	}, {
		name: "gaps are counted",
		law:  "Received + missed values are all that the cursor has passed, at every moment.",
		run:  checkGapsCounted[T],
	}, {
		name: "skipped gaps",
		law:  "After SkipGaps a gap is no error, but counted in Missed all the same.",
		run:  checkSkippedGaps[T],
	}}
}

// dropPast makes the log drop the value at off and those before it, and reports whether that was possible: by a Trim or,
// unless the log holds the writer back for a cursor, by appending.
func (k *trial[T]) dropPast(off sluice.Offset) bool {
	k.Helper()
	gone := func() bool { first, _ := k.bounds(); return first > off }
	n := max(1, int64(off)+1+k.Room-k.n) // enough if it retains no more than Room
	if k.Room == 0 && int64(off) < k.n {
		n = 0
	}
	k.append(n)
	for n = k.Room + 10_000; k.Room > 0 && !gone() && n > 0; n -= k.Room/8 + 1 {
		k.append(k.Room/8 + 1)
	}
	if !gone() {
		k.trim(off + 1)
	}
	return gone()
}

// overtake is dropPast for rules with an open cursor that stands at off or before it. Something is left to read.
func (k *trial[T]) overtake(off sluice.Offset) {
	k.Helper()
	if k.Blocking {
		k.Skip("the log does not drop what an open cursor has not read")
	}
	if !k.dropPast(off) {
		k.Skip("the log drops nothing")
	}
	if first, next := k.bounds(); first == next {
		k.append(1) // so that there is something behind the gap
	}
}

// gap reads a gap that starts at from, and checks everything about it.
func (k *trial[T]) gap(c *sluice.Cursor[T], from sluice.Offset) {
	k.Helper()
	missed := c.Missed()
	first, _ := k.bounds()
	v, err := c.Next(k.ctx())
	lag, ok := lagOf(err)
	if !ok || lag.From != from || lag.To != first {
		k.Fatalf("Next() = %v, %v (%T), want a *LagError from %d to %d", v, err, err, from, first)
	}
	k.at(c, lag.To)
	if got, want := c.Missed(), missed+lag.Missed(); got != want {
		k.Fatalf("Missed() = %d, want %d", got, want)
	}
}

func checkGapsExact[T any](k *trial[T]) {
	c := k.cursor(sluice.Oldest())
	for _, n := range []sluice.Offset{1, 2, 30} {
		from := c.Offset()
		k.overtake(from + n - 1)
		k.gap(c, from)
		_, next := k.bounds()
		k.read(c, c.Offset(), next)
		k.nothing(c)
	}
}

func checkGapsNotFinal[T any](k *trial[T]) {
	c := k.cursor(sluice.Oldest())
	k.overtake(0)
	gaps := 0
	want := sluice.Offset(0) // the offset of the next value
	for e, err := range c.Entries(k.ctx()) {
		if lag, ok := lagOf(err); ok && lag.From == want {
			gaps++
			want = lag.To
			continue
		}
		if err != nil || e.Offset != want || !k.Equal(e.Value, k.value(want)) {
			k.Fatalf("after %d gaps: Entries gave %v, %v, want %v, nil", gaps, e, err, sluice.Entry[T]{Offset: want, Value: k.value(want)})
		}
		want++
		if gaps == 3 {
			return
		}
		// What was lent already will still be read; behind that there is a gap again.
		_, next := k.bounds()
		k.overtake(next)
	}
	k.Fatalf("the loop stopped after %d gaps, at %d, on an open log", gaps, want)
}

func checkGapsCounted[T any](k *trial[T]) {
	n := 2 + k.Room/16
	for _, w := range k.ways() {
		k.overtake(sluice.Offset(k.n)) // so that the cursors do not start at 0
		c := k.cursor(sluice.Oldest())
		start, received := c.Offset(), int64(0)
		for i := range sluice.Offset(k.times(6)) {
			k.overtake(c.Offset() + i%3)
			for _, next := k.bounds(); c.Offset() < next; {
				missed := c.Missed()
				got, err := w.read(k.ctx(), c, int(n))
				if len(got) == 0 && err == nil {
					k.Fatalf("%s gave nothing at %d, want the values up to %d", w.name, c.Offset(), next)
				}
				if _, ok := lagOf(err); err != nil && !ok {
					k.Fatalf("%s failed with %v, want only gaps", w.name, err)
				}
				received += int64(len(got))
				if passed := int64(c.Offset() - start); received+c.Missed() != passed {
					k.Fatalf("%s: received %d, missed %d (%d just now), but passed %d", w.name, received, c.Missed(), c.Missed()-missed, passed)
				}
				if _, next := k.bounds(); w.waits && int64(next-c.Offset()) < n {
					break
				}
			}
		}
		c.Close()
	}
}

func checkSkippedGaps[T any](k *trial[T]) {
	c := k.cursor(sluice.Oldest())
	if c.SkipGaps() != c {
		k.Fatalf("SkipGaps() returned another cursor")
	}
	for range 3 {
		from, missed := c.Offset(), c.Missed()
		k.overtake(from)
		first, next := k.bounds()
		v, err := c.Next(k.ctx())
		if err != nil || !k.Equal(v, k.value(first)) {
			k.Fatalf("Next() = %v, %v, want %v, nil: the oldest value", v, err, k.value(first))
		}
		k.at(c, first+1)
		if got, want := c.Missed(), missed+int64(first-from); got != want {
			k.Fatalf("Missed() = %d, want %d", got, want)
		}
		k.read(c, first+1, next)
		k.nothing(c)
	}
}

// lagOf returns err as a gap of values that were dropped: a *LagError, or another Gap that is one to errors.As.
func lagOf(err error) (lag *sluice.LagError, ok bool) {
	if _, gap := err.(sluice.Gap); !gap {
		return nil, false
	}
	ok = errors.As(err, &lag)
	return lag, ok
}
