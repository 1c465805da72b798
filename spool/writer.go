package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// Writer is an asynchronous io.Writer in front of a slow one, the sink. Write copies a line into a large buffer and
// returns; a goroutine of the Writer gives full buffers to the sink. "Line" is whatever one call of Write is given: it
// need not end with a newline.
//
// The sink gets lines in the order in which they were accepted, in as few calls as possible, each of whole lines: no line
// is ever split over two calls, unless the sink itself takes a part (a short write), and then it gets the rest. It is
// never called concurrently, and must not keep what it is given. A sink that fails is asked again, with the same bytes,
// until it takes them: with the zero [Options], one that fails for ever makes Write wait for ever.
//
// All methods are safe for concurrent use. A Writer must be closed, or its goroutine stays.
type Writer struct {
	o       Options
	lane    lane
	settled waitlist
	syncer  interface{ Sync() error } // the sink, if it can; or nil
}

var (
	_ io.WriteCloser  = (*Writer)(nil)
	_ io.StringWriter = (*Writer)(nil)
	_ io.ReaderFrom   = (*Writer)(nil)
)

// NewWriter returns a Writer in front of w. It does not close w. It panics if an option makes no sense.
func NewWriter(w io.Writer, o Options) *Writer {
	if w == nil {
		panic("spool: NewWriter needs a sink, got nil")
	}
	o = o.checked()
	sw := &Writer{o: o}
	sw.syncer, _ = w.(interface{ Sync() error })
	sw.lane.init(laneOptions{
		size: o.BufferBytes, max: o.Buffers, flushEvery: o.FlushEvery,
		retryAfter: o.RetryAfter, retryMost: o.RetryMost,
	}, w.Write, &sw.settled)
	sw.lane.run()
	return sw
}

// Write accepts p, all of it or, with an error, nothing. It does not keep p. The errors are
//
//	ErrFull              there was no room (in time): see [Overflow]
//	sluice.ErrClosed     the Writer is closed
//
// A line of more than Options.BufferBytes goes from p to the sink as it is, in its turn. With Block, Write waits until
// the sink has taken it, or refuses it when BlockFor is over and the sink has not taken a part; the policies that never
// wait refuse it always.
//
// Write allocates nothing, save for such a line, and if it waits for room with a BlockFor. It costs a lock and a copy.
func (w *Writer) Write(p []byte) (int, error) { return add(w, p) }

// WriteString is Write for a string.
func (w *Writer) WriteString(s string) (int, error) { return add(w, s) }

func add[S []byte | string](w *Writer, line S) (int, error) {
	if len(line) == 0 {
		return 0, w.lane.open()
	}
	w.lane.mu.Lock()
	if e := w.lane.roomLocked(len(line)); e != nil {
		e.data = append(e.data, line...)
		e.lines++
		w.lane.mu.Unlock()
		return len(line), nil
	}
	w.lane.mu.Unlock()
	return addSlowly(w, line)
}

// addSlowly accepts a line for which something is to be done first: make room, or lend it.
func addSlowly[S []byte | string](w *Writer, line S) (int, error) {
	ctx := context.Background()
	if w.o.BlockFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.o.BlockFor, ErrFull)
		defer cancel()
	}
	if len(line) > w.o.BufferBytes {
		return refuse(w, line, w.lend(ctx, []byte(line)))
	}
	for {
		if err := w.makeRoom(ctx, len(line)); err != nil {
			return refuse(w, line, err)
		}
		w.lane.mu.Lock()
		if e := w.lane.roomLocked(len(line)); e != nil { // else others were faster
			e.data = append(e.data, line...)
			e.lines++
			w.lane.mu.Unlock()
			return len(line), nil
		}
		w.lane.mu.Unlock()
	}
}

// makeRoom returns nil when there may be room for n bytes.
func (w *Writer) makeRoom(ctx context.Context, n int) error {
	if err := w.lane.open(); err != nil {
		return err
	}
	switch w.o.Overflow {
	case DropNewest:
		return w.lane.fullError()
	case DropOldest:
		return w.dropOldest()
	}
	err := w.settled.wait(ctx, func() bool { return w.lane.fits(n) })
	if err != nil {
		return w.lane.fullError()
	}
	return w.lane.open()
}

