package chanx

import (
	"context"
	"fmt"

	"github.com/sluice-go/sluice/internal/spawn"
)

// Overflow says what [Buffer] does with a value when it is full.
type Overflow int

const (
	Block      Overflow = iota // wait for room: whoever sends to the input waits too
	DropOldest                 // drop the oldest value in the buffer
	DropNewest                 // drop the value itself
)

// Buffer returns a channel with the values of ch that holds up to size of them, so that whoever sends to ch need not
// wait for whoever receives, up to there; o says what happens then. It is closed when ch is, or when ctx is done; what is in it
// can still be received.
//
// dropped, if not nil, is called with each value that is dropped; with Block that is only the one that waits for room
// when ctx is done. It is called in the goroutine of Buffer, which meanwhile receives nothing. So what comes out, and what was
// dropped, is all that was received from ch.
//
// Dropping is for values of which the latest counts, or a sample will do. Readers that must learn what they missed use a
// ring. Buffer panics if size is less than 1 or o is none of the three.
func Buffer[T any](ctx context.Context, ch <-chan T, size int, o Overflow, dropped func(T)) <-chan T {
	atLeast("Buffer", "size", size, 1)
	if o < Block || o > DropNewest {
		panic(fmt.Sprintf("chanx: Buffer: overflow must be Block, DropOldest or DropNewest, got %d", int(o)))
	}
	if dropped == nil {
		dropped = func(T) {}
	}
	out := make(chan T, size)
	spawn.Go(func() {
		for v := range All(ctx, ch) {
			if !put(ctx, out, v, o, dropped) {
				return
			}
		}
	}, func() { close(out) })
	return out
}

// put sends v, or drops what o says. It reports whether to go on: not if ctx ended a wait.
func put[T any](ctx context.Context, out chan T, v T, o Overflow, dropped func(T)) bool {
	if o == Block {
		err := Send(ctx, out, v)
		if err != nil {
			dropped(v)
		}
		return err == nil
	}
	for {
		select {
		case out <- v:
			return true
		default:
		}
		if o == DropNewest {
			dropped(v)
			return true
		}
		select {
		case old := <-out: // nobody else sends, so there is room now
			dropped(old)
		default: // somebody received it
		}
	}
}
