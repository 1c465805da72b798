package spool

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// Dir writes messages into whole, uniquely named files of a directory. A file appears there, by a rename, when it is
// complete and on stable storage, and never changes again; until then its name ends in .tmp.
//
// Names sort by the time when their files were begun, also across workers, restarts and processes that share the
// directory (as far as their clocks agree). Messages of one goroutine keep their order only if Workers is 1, or if they
// have one key (see [Dir.WriteKey]): then they are in one worker's files, in order. Otherwise any worker takes any
// message.
//
// All methods are safe for concurrent use. A Dir must be closed.
type Dir struct {
	o         DirOptions
	fs        disk
	dir, temp string
	names     namer
	lock      io.Closer
	seed      maphash.Seed
	scratch   sync.Pool // of *[]byte, BufferBytes long
	workers   []*worker
	settled   waitlist
	turn      atomic.Uint32

	running atomic.Int32 // workers whose goroutine has not ended

	mu        sync.Mutex // guards what is below; no other lock is taken while it is held
	files     int64
	done      Count
	recovered Count
	refused   Count
	aside     int64
	damage    Count
	told      Count // of damage, what a Flush has said
	loss      error // by which messages were lost last
	unlocked  error // what letting go of the lock failed with
}

var _ io.WriteCloser = (*Dir)(nil)

// load is what is given to a worker at once: one message, or several that are framed already.
type load struct {
	data     []byte
	framed   bool
	messages int64
}

func (l load) size(f Framing) int {
	if l.framed {
		return len(l.data)
	}
	return f.frameSize(l.data)
}

// Write adds p as one message, and returns when it is in a worker's buffer. It does not keep p, and allocates nothing
// unless it has to wait. The errors are
//
//	ErrFull              no worker took it within Timeout; wrapped with what the disk fails with, if it does
//	sluice.ErrClosed     the Dir is closed
//
// A message that is larger than a buffer goes from p to a file: Write returns when it is written there.
func (d *Dir) Write(p []byte) (int, error) { return d.write(d.workers, p) }

// WriteKey is Write with a key: messages of one key are written in order.
func (d *Dir) WriteKey(key string, p []byte) (int, error) {
	i := maphash.String(d.seed, key) % uint64(len(d.workers))
	return d.write(d.workers[i:i+1], p)
}

func (d *Dir) write(ws []*worker, p []byte) (int, error) {
	if err := d.add(context.Background(), ws, load{data: p, messages: 1}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// add gives l to one of the workers.
func (d *Dir) add(ctx context.Context, ws []*worker, l load) error {
	size := l.size(d.o.Framing)
	if size > d.o.BufferBytes {
		return d.addLarge(ctx, ws, l, size)
	}
	if d.offer(ws, l, size) {
		return nil
	}
	return d.addPatiently(ctx, ws, l, size)
}

// offer gives l to the first worker that has room. So while one keeps up nearly all messages are in its files; nobody
// waits there for another caller, or for the worker's goroutine: who finds a worker's lock taken goes on to the next.
func (d *Dir) offer(ws []*worker, l load, size int) bool {
	met := false
	for _, w := range ws {
		if !w.lane.mu.TryLock() {
			met = true
			continue
		}
		taken := w.takeLocked(l, size)
		w.lane.mu.Unlock()
		if taken {
			return true
		}
	}
	if !met {
		return false
	}
	for _, w := range ws {
		w.lane.mu.Lock()
		taken := w.takeLocked(l, size)
		w.lane.mu.Unlock()
		if taken {
			return true
		}
	}
	return false
}

// takeLocked puts l into the worker's buffer, if there is room.
func (w *worker) takeLocked(l load, size int) bool {
	e := w.lane.roomLocked(size)
	if e == nil {
		return false
	}
	if l.framed {
		e.data = append(e.data, l.data...)
	} else {
		e.data = w.d.o.Framing.appendFrame(e.data, l.data)
	}
	e.lines += l.messages
	return true
}

// addPatiently waits for a worker with room.
func (d *Dir) addPatiently(ctx context.Context, ws []*worker, l load, size int) error {
	ctx, cancel := d.patience(ctx)
	defer cancel()
	last := &ws[len(ws)-1].lane // the one that is closed last
	room := func(w *worker) bool { return w.lane.open() == nil && w.lane.fits(size) }
	for {
		if err := last.open(); err != nil {
			return err
		}
		err := d.settled.wait(ctx, func() bool { return last.open() != nil || slices.ContainsFunc(ws, room) })
		if err != nil {
			return d.refuse(ws[0], l, int64(size), err)
		}
		if d.offer(ws, l, size) {
			return nil
		}
	}
}

// addLarge has a worker write l from where it is.
func (d *Dir) addLarge(ctx context.Context, ws []*worker, l load, size int) error {
	if err := d.o.Framing.check(int64(len(l.data))); err != nil && !l.framed {
		return err
	}
	w := d.pick(ws)
	ctx, cancel := d.patience(ctx)
	defer cancel()
	e := &entry{must: true, lines: l.messages, size: int64(size), do: func() error { return w.writeLarge(l) }}
	if err := w.lane.await(ctx, e); err != nil {
		return d.refuse(w, l, int64(size), err)
	}
	return nil
}

// pick takes turns among the workers.
func (d *Dir) pick(ws []*worker) *worker { return ws[int(d.turn.Add(1)%uint32(len(ws)))] }

func (d *Dir) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d.o.Timeout, ErrFull)
}

// refuse counts l, if it was refused for want of room, and returns the error for it.
func (d *Dir) refuse(w *worker, l load, size int64, err error) error {
	if !errors.Is(err, ErrFull) {
		return err
	}
	d.mu.Lock()
	d.refused.add(l.messages, size)
	d.mu.Unlock()
	return w.lane.fullError()
}
