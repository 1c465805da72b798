package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
)

func storeRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "full",
		law: "With Blocking, Append waits while there is no room, until the slowest cursor has consumed, is closed (be it in the " +
			"middle of a loop's body), or the log is; when ctx is done it returns context.Cause(ctx) and nothing was appended.",
		run: checkFull[T],
	}, {
		name: "reopen",
		law:  "A log that was closed and is opened again has the same values at the same offsets, and goes on behind them.",
		run:  checkReopen[T],
	}, {
		name: "goroutines",
		law:  "Once the log and its cursors are closed, and contexts done, no goroutine is left.",
		run:  checkGoroutines[T],
	}}
}

var errFull = errors.New("sourcetest: no more room")

// fill appends until there is no more room, without waiting: a context that is done is looked at only where Append would
// wait.
func (k *trial[T]) fill() {
	k.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errFull)
	for range 4*k.Room + 100_000 {
		off, err := k.log.Append(ctx, k.Value(k.n))
		if err != nil {
			if err != errFull {
				k.Fatalf("Append() = %v, %v without room, want %v", off, err, errFull)
			}
			if off, err = k.log.AppendAll(ctx, k.valuesFrom(k.n, k.room(2))); err != errFull {
				k.Fatalf("AppendAll() = %v, %v without room, want %v", off, err, errFull)
			}
			k.bounds()
			return
		}
		if int64(off) != k.n {
			k.Fatalf("Append() = %v, nil, want %v, nil", off, k.n)
		}
		k.n++
	}
	k.Fatalf("Append never waits for the cursor: %d values were appended, Config.Room is %d", k.n, k.Room)
}

// blocked starts an Append that has to wait; wait returns what came of it.
func (k *trial[T]) blocked(ctx context.Context) (wait func() (sluice.Offset, error)) {
	k.Helper()
	var off sluice.Offset
	var err error
	done := k.start(func() { off, err = k.log.Append(ctx, k.Value(k.n)) })
	k.idle()
	k.bounds() // nothing was appended
	return func() (sluice.Offset, error) {
		done()
		return off, err
	}
}

// hang starts a loop over c, which has values, whose body does not return before release, which waits for it.
func (k *trial[T]) hang(c *sluice.Cursor[T]) (release func()) {
	k.Helper()
	entered, proceed := make(chan struct{}), make(chan struct{})
	enter := sync.OnceFunc(func() { close(entered) })
	ctx := k.ctx()
	wait := k.start(func() {
		defer enter()
		for _, err := range c.All(ctx) {
			if err != nil {
				k.Fatalf("All gave %v, want a value", err)
			}
			enter()
			<-proceed
			return
		}
		k.Fatalf("All gave nothing, want a value")
	})
	<-entered
	return sync.OnceFunc(func() {
		close(proceed)
		wait()
	})
}

func checkFull[T any](k *trial[T]) {
	if !k.Blocking {
		k.Skip("the log never waits for readers")
	}
	c, fast := k.cursor(sluice.Oldest()), k.cursor(sluice.Oldest())
	appends := func(wait func() (sluice.Offset, error)) {
		k.Helper()
		if off, err := wait(); err != nil || int64(off) != k.n {
			k.Fatalf("the waiting Append() = %v, %v, want %v, nil", off, err, k.n)
		}
		k.n++
	}
	consume := func(c *sluice.Cursor[T]) {
		k.Helper()
		k.read(c, c.Offset(), sluice.Offset(k.n))
		k.nothing(c)
	}
	for range 3 {
		k.fill()
		if lag := c.Lag(); lag < k.Room {
			k.Fatalf("Append waits with %d values in the log, want at least Config.Room, %d", lag, k.Room)
		}
		consume(fast) // the slowest counts
		wait := k.blocked(k.ctx())
		k.read(c, c.Offset(), sluice.Offset(k.n)+1) // the last value is the one that waits
		appends(wait)
		k.nothing(c)
		consume(fast)
	}

	k.fill()
	cause := errors.New("sourcetest: the cause")
	ctx, cancel := context.WithCancelCause(k.ctx())
	defer cancel(nil)
	wait := k.blocked(ctx)
	cancel(cause)
	if off, err := wait(); err != cause {
		k.Fatalf("the waiting Append() = %v, %v, want %v", off, err, cause)
	}
	k.bounds()

	consume(fast)
	wait = k.blocked(k.ctx())
	release := k.hang(c)
	defer release()
	k.idle()
	c.Close() // it no longer counts
	appends(wait)
	release()

	k.fill()
	wait = k.blocked(k.ctx())
	k.log.Close()
	if off, err := wait(); err != sluice.ErrClosed {
		k.Fatalf("the waiting Append() = %v, %v after Close, want ErrClosed", off, err)
	}
	k.read(fast, fast.Offset(), sluice.Offset(k.n))
	k.ended(fast, sluice.ErrClosed)
}

