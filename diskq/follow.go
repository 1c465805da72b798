package diskq

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

var _ sluice.Source[[]byte] = (*Reader[[]byte])(nil)

// ErrCutBack is what a [Reader]'s cursors get when a crash took back values that the Reader had already given out, so that
// their offsets are given again. Open another Reader. Compare with errors.Is. An append that failed when the Reader had just seen
// its value can do it too, if a segment begins there next.
var ErrCutBack = errors.New("diskq: a crash took back values that had been read")

// Reader follows, read-only, a queue that another process writes, or nobody. It takes no lock and changes nothing; it goes
// along when the writer begins new segments and drops old ones, and when it ends and another one comes. Open one with
// [OpenReader].
//
// It sees what the writer's readers see, up to 20 ms late (10 ms until it is in the files, and PollEvery): of a Durable queue
// only what is on stable storage, of the others what has been written to the segments. What a process that was killed had not
// written yet it sees when the queue is opened again.
type Reader[T any] struct {
	f     *follower
	codec Codec[T]
}

// ReaderOptions are the choices of a Reader.
type ReaderOptions struct {
	// PollEvery is how often a cursor that waits looks at the files. 0: every 10 ms.
	PollEvery time.Duration

	fs fsx.FS // nil: the operating system's
}

// OpenReader opens a Reader of the queue in a directory. If there is none, or none yet, the error is an fs.ErrNotExist.
func OpenReader[T any](dir string, codec Codec[T], o ReaderOptions) (*Reader[T], error) {
	switch {
	case dir == "":
		return nil, errNoName
	case o.PollEvery < 0:
		return nil, fmt.Errorf("diskq: ReaderOptions.PollEvery is %v: it must not be negative", o.PollEvery)
	}
	if o.PollEvery == 0 {
		o.PollEvery = 10 * time.Millisecond
	}
	if o.fs == nil {
		o.fs = fsx.OS{}
	}
	name, err := codecName(codec)
	if err != nil {
		return nil, err
	}
	f := &follower{every: o.PollEvery}
	f.fs, f.dir = o.fs, dir
	f.files = files{fs: o.fs, limit: maxOpen}
	f.w = window{s: &f.segments}
	if err := f.open(name); err != nil {
		f.files.close()
		return nil, fmt.Errorf("diskq: open %s for reading: %w", dir, err)
	}
	return &Reader[T]{f: f, codec: codec}, nil
}

// Bounds returns the bounds as far as they have been seen, after a look at the files.
func (r *Reader[T]) Bounds() (first, next sluice.Offset) {
	r.f.refresh(false) // an error is told to those who read
	return r.f.bounds()
}

// Cursor returns a new cursor at p, which waits by looking at the files every PollEvery.
func (r *Reader[T]) Cursor(p sluice.Position) *sluice.Cursor[T] {
	r.f.refresh(false)
	return sluice.NewCursor[T](&follow[T]{reader: newReader(&r.f.segments, r.codec, p), f: r.f})
}

// Epoch is [DiskQueue.Epoch], as far as it has been seen, after a look at the files. Whoever keeps an offset for another
// Reader keeps it too: [ErrCutBack] is told only by a Reader that was open when values were taken back.
func (r *Reader[T]) Epoch() uint64 {
	r.f.refresh(true)
	return r.f.epoch.Load()
}

// Since is [DiskQueue.Since].
func (r *Reader[T]) Since(t time.Time) sluice.Position {
	r.f.refresh(true)
	return sluice.At(r.f.since(t))
}

// Close ends all cursors, once they have read what was seen of the queue. It always returns nil.
func (r *Reader[T]) Close() error {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	r.f.end(sluice.ErrClosed)
	r.f.files.close()
	return nil
}

// A follow is a reader that looks at the files before it says that there is nothing.
type follow[T any] struct {
	*reader[T]
	f *follower
}

func (r *follow[T]) Poll() ([]T, error) {
	if next := r.f.next.Load(); int64(r.off) >= next && r.bad == nil {
		if err := r.f.refresh(false); err != nil {
			return nil, err
		}
	}
	batch, err := r.reader.Poll()
	if errors.Is(err, fs.ErrNotExist) { // dropped by the writer since we looked
		if err := r.f.refresh(true); err != nil {
			return nil, err
		}
		return r.reader.Poll()
	}
	return batch, err
}

// Wait looks again and again.
func (r *follow[T]) Wait(ctx context.Context) error {
	tick, cancel := context.WithTimeoutCause(ctx, r.f.every, errTick)
	defer cancel()
	err := r.reader.Wait(tick)
	if err == errTick {
		return nil
	}
	return err
}

var errTick = errors.New("diskq: time to look again")

// A follower finds the end of a queue that somebody else writes, by reading.
type follower struct {
	segments
	every time.Duration
	epoch atomic.Uint64 // written under mu

	mu       sync.Mutex
	w        window        // stands behind the last whole frame of the last segment
	off      sluice.Offset // of the next record there
	torn     bool          // what lies there is not whole
	hopeless extent        // where overDamage found nothing
	safe     mark          // where the scan begins again if what it passed was taken back
	seen     mark          // what is safe next
	stood    int64         // where the window stands, and from when on it has
	from     time.Time
	listed   time.Time
	err      error // final

	durable bool // only what a sync point promises may be seen
}

// relist is how often the directory is looked at while nothing new is found: that is how a drop is seen.
const relist = time.Second

