package sourcetest

import (
	"context"
	"errors"
	"runtime"

	"github.com/sluice-go/sluice"
)

func waitRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "wakes all",
		law:  "An append wakes every reader that waits.",
		run:  checkWakesAll[T],
	}, {
		name: "no lost wake-up",
		law:  "A reader that starts to wait while a value is appended gets it: no wake-up is ever lost.",
		run:  checkNoLostWakeUp[T],
	}, {
		name: "cancel",
		law: "When ctx is done a read that waits returns context.Cause(ctx); the cursor does not move, nothing is lost, and " +
			"other readers go on waiting.",
		run: checkCancel[T],
	}}
}

func checkWakesAll[T any](k *trial[T]) {
	const readers = 15
	var cursors []*sluice.Cursor[T]
	for range readers {
		cursors = append(cursors, k.cursor(sluice.Newest()))
	}
	for round := range 4 {
		from := sluice.Offset(k.n)
		n := int64(1)
		if round%2 == 1 {
			n = k.room(3)
		}
		var waits []func()
		for _, c := range cursors {
			waits = append(waits, k.start(func() { k.read(c, from, from+sluice.Offset(n)) }))
		}
		k.idle()
		k.appendAll(n)
		all(waits)
	}
}

// checkNoLostWakeUp appends one value at a time and waits until the readers have it: when they surely sleep, when they
// may be about to, and when they can't.
func checkNoLostWakeUp[T any](k *trial[T]) {
	const readers = 2
	rounds := k.times(200)
	ctx := k.ctx()
	seen := make(chan struct{}, readers)
	var waits []func()
	for range readers {
		c := k.cursor(sluice.Newest())
		waits = append(waits, k.start(func() {
			for off := range sluice.Offset(rounds) {
				v, err := c.Next(ctx)
				if err != nil || !k.Equal(v, k.value(off)) {
					k.Fatalf("round %d: Next() = %v, %v, want %v, nil", off, v, err, k.value(off))
				}
				seen <- struct{}{}
			}
		}))
	}
	for i := range rounds {
		switch i % 4 {
		case 0:
			k.idle()
		case 1:
			runtime.Gosched()
		}
		if off, err := k.log.Append(ctx, k.Value(k.n)); err != nil || int64(off) != k.n {
			k.Fatalf("round %d: Append() = %v, %v, want %v, nil", i, off, err, k.n)
		}
		k.n++
		for range readers {
			select {
			case <-seen:
			case <-ctx.Done():
				all(waits)
			}
		}
	}
	all(waits)
}

func checkCancel[T any](k *trial[T]) {
	cause := errors.New("sourcetest: the cause")
	for _, w := range k.waitingWays() {
		off := sluice.Offset(k.n)
		c, other := k.cursor(sluice.Newest()), k.cursor(sluice.Newest())
		ctx, cancel := context.WithCancelCause(k.ctx())
		defer cancel(nil)
		wait := k.start(func() {
			if got, err := w.read(ctx, c, 1); len(got) != 0 || err != cause {
				k.Fatalf("%s gave %v, %v, want nothing and %v", w.name, got, err, cause)
			}
		})
		waitOther := k.start(func() { k.read(other, off, off+1) })
		k.idle()
		cancel(cause)
		wait()
		k.at(c, off)
		k.append(1)
		k.read(c, off, off+1)
		k.nothing(c)
		waitOther()
		c.Close()
		other.Close()
	}
}
