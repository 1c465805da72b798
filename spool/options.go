package spool

import (
	"fmt"
	"time"
)

// Overflow is what a [Writer] does with a line when its buffers are full.
type Overflow int

const (
	// Block makes Write wait for room, at most for Options.BlockFor.
	Block Overflow = iota

	// DropNewest refuses the line: Write returns [ErrFull], and never waits.
	DropNewest

	// DropOldest drops the oldest buffer that the sink has not begun, with all lines in it, to make room. Write never waits.
	// It refuses the line, as DropNewest does, only while every other buffer is being written or with OnDrop.
	DropOldest
)

// Options of a [Writer]. The zero value loses nothing: four buffers of 256 KiB, written when full or a second old, and
// Write waits while all are full.
type Options struct {
	// BufferBytes is the size of a buffer, and so of most writes to the sink. 0: 256 KiB.
	BufferBytes int

	// Buffers is how many there are, at least 2: one is filled while another is written. They are made when first used and
	// kept. Together with BufferBytes it bounds the memory. 0: 4.
	Buffers int

	// FlushEvery is how long a line stays in memory before it is given to the sink, if that keeps up. 0: one second.
	// Negative: until its buffer is full, or Flush, Sync or Close are called.
	FlushEvery time.Duration

	// Overflow is what happens when all buffers are full. The zero value is Block.
	Overflow Overflow

	// BlockFor is how long Write waits for room before it returns ErrFull. Block only. 0: for as long as it takes.
	BlockFor time.Duration

	// OnDrop is given every line that is lost for want of room, when the counts in [Stats] have it already: the one that
	// Write refuses, or all lines of the buffer that DropOldest drops. It is called by the goroutine of that Write, which
	// it holds up, and by many at once; lines is lent, and n says how many they are. It must not write to the same
	// Writer. Nil: the counts tell.
	OnDrop func(lines []byte, n int)

	// RetryAfter is how long to wait after an attempt of the sink that failed; it doubles with each one that follows, up
	// to RetryMost. 0: 10 ms and 1 s.
	RetryAfter, RetryMost time.Duration

	// CloseWithin is how long Close tries to write what is left. 0: ten seconds. Negative: for as long as it takes.
	CloseWithin time.Duration
}

const (
	defaultBufferBytes = 256 << 10
	defaultBuffers     = 4
)

// checked returns o with its defaults, or panics.
func (o Options) checked() Options {
	mustNotBeNegative("Options", "BufferBytes", o.BufferBytes)
	mustNotBeNegative("Options", "BlockFor", o.BlockFor)
	mustNotBeNegative("Options", "RetryAfter", o.RetryAfter)
	mustNotBeNegative("Options", "RetryMost", o.RetryMost)
	o.BufferBytes = orDefault(o.BufferBytes, defaultBufferBytes)
	o.Buffers = orDefault(o.Buffers, defaultBuffers)
	o.FlushEvery = orDefault(o.FlushEvery, time.Second)
	o.RetryAfter = orDefault(o.RetryAfter, 10*time.Millisecond)
	o.RetryMost = max(orDefault(o.RetryMost, time.Second), o.RetryAfter)
	o.CloseWithin = orDefault(o.CloseWithin, 10*time.Second)
	if o.Buffers < 2 {
		panic(fmt.Sprintf("spool: Options.Buffers must be at least 2, got %d", o.Buffers))
	}
	if o.Overflow < Block || o.Overflow > DropOldest {
		panic(fmt.Sprintf("spool: Options.Overflow must be Block, DropNewest or DropOldest, got %d", o.Overflow))
	}
	if o.BlockFor > 0 && o.Overflow != Block {
		panic("spool: Options.BlockFor is for Overflow: Block only; the others never wait")
	}
	return o
}

func orDefault[T comparable](v, def T) T {
	if v == *new(T) {
		return def
	}
	return v
}

func mustNotBeNegative[T ~int | ~int64](options, field string, v T) {
	if v < 0 {
		panic(fmt.Sprintf("spool: %s.%s must not be negative, got %v", options, field, v))
	}
}
