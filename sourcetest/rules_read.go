package sourcetest

import (
	"slices"

	"github.com/sluice-go/sluice"
)

func readRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "order",
		law:  "Values come in offset order, each exactly once.",
		run:  checkOrder[T],
	}, {
		name: "ways agree",
		law:  "Every way of reading gives the same values and moves the same position; they can be mixed at will.",
		run:  checkWaysAgree[T],
	}, {
		name: "backlog",
		law:  "Backlog gives what is retained when the loop starts, and does not wait for more.",
		run:  checkBacklog[T],
	}, {
		name: "lag",
		law:  "Lag is how many values were appended and not yet read.",
		run:  checkLag[T],
	}, {
		name: "lent batches",
		law:  "A lent batch does not change before the next read, whatever is appended meanwhile.",
		run:  checkLent[T],
	}, {
		name: "independent cursors",
		law:  "Cursors never disturb each other, whatever one of them does.",
		run:  checkIndependent[T],
	}}
}

func checkOrder[T any](k *trial[T]) {
	c := k.cursor(sluice.Oldest())
	for i := range int64(k.times(60)) {
		from := sluice.Offset(k.n)
		if n := k.room(i%17 + 1); i%2 == 0 {
			k.appendAll(n)
		} else {
			k.append(n)
		}
		k.read(c, from, sluice.Offset(k.n))
		k.nothing(c)
	}
	if missed := c.Missed(); missed != 0 {
		k.Fatalf("Missed() = %d, want 0", missed)
	}
}

func checkWaysAgree[T any](k *trial[T]) {
	k.append(60)
	first, next := k.retained()
	for _, w := range k.ways() {
		c := k.cursor(sluice.Oldest())
		k.readBy(w, c, first, next)
		k.nothing(c)
		c.Close()
	}
	ws := k.ways()
	for shift := range ws {
		c := k.cursor(sluice.Oldest())
		for i := 0; c.Offset() < next; i++ {
			from := c.Offset()
			k.readBy(ws[(i*7+shift)%len(ws)], c, from, min(next, from+sluice.Offset(i%4+1)))
		}
		k.nothing(c)
		c.Close()
	}
}

// readBy reads the values [from, to), and perhaps the rest of a batch, with w.
func (k *trial[T]) readBy(w way[T], c *sluice.Cursor[T], from, to sluice.Offset) {
	k.Helper()
	if from == to {
		return
	}
	got, err := w.read(k.ctx(), c, int(to-from))
	if err != nil || len(got) < int(to-from) {
		k.Fatalf("%s gave %d values from %d on, then %v, want %d, nil", w.name, len(got), from, err, to-from)
	}
	k.same(w.name, got, from)
	k.at(c, from+sluice.Offset(len(got)))
}

func checkBacklog[T any](k *trial[T]) {
	n := k.room(400) // several batches, so that a Backlog that tails gets to what is appended meanwhile
	k.append(n - n/2)
	c := k.cursor(sluice.Oldest())
	values, why := c.Backlog(k.ctx())
	var got []T
	for v := range values {
		if len(got) == 0 {
			k.append(n / 2)
		}
		got = append(got, v)
	}
	if err := why(); err != nil || int64(len(got)) != n-n/2 {
		k.Fatalf("Backlog gave %d values, %v, want %d, nil: those that were there", len(got), err, n-n/2)
	}
	k.same("Backlog", got, 0)
	k.read(c, sluice.Offset(len(got)), sluice.Offset(n))
	k.nothing(c)
	if got, err := readBacklog(k.ctx(), c, 1); len(got) != 0 || err != nil {
		k.Fatalf("Backlog gave %v, %v, want nothing", got, err)
	}
}

func checkLag[T any](k *trial[T]) {
	c := k.cursor(sluice.Oldest())
	n := k.room(5)
	for range 3 {
		for i := range n {
			k.append(1)
			if lag := c.Lag(); lag != i+1 {
				k.Fatalf("Lag() = %d after %d appends, want %d", lag, i+1, i+1)
			}
		}
		for i := range n {
			off := c.Offset()
			k.read(c, off, off+1)
			if lag := c.Lag(); lag != n-i-1 {
				k.Fatalf("Lag() = %d, want %d", lag, n-i-1)
			}
		}
		k.nothing(c)
	}
}

// checkLent compares with the values as they were appended, so that it sees a change inside of a value too.
func checkLent[T any](k *trial[T]) {
	n := k.room(40)
	k.append(n - n/2)
	c := k.cursor(sluice.Oldest())
	rounds, trims := 0, false
	for batch, err := range c.Batches(k.ctx()) {
		if err != nil {
			if _, ok := lagOf(err); ok && (k.lossy() || trims) {
				continue
			}
			k.Fatalf("Batches failed with %v, want a batch", err)
		}
		saved := slices.Clone(batch)
		k.overfill()
		from := c.Offset() - sluice.Offset(len(batch))
		k.same("a lent batch", batch, from)
		if !k.Blocking {
			trims = k.trim(c.Offset())
			k.overfill()
		}
		k.same("a lent batch", batch, from)
		k.same("the values of a lent batch", saved, from)
		if rounds++; rounds == 3 || c.Offset() == sluice.Offset(k.n) {
			return
		}
	}
	k.Fatalf("Batches stopped on an open log")
}

// overfill appends more than fits, or as much as fits if the log would wait for more.
func (k *trial[T]) overfill() {
	k.Helper()
	if k.Blocking {
		k.fill()
		return
	}
	k.append(int64(k.times(int(min(3*k.Room, 1000) + 20))))
}

func checkIndependent[T any](k *trial[T]) {
	k.append(k.room(3))
	stalled, closed, left := k.cursor(sluice.Oldest()), k.cursor(sluice.Oldest()), k.cursor(sluice.Oldest())
	c := k.cursor(sluice.Oldest())
	k.read(stalled, 0, 1)
	k.read(closed, 0, 1)
	closed.Close()
	if got, err := readChan[T](5, k.idle)(k.ctx(), left, 1); len(got) != 1 || err != nil {
		k.Fatalf("Chan gave %v, %v, want one value, nil", got, err)
	}
	k.rangeError("Seek(At(-1))", left.Seek(sluice.At(-1)), -1, 0, sluice.Offset(k.n))
	k.read(c, 0, sluice.Offset(k.n))
	k.nothing(c)
	for range 5 {
		if k.Blocking {
			k.append(max(0, min(k.Room-k.n, 3))) // what is not held back by the stalled one
		} else {
			k.append(k.room(7))
		}
		k.read(c, c.Offset(), sluice.Offset(k.n))
		k.nothing(c)
	}
	if missed := c.Missed(); missed != 0 {
		k.Fatalf("Missed() = %d, want 0", missed)
	}
	k.at(stalled, 1)
	k.at(closed, 1)
	k.at(left, 1)
	k.ended(closed, sluice.ErrClosed)
	received := int64(1)
	for stalled.Offset() < sluice.Offset(k.n) {
		v, err := stalled.Next(k.ctx())
		if _, ok := lagOf(err); ok && k.lossy() {
			continue
		}
		if off := stalled.Offset() - 1; err != nil || !k.Equal(v, k.value(off)) {
			k.Fatalf("the stalled cursor: Next() = %v, %v, want %v, nil", v, err, k.value(off))
		}
		received++
	}
	if received+stalled.Missed() != k.n {
		k.Fatalf("the stalled cursor received %d and missed %d, want together %d", received, stalled.Missed(), k.n)
	}
}
