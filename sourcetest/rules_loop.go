package sourcetest

import (
	"context"
	"errors"

	"github.com/sluice-go/sluice"
)

func loopRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "break",
		law:  "A break leaves the cursor after the last value that the body saw; ranging again goes on there.",
		run:  checkBreak[T],
	}, {
		name: "panic",
		law:  "A panic in the body leaves the cursor after the last value that the body saw, and usable.",
		run:  checkPanic[T],
	}, {
		name: "errors are last",
		law:  "An error that is not a gap is yielded once, last, with no value; a new loop gets it again if it still holds.",
		run:  checkErrorsLast[T],
	}, {
		name: "done context",
		law:  "If ctx is done already a read returns context.Cause(ctx), even if there are values, and the cursor does not move.",
		run:  checkDoneContext[T],
	}}
}

func checkBreak[T any](k *trial[T]) {
	k.append(70)
	first, next := k.retained()
	for _, w := range k.ways() {
		for _, n := range []sluice.Offset{1, 3, 17} {
			c := k.cursor(sluice.Oldest())
			for from := first; from < next; from = c.Offset() {
				k.readBy(w, c, from, min(from+n, next))
			}
			k.nothing(c)
			c.Close()
		}
	}
}

// A walk runs a loop over c, and calls body with the values that each turn sees, until the end or an error.
type walk[T any] struct {
	name string
	run  func(ctx context.Context, c *sluice.Cursor[T], body func([]T, error) bool)
}

// walks are the loops whose body gets the errors too.
func walks[T any]() []walk[T] {
	return []walk[T]{{"All", func(ctx context.Context, c *sluice.Cursor[T], body func([]T, error) bool) {
		for v, err := range c.All(ctx) {
			if !body([]T{v}, err) {
				return
			}
		}
	}}, {"Entries", func(ctx context.Context, c *sluice.Cursor[T], body func([]T, error) bool) {
		for e, err := range c.Entries(ctx) {
			if !body([]T{e.Value}, err) {
				return
			}
		}
	}}, {"Batches", func(ctx context.Context, c *sluice.Cursor[T], body func([]T, error) bool) {
		for batch, err := range c.Batches(ctx) {
			if !body(batch, err) {
				return
			}
		}
	}}}
}

// quietWalks are the loops that tell the error behind the loop.
func quietWalks[T any]() []walk[T] {
	return []walk[T]{{"Values", func(ctx context.Context, c *sluice.Cursor[T], body func([]T, error) bool) {
		values, _ := c.Values(ctx)
		for v := range values {
			if !body([]T{v}, nil) {
				return
			}
		}
	}}, {"Backlog", func(ctx context.Context, c *sluice.Cursor[T], body func([]T, error) bool) {
		values, _ := c.Backlog(ctx)
		for v := range values {
			if !body([]T{v}, nil) {
				return
			}
		}
	}}}
}

func checkPanic[T any](k *trial[T]) {
	k.append(40)
	first, next := k.retained()
	surprise := errors.New("sourcetest: a panic in the body")
	for _, w := range append(walks[T](), quietWalks[T]()...) {
		c := k.cursor(sluice.Oldest())
		for seen := first; seen < next; {
			turns := 0
			func() {
				defer func() {
					if p := recover(); p != any(surprise) {
						k.Fatalf("%s: recover() = %v, want %v", w.name, p, surprise)
					}
				}()
				w.run(k.ctx(), c, func(got []T, err error) bool {
					if err != nil {
						k.Fatalf("%s failed with %v, want a value", w.name, err)
					}
					k.same(w.name, got, seen)
					seen += sluice.Offset(len(got))
					if turns++; turns == 3 || seen == next {
						panic(surprise)
					}
					return true
				})
			}()
			k.at(c, seen)
		}
		k.nothing(c)
		c.Close()
	}
}

func checkErrorsLast[T any](k *trial[T]) {
	cause := errors.New("sourcetest: the cause")
	k.append(k.room(20))
	for _, w := range walks[T]() {
		c := k.cursor(sluice.Oldest())
		seen := 0
		for range 2 {
			ctx, cancel := context.WithCancelCause(k.ctx())
			defer cancel(nil)
			failed := 0
			w.run(ctx, c, func(got []T, err error) bool {
				switch {
				case failed > 0:
					k.Fatalf("%s went on behind %v", w.name, cause)
				case err == nil:
					seen += len(got)
				case err == cause:
					failed++
				default:
					k.Fatalf("%s gave %v, want %v", w.name, err, cause)
				}
				cancel(cause)
				return true
			})
			if failed != 1 {
				k.Fatalf("%s gave the cause of its context %d times, want once", w.name, failed)
			}
			k.at(c, sluice.Offset(seen))
			if seen == int(k.n) {
				break // a new loop would wait
			}
		}
		k.read(c, sluice.Offset(seen), sluice.Offset(k.n))
		k.nothing(c)
		c.Close()
	}
}

func checkDoneContext[T any](k *trial[T]) {
	k.append(k.room(20))
	cause := errors.New("sourcetest: the cause")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	for _, w := range k.ways() {
		if w.name == "TryNext" || w.name == "TryBatch" {
			continue // it takes no context
		}
		c := k.cursor(sluice.Oldest())
		for off := range sluice.Offset(3) {
			if got, err := w.read(ctx, c, 1); len(got) != 0 || err != cause {
				k.Fatalf("%s gave %v, %v, want nothing and %v", w.name, got, err, cause)
			}
			k.at(c, off)
			if off == sluice.Offset(k.n) {
				break
			}
			k.read(c, off, off+1)
		}
		k.read(c, c.Offset(), sluice.Offset(k.n))
		k.nothing(c)
		c.Close()
	}
}
