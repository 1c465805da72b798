package sourcetest

import (
	"errors"

	"github.com/sluice-go/sluice"
)

func closeRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "close drains",
		law:  "After Close readers get everything that is retained, then the end: ErrClosed itself, and loops just stop.",
		run:  checkCloseDrains[T],
	}, {
		name: "close wakes",
		law:  "Close wakes every reader that waits.",
		run:  checkCloseWakes[T],
	}, {
		name: "close twice",
		law:  "Close is idempotent, and may be called from many goroutines.",
		run:  checkCloseTwice[T],
	}, {
		name: "append after close",
		law:  "After Close, Append and AppendAll return ErrClosed and append nothing.",
		run:  checkAppendAfterClose[T],
	}, {
		name: "open after close",
		law:  "A cursor that is opened after Close reads from its position what is retained, then the end.",
		run:  checkOpenAfterClose[T],
	}, {
		name: "close with error",
		law: "After CloseWithError(err) readers, waiting and late ones too, get what is retained and then err, the first one " +
			"given; it stays the end. Append returns ErrClosed.",
		run: checkCloseWithError[T],
	}, {
		name: "close with a gap",
		law:  "If the error of CloseWithError is a *LagError itself, readers do not take it for a gap of the log.",
		run:  checkCloseWithGap[T],
	}, {
		name: "cursor close",
		law:  "Cursor.Close is idempotent; every later read and Seek returns ErrClosed, and the log goes on.",
		run:  checkCursorClose[T],
	}, {
		name: "cursor close wakes",
		law:  "Cursor.Close, from any goroutine, wakes the reader that waits, and no other.",
		run:  checkCursorCloseWakes[T],
	}}
}

// drained checks that c reads [from, next) with w and then the end, want.
func (k *trial[T]) drained(w way[T], c *sluice.Cursor[T], from sluice.Offset, want error) {
	k.Helper()
	next := sluice.Offset(k.n)
	var got []T
	for {
		vs, err := w.read(k.ctx(), c, 1000)
		got = append(got, vs...)
		if err == nil && len(vs) > 0 {
			continue
		}
		if w.name == "Backlog" && want == sluice.ErrClosed {
			want = nil // that is how it ends
		}
		if len(got) != int(next-from) || !isEnd(err, want) {
			k.Fatalf("%s gave %d values from %d on, then %v, want %d, %v", w.name, len(got), from, err, next-from, want)
		}
		k.same(w.name, got, from)
		k.at(c, next)
		return
	}
}

func checkCloseDrains[T any](k *trial[T]) {
	n := k.room(20)
	k.append(n)
	ws := k.ways()
	var cursors []*sluice.Cursor[T]
	for i := range ws {
		c := k.cursor(sluice.Oldest())
		k.read(c, 0, min(sluice.Offset(i), sluice.Offset(n)))
		cursors = append(cursors, c)
	}
	if err := k.log.Close(); err != nil {
		k.Fatalf("Close() = %v, want nil", err)
	}
	for i, c := range cursors {
		k.drained(ws[i], c, min(sluice.Offset(i), sluice.Offset(n)), sluice.ErrClosed)
		k.ended(c, sluice.ErrClosed)
	}
}

func checkCloseWakes[T any](k *trial[T]) {
	k.append(k.room(3))
	next := sluice.Offset(k.n)
	var waits []func()
	for _, w := range append(k.waitingWays(), k.waitingWays()...) {
		c := k.cursor(sluice.Newest())
		waits = append(waits, k.start(func() { k.drained(w, c, next, sluice.ErrClosed) }))
	}
	k.idle()
	k.log.Close()
	all(waits)
}

func checkCloseTwice[T any](k *trial[T]) {
	k.overlap()
	k.append(1)
	c := k.cursor(sluice.Oldest())
	var waits []func()
	for range 4 {
		waits = append(waits, k.start(func() {
			if err := k.log.Close(); err != nil {
				k.Fatalf("Close() = %v, want nil", err)
			}
		}))
	}
	all(waits)
	if err := k.log.Close(); err != nil {
		k.Fatalf("Close() = %v the second time, want nil", err)
	}
	k.read(c, 0, 1)
	k.ended(c, sluice.ErrClosed)
}

// refuses checks that nothing can be appended to the closed log.
func (k *trial[T]) refuses() {
	k.Helper()
	for range 2 {
		if off, err := k.log.Append(k.ctx(), k.Value(k.n)); err != sluice.ErrClosed {
			k.Fatalf("Append() = %v, %v, want ErrClosed", off, err)
		}
		if off, err := k.log.AppendAll(k.ctx(), k.valuesFrom(k.n, k.room(2))); err != sluice.ErrClosed {
			k.Fatalf("AppendAll() = %v, %v, want ErrClosed", off, err)
		}
	}
	k.bounds()
}

func checkAppendAfterClose[T any](k *trial[T]) {
	n := k.room(3)
	k.append(n)
	c := k.cursor(sluice.Oldest())
	k.log.Close()
	k.refuses()
	k.read(c, 0, sluice.Offset(n))
	k.ended(c, sluice.ErrClosed)
	k.refuses()
}

