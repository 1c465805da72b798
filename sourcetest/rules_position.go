package sourcetest

import (
	"github.com/sluice-go/sluice"
)

func positionRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "late join",
		law:  "A cursor that comes late, at Oldest, replays everything that is retained, then follows.",
		run:  checkLateJoin[T],
	}, {
		name: "newest",
		law:  "A cursor at Newest reads every value that is appended after it was opened, and none from before.",
		run:  checkNewest[T],
	}, {
		name: "at",
		law:  "A cursor At(off) starts with the value at off, also off = next: it resumes where another one stood.",
		run:  checkAt[T],
	}, {
		name: "last",
		law:  "A cursor at Last(n) starts with the n newest retained values, or all if there are fewer.",
		run:  checkLast[T],
	}, {
		name: "seek",
		law:  "Seek moves the cursor to any position, forth and back, and does not change Missed.",
		run:  checkSeek[T],
	}, {
		name: "range errors",
		law: "At a position that is negative or beyond the end every read is a *RangeError with the bounds of that moment, " +
			"the first one too, until a Seek succeeds.",
		run: checkRangeErrors[T],
	}, {
		name: "failed seek",
		law:  "A Seek that fails returns a *RangeError and leaves the cursor where it was.",
		run:  checkFailedSeek[T],
	}, {
		name: "old position",
		law:  "At(off) of a value that is no longer retained is a position: the first read is the gap from off to the oldest value.",
		run:  checkOldPosition[T],
	}}
}

func checkLateJoin[T any](k *trial[T]) {
	k.append(50)
	first, next := k.retained()
	for range 2 {
		c := k.cursor(sluice.Oldest())
		k.at(c, first)
		k.read(c, first, next)
		k.nothing(c)
		k.append(1)
		k.read(c, next, next+1)
		k.nothing(c)
		c.Close()
		first, next = k.retained()
	}
}

func checkNewest[T any](k *trial[T]) {
	for i := range 4 {
		next := sluice.Offset(k.n)
		c := k.cursor(sluice.Newest())
		k.at(c, next)
		if i%2 == 0 {
			k.nothing(c) // otherwise the first read comes behind the appends
		}
		n := k.room(5)
		k.append(n)
		k.read(c, next, next+sluice.Offset(n))
		k.nothing(c)
		c.Close()
	}
}

func checkAt[T any](k *trial[T]) {
	k.append(20)
	first, next := k.retained()
	for off := first; off <= next; off++ {
		c := k.cursor(sluice.At(off))
		k.at(c, off)
		k.read(c, off, next)
		k.nothing(c)
		c.Close()
	}
	c := k.cursor(sluice.At(next))
	k.append(1)
	k.read(c, next, next+1)
}

func checkLast[T any](k *trial[T]) {
	k.append(20)
	first, next := k.retained()
	for n := range int64(next-first) + 3 {
		from := max(first, next-sluice.Offset(n))
		c := k.cursor(sluice.Last(n))
		k.at(c, from)
		k.read(c, from, next)
		k.nothing(c)
		c.Close()
	}
}

func checkSeek[T any](k *trial[T]) {
	k.append(20)
	first, next := k.retained()
	c := k.cursor(sluice.Newest())
	seek := func(p sluice.Position, to sluice.Offset) {
		k.Helper()
		if err := c.Seek(p); err != nil {
			k.Fatalf("Seek(%v) = %v, want nil", p, err)
		}
		k.at(c, to)
		if missed := c.Missed(); missed != 0 {
			k.Fatalf("Missed() = %d after Seek(%v), want 0", missed, p)
		}
		k.read(c, to, min(to+2, next))
	}
	seek(sluice.Oldest(), first)
	seek(sluice.Newest(), next)
	seek(sluice.At(first), first)
	seek(sluice.Last(1), max(first, next-1))
	for off := next; off >= first; off-- {
		seek(sluice.At(off), off)
	}
	seek(sluice.Newest(), next)
	k.nothing(c)
	k.append(1)
	k.read(c, next, next+1)
	k.nothing(c)
}

// rangeError checks that err is the one for off in a log with these bounds.
func (k *trial[T]) rangeError(what string, err error, off, first, next sluice.Offset) {
	k.Helper()
	want := sluice.RangeError{Offset: off, First: first, Next: next}
	if e, ok := err.(*sluice.RangeError); !ok || *e != want {
		k.Fatalf("%s = %v, want a *RangeError with %+v", what, err, want)
	}
}

func checkRangeErrors[T any](k *trial[T]) {
	k.append(20)
	for _, wrong := range []struct {
		offset   sluice.Offset // of the error; 0: one beyond the end
		position func(next sluice.Offset) sluice.Position
	}{
		{0, func(next sluice.Offset) sluice.Position { return sluice.At(next + 1) }},
		{-1, func(sluice.Offset) sluice.Position { return sluice.At(-1) }},
		{-2, func(sluice.Offset) sluice.Position { return sluice.Last(-2) }},
	} {
		first, next := k.retained()
		if wrong.offset == 0 {
			wrong.offset = next + 1
		}
		c := k.cursor(wrong.position(next))
		for i := range 2 {
			_, ok, err := c.TryNext()
			if ok {
				err = nil
			}
			k.rangeError("TryNext()", err, wrong.offset, first, next)
			_, err = c.Next(k.ctx())
			k.rangeError("Next()", err, wrong.offset, first, next)
			_, err = readAll(k.ctx(), c, 1)
			k.rangeError("the error of All", err, wrong.offset, first, next)
			_, err = readBacklog(k.ctx(), c, 1)
			k.rangeError("the error of Backlog", err, wrong.offset, first, next)
			if i == 0 {
				k.append(1) // the position exists now, but that repairs nothing
			}
		}
		if err := c.Seek(sluice.Oldest()); err != nil {
			k.Fatalf("Seek(Oldest()) = %v, want nil", err)
		}
		first, next = k.retained()
		k.read(c, first, next)
		k.nothing(c)
		c.Close()
	}
}

func checkFailedSeek[T any](k *trial[T]) {
	k.append(20)
	first, next := k.retained()
	c := k.cursor(sluice.Oldest())
	for off := first; ; off++ {
		k.rangeError("Seek(At(next+1))", c.Seek(sluice.At(next+1)), next+1, first, next)
		k.rangeError("Seek(At(-1))", c.Seek(sluice.At(-1)), -1, first, next)
		k.rangeError("Seek(Last(-1))", c.Seek(sluice.Last(-1)), -1, first, next)
		k.at(c, off)
		if off == next {
			break
		}
		k.read(c, off, off+1)
	}
	k.nothing(c)
}

func checkOldPosition[T any](k *trial[T]) {
	old := sluice.Offset(k.n)
	k.append(20)
	if !k.dropPast(old + 2) {
		k.Skip("the log drops nothing")
	}
	first, _ := k.bounds()
	for off := old; off < first; off += (first-off)/2 + 1 {
		c := k.cursor(sluice.At(off))
		k.at(c, off)
		k.gap(c, off)
		_, next := k.bounds()
		k.read(c, first, next)
		k.nothing(c)
		c.Close()
	}
}
