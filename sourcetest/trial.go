package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/spawn"
)

// patience is how long a rule waits for what must happen. In a bubble it passes as soon as nothing else can.
const patience = 30 * time.Second

var errPatience = fmt.Errorf("sourcetest: waited for %v", patience)

// A trial is one run of one rule: a log, how many values it was given, and the checks that rules are made of. The value at
// each offset is Value(offset), so that what must be read is always known.
type trial[T any] struct {
	testing.TB
	Config[T]

	log    sluice.Log[T]
	n      int64      // appended
	outer  testing.TB // outside of the bubble
	bubble bool       // this is one
}

func (k *trial[T]) open() {
	k.log = k.New(k.TB)
	if k.log == nil {
		k.Fatalf("Config.New() = nil, want a log")
	}
	k.Cleanup(func() { k.log.Close() })
}

// ctx returns a context that ends when patience does.
func (k *trial[T]) ctx() context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errPatience)
	k.Cleanup(cancel)
	return ctx
}

// idle waits until every other goroutine waits for something. Outside of a bubble it only gives them a chance to.
func (k *trial[T]) idle() {
	if k.bubble {
		synctest.Wait()
		return
	}
	for range 100 {
		runtime.Gosched()
	}
}

// start runs f on a goroutine of its own, which may fail the trial; wait waits for it.
func (k *trial[T]) start(f func()) (wait func()) {
	k.Helper()
	done := make(chan struct{})
	spawn.Go(func() {
		if rec, ok := k.TB.(*recorder); ok {
			defer rec.rescue()
		}
		f()
	}, func() { close(done) })
	return func() {
		k.Helper()
		timeout := time.NewTimer(patience + time.Second) // f has patience too, and says more
		defer timeout.Stop()
		select {
		case <-done:
		case <-timeout.C:
			k.Fatalf("a call did not return within %v", patience)
		}
		if k.Failed() {
			k.FailNow()
		}
	}
}

// all waits for each of them.
func all(waits []func()) {
	for _, wait := range waits {
		wait()
	}
}

// append adds n values, one by one.
func (k *trial[T]) append(n int64) {
	k.Helper()
	ctx := k.ctx()
	for range n {
		if off, err := k.log.Append(ctx, k.Value(k.n)); err != nil || int64(off) != k.n {
			k.Fatalf("Append() = %v, %v, want %v, nil", off, err, k.n)
		}
		k.n++
	}
}

// appendAll adds n values at once.
func (k *trial[T]) appendAll(n int64) {
	k.Helper()
	if off, err := k.log.AppendAll(k.ctx(), k.valuesFrom(k.n, n)); err != nil || int64(off) != k.n {
		k.Fatalf("AppendAll(%d values) = %v, %v, want %v, nil", n, off, err, k.n)
	}
	k.n += n
}

func (k *trial[T]) valuesFrom(from, n int64) []T {
	vs := make([]T, n)
	for i := range vs {
		vs[i] = k.Value(from + int64(i))
	}
	return vs
}

// bounds returns the bounds, after a look whether they can be right.
func (k *trial[T]) bounds() (first, next sluice.Offset) {
	k.Helper()
	first, next = k.log.Bounds()
	switch {
	case int64(next) != k.n:
		k.Fatalf("Bounds() = %d, %d, want next %d", first, next, k.n)
	case first < 0 || first > next:
		k.Fatalf("Bounds() = %d, %d, want 0 <= first <= next", first, next)
	}
	return first, next
}

// retained is bounds where nothing was trimmed: what Config.Room promises must be there.
func (k *trial[T]) retained() (first, next sluice.Offset) {
	k.Helper()
	first, next = k.bounds()
	if want := k.n - k.room(k.n); int64(first) > want {
		k.Fatalf("Bounds() = %d, %d, want first at most %d: Config.Room is %d", first, next, want, k.Room)
	}
	return first, next
}

// cursor opens one that is closed with the trial.
func (k *trial[T]) cursor(p sluice.Position) *sluice.Cursor[T] {
	k.Helper()
	c := k.log.Cursor(p)
	if c == nil {
		k.Fatalf("Cursor(%v) = nil, want a cursor", p)
	}
	k.Cleanup(func() { c.Close() })
	return c
}

// read reads the values [from, to) with Next.
func (k *trial[T]) read(c *sluice.Cursor[T], from, to sluice.Offset) {
	k.Helper()
	ctx := k.ctx()
	for off := from; off < to; off++ {
		v, err := c.Next(ctx)
		if err != nil || !k.Equal(v, k.value(off)) {
			k.Fatalf("Next() = %v, %v, want %v, nil: the value at offset %d", v, err, k.value(off), off)
		}
		k.at(c, off+1)
	}
}

// same checks that got are the values from on.
func (k *trial[T]) same(what string, got []T, from sluice.Offset) {
	k.Helper()
	for i, v := range got {
		if off := from + sluice.Offset(i); !k.Equal(v, k.value(off)) {
			k.Fatalf("%s gave %v, want %v: the value at offset %d", what, v, k.value(off), off)
		}
	}
}

// at checks where the cursor stands.
func (k *trial[T]) at(c *sluice.Cursor[T], want sluice.Offset) {
	k.Helper()
	if got := c.Offset(); got != want {
		k.Fatalf("Offset() = %d, want %d", got, want)
	}
}

// nothing checks that there is nothing to read now. It also tells a gated store that everything before was consumed.
func (k *trial[T]) nothing(c *sluice.Cursor[T]) {
	k.Helper()
	if v, ok, err := c.TryNext(); ok || err != nil {
		k.Fatalf("TryNext() = %v, %v, %v, want nothing", v, ok, err)
	}
}

// ended checks that reading ends with want, each time it is asked.
func (k *trial[T]) ended(c *sluice.Cursor[T], want error) {
	k.Helper()
	for range 2 {
		if v, err := c.Next(k.ctx()); !isEnd(err, want) {
			k.Fatalf("Next() = %v, %v, want %v", v, err, want)
		}
		if v, ok, err := c.TryNext(); ok || !isEnd(err, want) {
			k.Fatalf("TryNext() = %v, %v, %v, want %v", v, ok, err, want)
		}
	}
}

// isEnd reports whether err is want: ErrClosed itself, any other error perhaps wrapped by the store.
func isEnd(err, want error) bool {
	if want == sluice.ErrClosed {
		return err == want
	}
	return errors.Is(err, want)
}

// trim drops the values below off as far as the log can do such a thing, and reports whether it can.
func (k *trial[T]) trim(off sluice.Offset) bool {
	k.Helper()
	switch log := k.log.(type) {
	case trimmer:
		log.Trim(off)
	case errTrimmer:
		if err := log.Trim(off); err != nil {
			k.Fatalf("Trim(%d) = %v, want nil", off, err)
		}
	default:
		return false
	}
	return true
}