func checkOpenAfterClose[T any](k *trial[T]) {
	k.append(20)
	first, next := k.retained()
	k.log.Close()
	for _, w := range k.ways() {
		k.drained(w, k.cursor(sluice.Oldest()), first, sluice.ErrClosed)
		k.drained(w, k.cursor(sluice.Newest()), next, sluice.ErrClosed)
		k.drained(w, k.cursor(sluice.Last(1)), next-1, sluice.ErrClosed)
		k.drained(w, k.cursor(sluice.At(next)), next, sluice.ErrClosed)
	}
	c := k.cursor(sluice.At(next + 1))
	_, err := c.Next(k.ctx())
	k.rangeError("Next()", err, next+1, first, next)
	if err := c.Seek(sluice.Oldest()); err != nil {
		k.Fatalf("Seek(Oldest()) = %v, want nil", err)
	}
	k.read(c, first, next)
	k.ended(c, sluice.ErrClosed)
	if err := c.Seek(sluice.At(next - 1)); err != nil {
		k.Fatalf("Seek(At(%d)) = %v at the end, want nil", next-1, err)
	}
	k.read(c, next-1, next)
	k.ended(c, sluice.ErrClosed)
}

func checkCloseWithError[T any](k *trial[T]) {
	log, ok := k.log.(errorCloser)
	if !ok {
		k.Skip("the log has no CloseWithError")
	}
	want := errWriter
	n := k.room(20)
	k.append(n)
	ws := k.ways()
	var cursors []*sluice.Cursor[T]
	for range ws {
		cursors = append(cursors, k.cursor(sluice.Oldest()))
	}
	var waits []func()
	for _, w := range k.waitingWays() {
		c := k.cursor(sluice.Newest())
		waits = append(waits, k.start(func() { k.drained(w, c, sluice.Offset(n), want) }))
	}
	k.idle()
	for _, err := range []error{want, errors.New("sourcetest: too late"), nil} {
		if err := log.CloseWithError(err); err != nil {
			k.Fatalf("CloseWithError() = %v, want nil", err)
		}
	}
	k.log.Close() // changes nothing
	all(waits)
	for i, w := range ws {
		k.drained(w, cursors[i], 0, want)
		k.ended(cursors[i], want)
		late := k.cursor(sluice.Oldest())
		k.drained(w, late, 0, want)
		k.ended(late, want)
	}
	for _, w := range walks[T]() {
		failed := 0
		w.run(k.ctx(), k.cursor(sluice.Newest()), func(_ []T, err error) bool {
			if err != nil {
				failed++
			}
			return failed < 2
		})
		if failed != 1 {
			k.Fatalf("%s gave the error %d times, want once, last", w.name, failed)
		}
	}
	k.refuses()
}

func checkCloseWithGap[T any](k *trial[T]) {
	log, ok := k.log.(errorCloser)
	if !ok {
		k.Skip("the log has no CloseWithError")
	}
	want := &sluice.LagError{From: 0, To: 5}
	k.append(1)
	c := k.cursor(sluice.Oldest())
	if err := log.CloseWithError(want); err != nil {
		k.Fatalf("CloseWithError() = %v, want nil", err)
	}
	k.read(c, 0, 1)
	for range 2 {
		v, err := c.Next(k.ctx())
		var lag *sluice.LagError
		if err == error(want) || !errors.As(err, &lag) || lag != want {
			k.Fatalf("Next() = %v, %v (%T), want an error that wraps %v", v, err, err, want)
		}
		k.at(c, 1)
		if missed := c.Missed(); missed != 0 {
			k.Fatalf("Missed() = %d, want 0", missed)
		}
	}
}

func checkCursorClose[T any](k *trial[T]) {
	n := k.room(5)
	k.append(n)
	c, other := k.cursor(sluice.Oldest()), k.cursor(sluice.Oldest())
	k.read(c, 0, 1)
	for range 2 {
		if err := c.Close(); err != nil {
			k.Fatalf("Close() = %v, want nil", err)
		}
		for _, w := range k.ways() {
			want := sluice.ErrClosed
			if w.name == "Backlog" {
				want = nil
			}
			if got, err := w.read(k.ctx(), c, 1); len(got) != 0 || err != want {
				k.Fatalf("%s gave %v, %v on a closed cursor, want nothing and %v", w.name, got, err, want)
			}
		}
		for _, p := range []sluice.Position{sluice.Oldest(), sluice.At(-1)} {
			if err := c.Seek(p); err != sluice.ErrClosed {
				k.Fatalf("Seek(%v) = %v on a closed cursor, want ErrClosed", p, err)
			}
		}
	}
	k.at(c, 1)
	k.read(other, 0, sluice.Offset(n))
	k.nothing(other)
	k.append(1)
	k.read(other, sluice.Offset(n), sluice.Offset(n)+1)
}

func checkCursorCloseWakes[T any](k *trial[T]) {
	for _, w := range k.waitingWays() {
		off := sluice.Offset(k.n)
		c, other := k.cursor(sluice.Newest()), k.cursor(sluice.Newest())
		wait := k.start(func() { k.drained(w, c, off, sluice.ErrClosed) })
		waitOther := k.start(func() { k.read(other, off, off+1) })
		k.idle()
		c.Close()
		wait()
		k.append(1)
		waitOther()
		other.Close()
	}
}