// dropOldest drops a buffer. It stays out of use until OnDrop has returned.
func (w *Writer) dropOldest() error {
	w.lane.mu.Lock()
	if w.lane.fitsLocked(w.o.BufferBytes) { // others made room meanwhile
		w.lane.mu.Unlock()
		return nil
	}
	e := w.lane.dropOldestLocked()
	w.lane.mu.Unlock()
	if e == nil {
		return w.lane.fullError()
	}
	defer w.lane.recycle(e) // also if OnDrop panics
	if w.o.OnDrop != nil {
		w.o.OnDrop(e.data, int(e.lines))
	}
	return nil
}

// lend hands a line that is larger than a buffer to the goroutine, and returns when the sink has it.
func (w *Writer) lend(ctx context.Context, line []byte) error {
	if w.o.Overflow != Block {
		return fmt.Errorf("%w: a line of %d bytes is larger than a buffer, %d bytes, and the sink is not waited for",
			ErrFull, len(line), w.o.BufferBytes)
	}
	err := w.lane.await(ctx, &entry{data: line, lines: 1, lent: true, size: int64(len(line))})
	if err == ErrFull {
		return w.lane.fullError()
	}
	return err
}

// refuse returns what Write returns for a line that was not accepted, and counts it; without an err, it was.
func refuse[S []byte | string](w *Writer, line S, err error) (int, error) {
	switch {
	case err == nil:
		return len(line), nil
	case errors.Is(err, ErrFull):
		w.lane.refuse(len(line))
		if w.o.OnDrop != nil {
			w.o.OnDrop([]byte(line), 1)
		}
	}
	return 0, err
}

// Flush returns nil once everything that was accepted before the call has been given to the sink (or dropped by
// DropOldest). If ctx is done before that it returns context.Cause(ctx), and what the sink fails with. It does not call
// the sink's Sync.
func (w *Writer) Flush(ctx context.Context) error { return w.lane.flush(ctx) }

// Sync flushes and then calls the sink's Sync, if it has one, between two of its Writes. Unlike Flush it waits only while
// the sink takes what it is given: it returns the first error that the sink fails with meanwhile, though nothing is lost
// and the sink is asked again. That a pipe or terminal can't be synced is no error.
//
// Together with Write it makes a Writer a zapcore.WriteSyncer.
func (w *Writer) Sync() error {
	return w.lane.sync(func() error {
		if w.syncer == nil {
			return nil
		}
		err := w.syncer.Sync()
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) || passesOn(w.syncer) {
			return nil
		}
		return err
	})
}

// passesOn reports whether the sink is a file that keeps nothing: a pipe, a terminal, a socket. What their Sync returns
// differs from system to system.
func passesOn(sink any) bool {
	f, ok := sink.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice|fs.ModeSocket) != 0
}

// Close accepts no more lines, writes those that it has, and ends the goroutine; the sink it neither syncs nor closes. It
// tries for Options.CloseWithin; what was not delivered by then it drops, and returns an *[UndeliveredError] that says how
// many lines and bytes that is. It is idempotent: later calls wait too and return the same. After it, Write returns
// [sluice.ErrClosed].
//
// A call of Write that overlaps with Close either returns that error or is delivered as any other line.
func (w *Writer) Close() error {
	if w.o.CloseWithin < 0 {
		return w.CloseContext(context.Background())
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), w.o.CloseWithin, errCloseTimeout)
	defer cancel()
	return w.CloseContext(ctx)
}

// CloseContext is Close that tries until ctx is done, instead of for CloseWithin. Of several calls at once, the first one
// whose time is over decides for all.
//
// If the sink hangs, the goroutine can't end before the sink returns; CloseContext does not wait for that longer than for
// ctx. What the sink has in its hands then counts as not delivered, though it may still arrive.
func (w *Writer) CloseContext(ctx context.Context) error {
	w.lane.shut(nil)
	return w.lane.drain(ctx)
}

// Err returns what the sink's last Write failed with, nil if it did not.
func (w *Writer) Err() error {
	w.lane.mu.Lock()
	defer w.lane.mu.Unlock()
	return w.lane.failing
}

// Stats returns the counts at this moment.
func (w *Writer) Stats() Stats { return w.lane.stats() }
