package sourcetest

import (
	"context"
	"errors"

	"github.com/sluice-go/sluice"
)

func chanRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "chan",
		law:  "Chan delivers every value in order, and is closed at the end of the source; stop then returns nil.",
		run:  checkChan[T],
	}, {
		name: "chan stop",
		law:  "stop ends the goroutine of Chan and leaves the cursor at the first value that nobody received.",
		run:  checkChanStop[T],
	}, {
		name: "chan context",
		law:  "Chan is closed when ctx is done; stop then returns context.Cause(ctx), and nothing is lost.",
		run:  checkChanContext[T],
	}, {
		name: "chan cursor close",
		law:  "Chan is closed when its cursor is, whether it waits for a value or for a receiver; stop then returns nil.",
		run:  checkChanCursorClose[T],
	}}
}

func checkChan[T any](k *trial[T]) {
	for _, size := range []int{0, 1, 5, 100} {
		from := sluice.Offset(k.n)
		c := k.cursor(sluice.Newest())
		values, stop := c.Chan(k.ctx(), size)
		for i := range int64(k.times(20)) {
			n := k.room(i%4 + 1)
			k.append(n)
			for range n {
				v, ok := <-values
				if !ok || !k.Equal(v, k.value(from)) {
					k.Fatalf("<-values = %v, %v, want %v, true", v, ok, k.value(from))
				}
				from++
			}
		}
		for range 2 {
			if err := stop(); err != nil {
				k.Fatalf("stop() = %v, want nil", err)
			}
		}
		k.at(c, from)
		k.nothing(c)
		c.Close()
	}
	from := sluice.Offset(k.n)
	c := k.cursor(sluice.Newest())
	k.append(k.room(20))
	k.log.Close()
	values, stop := c.Chan(k.ctx(), 3)
	var got []T
	for v := range values {
		got = append(got, v)
	}
	if err := stop(); err != nil || int64(from)+int64(len(got)) != k.n {
		k.Fatalf("Chan gave %d values, and stop() = %v, want %d, nil", len(got), err, k.n-int64(from))
	}
	k.same("Chan", got, from)
}

func checkChanStop[T any](k *trial[T]) {
	k.append(k.room(30))
	next := sluice.Offset(k.n)
	for _, size := range []int{0, 1, 5, 100} {
		for _, n := range []int{0, 1, 7} {
			c := k.cursor(sluice.Oldest())
			for off := sluice.Offset(0); ; {
				values, stop := c.Chan(k.ctx(), size)
				for range min(n, int(next-off)) {
					v, ok := <-values
					if !ok || !k.Equal(v, k.value(off)) {
						k.Fatalf("<-values = %v, %v, want %v, true", v, ok, k.value(off))
					}
					off++
				}
				if size != 1 {
					k.idle() // so that the channel is full
				}
				if err := stop(); err != nil {
					k.Fatalf("stop() = %v, want nil", err)
				}
				if v, ok := <-values; ok {
					k.Fatalf("<-values = %v after stop, want it to be closed", v)
				}
				k.at(c, off)
				if n == 0 || off == next {
					k.read(c, off, next)
					break
				}
				k.read(c, off, off+1)
				off++
			}
			k.nothing(c)
			c.Close()
		}
	}
}

func checkChanContext[T any](k *trial[T]) {
	cause := errors.New("sourcetest: the cause")
	n := k.room(10)
	k.append(n)
	for _, size := range []int{0, 1, 5, 100} {
		c := k.cursor(sluice.Oldest())
		ctx, cancel := context.WithCancelCause(k.ctx())
		defer cancel(nil)
		values, stop := c.Chan(ctx, size)
		v, ok := <-values
		if !ok || !k.Equal(v, k.value(0)) {
			k.Fatalf("<-values = %v, %v, want %v, true", v, ok, k.value(0))
		}
		k.idle()
		cancel(cause)
		k.idle()
		got := []T{v}
		for v := range values { // what was put into it by then can still be received
			got = append(got, v)
		}
		k.same("Chan", got, 0)
		if err := stop(); err != cause {
			k.Fatalf("stop() = %v, want %v", err, cause)
		}
		k.at(c, sluice.Offset(len(got)))
		k.read(c, sluice.Offset(len(got)), sluice.Offset(n))
		k.nothing(c)
		c.Close()
	}
}

func checkChanCursorClose[T any](k *trial[T]) {
	k.append(k.room(10))
	for _, p := range []sluice.Position{sluice.Oldest(), sluice.Newest()} {
		for _, size := range []int{0, 1, 50} {
			c := k.cursor(p)
			values, stop := c.Chan(k.ctx(), size)
			k.idle()
			if err := c.Close(); err != nil {
				k.Fatalf("Close() = %v, want nil", err)
			}
			k.idle()
			left := 0
			for range values { // what was put into it by then can still be received
				left++
			}
			if k.bubble && left > size {
				k.Fatalf("Chan gave %d values after Close of the cursor, want at most %d", left, size)
			}
			if err := stop(); err != nil {
				k.Fatalf("stop() = %v, want nil", err)
			}
			k.ended(c, sluice.ErrClosed)
		}
	}
}