func checkReopen[T any](k *trial[T]) {
	if k.Reopen == nil {
		k.Skip("Config.Reopen is nil")
	}
	for i := range int64(k.times(8)) {
		if err := k.log.Close(); err != nil {
			k.Fatalf("Close() = %v, want nil", err)
		}
		k.reopen()
		first, next := k.retained()
		c := k.cursor(sluice.Oldest())
		k.read(c, first, next)
		k.nothing(c)
		n := k.room(5*i + 1)
		k.append(n - n/2)
		k.appendAll(n / 2)
		k.read(c, next, next+sluice.Offset(n))
		c.Close()
	}
}

// reopen goes on with what the closed log has stored.
func (k *trial[T]) reopen() {
	k.Helper()
	log := k.Reopen(k.TB, k.log)
	if log == nil {
		k.Fatalf("Config.Reopen() = nil, want a log")
	}
	k.log = log
	k.Cleanup(func() { log.Close() })
}

// checkGoroutines leaves the counting to isolate in a bubble, and else to the label that goroutines inherit.
func checkGoroutines[T any](k *trial[T]) {
	if !k.bubble {
		k.log.Close() // it may have started what all logs share
		defer k.labelGoroutines()()
		k.open()
	}
	k.append(k.room(5))
	unread := k.cursor(sluice.Oldest())
	ctx, cancel := context.WithCancel(k.ctx())
	defer cancel()
	for _, w := range k.ways() {
		k.readBy(w, k.cursor(sluice.Oldest()), 0, 1)
	}
	var waits []func()
	for _, w := range k.waitingWays() {
		c := k.cursor(sluice.Newest())
		waits = append(waits, k.start(func() { w.read(ctx, c, 1) }))
		closed := k.cursor(sluice.Newest())
		waits = append(waits, k.start(func() { w.read(k.ctx(), closed, 1) }))
		k.idle()
		closed.Close()
	}
	_, stop := k.cursor(sluice.Newest()).Chan(ctx, 1)
	k.cursor(sluice.Newest()).Chan(ctx, 0)
	k.idle()
	cancel()
	all(waits)
	stop()
	unread.Close()
	k.log.Close()
}

var labels atomic.Int64

// labelGoroutines marks this goroutine and those that it will start. The function that it returns ends that, and leaves a
// check for the very end: that none of them is left.
func (k *trial[T]) labelGoroutines() (end func()) {
	label := fmt.Sprintf(`"sourcetest":"%d"`, labels.Add(1))
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("sourcetest", fmt.Sprint(labels.Load())))
	pprof.SetGoroutineLabels(ctx)
	rec := k.TB.(*recorder)
	rec.atEnd = func() {
		// A goroutine that was told to end needs a moment, and there is nothing to wait for: so ask again for a while, and
		// often, as this process may stand still for that long.
		var left string
		deadline := time.Now().Add(patience / 10)
		for n := 0; n < 100 || time.Now().Before(deadline); n++ {
			runtime.Gosched()
			if left = labelled(label); left == "" {
				return
			}
		}
		rec.Errorf("these goroutines are left:\n%s", left)
	}
	return func() { pprof.SetGoroutineLabels(context.Background()) }
}

// labelled returns what the profile says of the goroutines with that label.
func labelled(label string) string {
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 1)
	var found []string
	for block := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(block, label) {
			found = append(found, block)
		}
	}
	return strings.Join(found, "\n\n")
}
