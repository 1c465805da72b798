package diskq

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
)

// Durability says when Append returns, and so which crash may take back what.
type Durability int

const (
	// Written: Append returns when the operating system has the value. It survives the end of the process, however that
	// comes. A power cut, or a crash of the system, may take back what was appended since the last sync: at most
	// Options.SyncEvery, and the time that a sync takes.
	//
	// On Linux with ext4, XFS or tmpfs that takes no system call: the value is put into a file, TAIL, of 540 KiB, that is
	// mapped into memory, and written to the segment within 10 ms. Elsewhere it is a write, which concurrent appends share.
	Written Durability = iota

	// Buffered: Append returns when the value is in the queue's buffer, which is written when it holds 256 KiB and within
	// 10 ms, also while a sync is under way: the fastest, but not by much where Written needs no system call. kill -9 may
	// take back that much, a power cut what it may take back with Written.
	Buffered

	// Durable: Append returns when the value is on stable storage; concurrent appends share a sync. Nothing takes it back,
	// and no reader sees it before.
	Durable
)

// String returns the name.
func (d Durability) String() string {
	switch d {
	case Written:
		return "Written"
	case Buffered:
		return "Buffered"
	case Durable:
		return "Durable"
	}
	return fmt.Sprintf("Durability(%d)", int(d))
}

// WhenFull says what Append does when the queue holds Options.MaxBytes.
type WhenFull int

const (
	// Block: Append waits until Trim, Empty, MaxAge or DeleteConsumed makes room, or its context ends. Nothing is lost. Where
	// nobody makes room, and the context has no end, it waits for ever; Stats says how many appends do.
	Block WhenFull = iota

	// Fail: Append returns [ErrFull]. Nothing is lost.
	Fail

	// DropOldest: the oldest segments are dropped, read or not. A cursor that was not done with them is told what it
	// missed.
	DropOldest
)

// String returns the name.
func (f WhenFull) String() string {
	switch f {
	case Block:
		return "Block"
	case Fail:
		return "Fail"
	case DropOldest:
		return "DropOldest"
	}
	return fmt.Sprintf("WhenFull(%d)", int(f))
}

// ErrFull is what Append returns on a queue that holds MaxBytes, with [Fail]. Compare with errors.Is.
var ErrFull = errors.New("diskq: the queue is full")

// ErrTooLarge is what Append returns for a value, and AppendAll for values, that can never fit. Compare with errors.Is.
var ErrTooLarge = errors.New("diskq: too large")

// Options are the choices of a queue. The zero value is: Written, a sync every second, segments of 64 MiB, values of at most
// 16 MiB, no limit. They may differ from one Open to the next.
type Options struct {
	Durability Durability

	// SyncEvery is how often what was appended is synced in the background, with Written and Buffered. 0: every second.
	// Negative: never; only Sync, Close and the end of a segment do. Nothing is done while nothing is appended.
	SyncEvery time.Duration

	// SegmentBytes is how large a segment file may become, but for its footer; what can't be in one with others gets one of its
	// own. 0: 64 MiB, or an eighth of MaxBytes if that is less. At least 4096, at most MaxBytes. Retention works by whole segments.
	SegmentBytes int64

	// MaxRecordBytes is how large a value may be, encoded. 0: 16 MiB. At most 1 GiB - 2.
	MaxRecordBytes int

	// MaxBytes is how large the segment files may be together. 0: no limit. At least 8192. See WhenFull. TAIL, and room taken
	// for the last segment in advance, come on top: up to some 5 MiB.
	MaxBytes int64

	WhenFull WhenFull

	// DeleteConsumed drops a segment when every consumer is past it: the queue is a FIFO. A consumer that never reads holds
	// everything back, until MaxBytes decides; it is found in Stats, and ended by RemoveConsumer. While there is no consumer
	// nothing is dropped.
	DeleteConsumed bool

	// MaxAge is how long values are kept: a segment is dropped when the newest value in it is older. The files hold values
	// of a quarter of MaxAge at most, so nothing is kept for longer than 1.25 MaxAge. 0: for ever.
	MaxAge time.Duration

	fs   fsx.FS        // nil: the operating system's
	draw func() uint64 // of ids; nil: crypto/rand
}

const minSegment = 4096

// checked returns o with the defaults filled in, or what is wrong with it.
func (o Options) checked() (Options, error) {
	switch {
	case o.Durability < Written || o.Durability > Durable:
		return o, fmt.Errorf("diskq: Options.Durability is %d: it must be Written, Buffered or Durable", int(o.Durability))
	case o.WhenFull < Block || o.WhenFull > DropOldest:
		return o, fmt.Errorf("diskq: Options.WhenFull is %d: it must be Block, Fail or DropOldest", int(o.WhenFull))
	case o.SegmentBytes != 0 && o.SegmentBytes < minSegment:
		return o, fmt.Errorf("diskq: Options.SegmentBytes is %d: it must be 0 or at least %d", o.SegmentBytes, minSegment)
	case o.MaxBytes != 0 && o.MaxBytes < 2*minSegment:
		return o, fmt.Errorf("diskq: Options.MaxBytes is %d: it must be 0 or at least %d", o.MaxBytes, 2*minSegment)
	case o.MaxBytes != 0 && o.SegmentBytes > o.MaxBytes:
		return o, fmt.Errorf("diskq: Options.SegmentBytes is %d: it must be at most MaxBytes, %d, and a small part of it, as whole segments are dropped",
			o.SegmentBytes, o.MaxBytes)
	case o.MaxRecordBytes < 0 || o.MaxRecordBytes > maxPayload:
		return o, fmt.Errorf("diskq: Options.MaxRecordBytes is %d: it must be between 0 and %d", o.MaxRecordBytes, maxPayload)
	case o.MaxAge < 0:
		return o, fmt.Errorf("diskq: Options.MaxAge is %v: it must not be negative", o.MaxAge)
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = time.Second
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
		if o.MaxBytes > 0 {
			o.SegmentBytes = max(minSegment, min(o.SegmentBytes, o.MaxBytes/8))
		}
	}
	if o.MaxRecordBytes == 0 {
		o.MaxRecordBytes = 16 << 20
	}
	if o.fs == nil {
		o.fs = fsx.OS{}
	}
	if o.draw == nil {
		o.draw = drawID
	}
	return o, nil
}

// drawID returns a number that nobody else has, and not 0.
func drawID() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:]) | 1
}