// errNoQueue is an fs.ErrNotExist, as where the directory is missing: who waits for a queue asks for that.
var errNoQueue = fmt.Errorf("there is no queue in it: %w", fs.ErrNotExist)

func (f *follower) open(codec string) error {
	list, err := readDirWhole(f.fs, f.dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errNoQueue
	}
	f.list = list
	f.first.Store(int64(list[0].first))
	f.listed = time.Now()
	last := list[len(list)-1]
	if err := f.enterSegment(last); err != nil {
		return err
	}
	if h := last.head; h != nil && h.codec != "" && codec != "" && h.codec != codec {
		return fmt.Errorf("the queue was written with codec %q: it can't be read with codec %q", h.codec, codec)
	}
	return f.scan()
}

func (f *follower) enterSegment(g *segment) error {
	f.off = g.first
	f.safe = mark{headerSize, g.first}
	f.seen, f.hopeless = f.safe, extent{}
	f.next.Store(max(f.next.Load(), int64(g.first))) // what lies before is complete
	if err := f.w.enter(g, headerSize); err != nil {
		return err
	}
	g.mu.Lock() // if the header was not whole yet, one who asks Since may just be reading it
	defer g.mu.Unlock()
	if g.head != nil {
		f.epoch.Store(g.head.epoch)
	}
	return nil
}

// refresh looks for more, and, now and then or if told to, at the directory.
func (f *follower) refresh(list bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || f.ended.Load() != nil {
		return f.err
	}
	before := f.next.Load()
	err := f.look()
	if f.w.pos != f.stood {
		f.stood, f.from = f.w.pos, time.Now()
	}
	if err == nil && (list || f.next.Load() == before && time.Since(f.listed) >= relist) {
		err = f.relist()
	}
	if errors.Is(err, ErrCutBack) {
		f.err = err
	}
	if f.next.Load() > before {
		f.wake()
	}
	return err
}

// look reads on in the last segment, and goes over to the next one if there is one where this ends.
func (f *follower) look() error {
	for {
		if err := f.scan(); err != nil {
			return err
		}
		if f.off == f.w.seg.first {
			return nil
		}
		g := newSegment(f.dir, f.off, 0)
		if _, err := f.fs.Stat(g.name); errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		list, err := readDirWhole(f.fs, f.dir)
		if err != nil || len(list) == 0 {
			return err
		}
		if replaced, err := f.compare(list); err != nil || replaced { // then it is no continuation of what was read
			return err
		}
		f.add(g)
		if err := f.enterSegment(g); err != nil {
			return err
		}
	}
}

// relist looks at the directory: for what was dropped, and for what no scan can find, such as where a new writer goes on
// behind a crash.
func (f *follower) relist() error {
	f.listed = time.Now()
	list, err := readDirWhole(f.fs, f.dir)
	if err != nil || len(list) == 0 {
		return err
	}
	replaced, err := f.compare(list)
	if err != nil {
		return err
	}
	f.adopt(list, replaced)
	f.first.Store(max(f.first.Load(), int64(list[0].first)))
	last := f.list[len(f.list)-1]
	if last == f.w.seg {
		return f.rescan()
	}
	if err := f.enterSegment(last); err != nil {
		return err
	}
	return f.scan()
}

// compare returns ErrCutBack if what list says is not what was seen before: the queue goes on at an offset that was given out.
// A crash leaves its mark where it cut, a segment that begins there, whatever was appended since. Else it reports whether the
// last segment that was known, of which nothing was given out, has been replaced by another of that name.
func (f *follower) compare(list []*segment) (replaced bool, err error) {
	known, next := f.w.seg.first, sluice.Offset(f.next.Load())
	for _, g := range list {
		if g.first < next && f.find(g.first).first < g.first {
			return false, cutBack(g.first, next)
		}
	}
	if last := list[len(list)-1].first; last < known {
		return false, cutBack(last, next)
	}
	if replaced, err = f.replaced(); replaced && known < next {
		return false, cutBack(known, next)
	}
	return replaced, err
}

func cutBack(at, next sluice.Offset) error {
	return fmt.Errorf("%w: the queue goes on at %d, and %d was the end", ErrCutBack, at, next)
}

// replaced reports whether the last segment that was known has been replaced by another of that name.
func (f *follower) replaced() (bool, error) {
	g := f.w.seg
	file, err := f.fs.OpenFile(g.name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	h, err := readHeader(file)
	err = errors.Join(err, file.Close())
	if errors.Is(err, errHeader) {
		return false, nil // not whole yet
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return err == nil && (g.head == nil || g.head.id != h.id), err
}

// adopt makes list the segments, but keeps those known already: cursors stand in them. One that was replaced ends where it
// begins, so that they leave it.
func (f *follower) adopt(list []*segment, replaced bool) {
	f.segments.mu.Lock()
	defer f.segments.mu.Unlock()
	known := map[sluice.Offset]*segment{}
	for _, g := range f.list {
		known[g.first] = g
	}
	if replaced {
		f.w.seg.next.Store(int64(f.w.seg.first))
		delete(known, f.w.seg.first)
	}
	for i, g := range list {
		if k := known[g.first]; k != nil {
			k.next.Store(g.next.Load())
			list[i] = k
			delete(known, g.first)
		}
	}
	for _, gone := range known {
		f.files.forget(gone)
	}
	f.list = list
}
