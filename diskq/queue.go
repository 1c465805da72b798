package diskq

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

var _ sluice.Log[[]byte] = (*DiskQueue[[]byte])(nil)

// DiskQueue is a log on disk. See the package comment. Open one with [Open].
type DiskQueue[T any] struct {
	w       *writer
	codec   Codec[T]
	direct  direct[T] // the codec, if its values are bytes already
	marks   *bookmarks
	scratch scratches // values are encoded outside of all locks
}

// A scratch is where values are encoded: ends says where each ends in data.
type scratch struct {
	data []byte
	ends []int
}

// scratches keeps those that nobody uses: as many as there were goroutines appending at once, but no large ones.
type scratches struct {
	mu   sync.Mutex
	free []*scratch
}

const maxScratch = 1 << 20

func (s *scratches) get() *scratch {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return new(scratch)
	}
	c := s.free[n-1]
	s.free = s.free[:n-1]
	return c
}

func (s *scratches) put(c *scratch) {
	if cap(c.data) > maxScratch || cap(c.ends) > maxScratch/8 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, c)
}

const lockName = "LOCK"

// LockedError says that somebody else has the queue open.
type LockedError struct {
	Dir string
	PID int // of the process that holds it; 0: unknown
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("diskq: %s is open in another process; OpenReader reads it meanwhile", e.Dir)
	}
	return fmt.Sprintf("diskq: %s is open in process %d; OpenReader reads it meanwhile", e.Dir, e.PID)
}

// Open opens the queue in a directory, which it creates, for reading and appending; Close it when done. One process at a
// time can: a second Open gets a *[LockedError]. The directory is for the queue alone: files in it that are named like its own
// are taken for damaged ones of its own, others are left alone.
//
// If the queue was not closed, Open looks through the end of it, behind the last complete segment: 100 MB take some 30 ms.
// What it found is in [DiskQueue.Stats]. Damage is no error: it is told to readers, when they come to it.
func Open[T any](dir string, codec Codec[T], o Options) (*DiskQueue[T], error) {
	if dir == "" {
		return nil, errNoName
	}
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	name, err := codecName(codec)
	if err != nil {
		return nil, err
	}
	w, err := openWriter(dir, name, o)
	if err != nil {
		return nil, err
	}
	marks, err := openBookmarks(w)
	if err != nil {
		return nil, fmt.Errorf("diskq: open %s: %w", dir, errors.Join(err, w.close()))
	}
	w.consumed = marks.makeRoom
	q := &DiskQueue[T]{w: w, codec: codec, marks: marks}
	q.direct, _ = codec.(direct[T])
	return q, nil
}

var errNoName = errors.New("diskq: the name of the queue's directory is empty")

// codecName returns what segments say of their codec.
func codecName(codec any) (string, error) {
	n, ok := codec.(named)
	switch {
	case codec == nil:
		return "", errors.New("diskq: the codec is nil: use Bytes(), JSON[T]() or another")
	case !ok:
		return "", nil
	case len(n.Name()) > maxCodec:
		return "", fmt.Errorf("diskq: the codec's name %q has %d bytes: at most %d are allowed", n.Name(), len(n.Name()), maxCodec)
	}
	return n.Name(), nil
}

func openWriter(dir, codec string, o Options) (*writer, error) {
	w := &writer{
		o: o, codec: codec, boot: fsx.BootID(o.fs),
		keeper: make(chan struct{}, 1), late: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	w.fs, w.dir = o.fs, dir
	w.files = files{fs: o.fs, limit: maxOpen}
	err := makeDir(o.fs, dir)
	if err != nil {
		return nil, fmt.Errorf("diskq: open: %w", err)
	}
	w.lock, err = o.fs.Lock(join(dir, lockName))
	if locked := (*fsx.LockedError)(nil); errors.As(err, &locked) {
		return nil, &LockedError{Dir: dir, PID: locked.PID}
	}
	if err != nil {
		return nil, fmt.Errorf("diskq: open: %w", err)
	}
	if err := w.open(); err != nil {
		w.files.close()
		return nil, fmt.Errorf("diskq: open %s: %w", dir, errors.Join(err, w.lock.Close()))
	}
	w.tasks.Go(w.keep)
	w.tasks.Go(w.flushLate)
	w.kick() // there may be segments to seal
	return w, nil
}

// makeDir makes a directory, with its parents, one by one: each is synced into the one above before the next is made. So a
// process that ends in between leaves only the last one perhaps not synced, and that is why we begin there.
func makeDir(fsys fsx.FS, dir string) error {
	var missing []string
	d := filepath.Clean(dir)
	for {
		_, err := fsys.Stat(d)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, d)
		parent := filepath.Dir(d)
		if parent == d {
			break
		}
		d = parent
	}
	if len(missing) == 0 {
		return nil
	}
	if err := syncParent(fsys, d); err != nil {
		return err
	}
	for _, d := range slices.Backward(missing) {
		if err := fsys.MkdirAll(d, 0o700); err != nil {
			return err
		}
		if err := fsys.SyncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

// syncParent makes last a directory that was there before, unless the one above is none of ours.
func syncParent(fsys fsx.FS, dir string) error {
	err := fsys.SyncDir(filepath.Dir(filepath.Clean(dir)))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// Append adds v and returns its offset, when it is as safe as Options.Durability says. An error means that v was not
// appended, and will never be read, not even after a crash: it may have failed for want of room, and a later one succeed.
// Only after an error of fsync the queue fails, and stays so until it is opened again. (Nobody can promise then what a power
// cut before that leaves: a value that failed with Durable may be there.)
//
// Append waits for other appends, for the disk and, with [Block], for room. Only the wait for room ends when ctx does.
// Cost: with Bytes no allocation; see BenchmarkAppend.
func (q *DiskQueue[T]) Append(ctx context.Context, v T) (sluice.Offset, error) {
	if q.direct != nil {
		return q.w.append(ctx, q.direct.bytes(v))
	}
	s := q.scratch.get()
	defer q.scratch.put(s)
	if err := encode(s, q.codec, v); err != nil {
		return 0, err
	}
	return q.w.append(ctx, s.data)
}

// AppendAll adds all values of vs at consecutive offsets, or none, also across a crash, and returns the offset of the first.
// No reader sees some of them and not the others. They lie in one segment. The other rules are those of
// [DiskQueue.Append].
func (q *DiskQueue[T]) AppendAll(ctx context.Context, vs []T) (sluice.Offset, error) {
	s := q.scratch.get()
	defer q.scratch.put(s)
	s.data, s.ends = s.data[:0], s.ends[:0]
	if q.direct != nil {
		return q.appendDirect(ctx, s, vs)
	}
	for _, v := range vs {
		if err := encodeMore(s, q.codec, v); err != nil {
			return 0, err
		}
	}
	at := 0
	return q.w.appendAll(ctx, s.ends, func(i int) []byte {
		payload := s.data[at:s.ends[i]]
		at = s.ends[i]
		return payload
	})
}

func (q *DiskQueue[T]) appendDirect(ctx context.Context, s *scratch, vs []T) (sluice.Offset, error) {
	end := 0
	for _, v := range vs {
		n := len(q.direct.bytes(v))
		if n > maxPayload-end { // before end overflows: the same bytes may be in vs many times
			return 0, fmt.Errorf("%w: a batch of more than %d bytes", ErrTooLarge, maxBatchBytes)
		}
		end += n
		s.ends = append(s.ends, end)
	}
	return q.w.appendAll(ctx, s.ends, func(i int) []byte { return q.direct.bytes(vs[i]) })
}

func encode[T any](s *scratch, codec Codec[T], v T) error {
	s.data, s.ends = s.data[:0], s.ends[:0]
	return encodeMore(s, codec, v)
}

func encodeMore[T any](s *scratch, codec Codec[T], v T) error {
	data, err := codec.Append(s.data, v)
	if err != nil {
		return fmt.Errorf("diskq: encode: %w", err)
	}
	if len(data) < len(s.data) {
		return fmt.Errorf("diskq: encode: the codec returned %d bytes, fewer than the %d it was given to append to", len(data), len(s.data))
	}
	s.data, s.ends = data, append(s.ends, len(data))
	return nil
}

// append adds one encoded value.
func (w *writer) append(ctx context.Context, payload []byte) (sluice.Offset, error) {
	if len(payload) > w.o.MaxRecordBytes {
		return 0, fmt.Errorf("%w: a value of %d bytes, and MaxRecordBytes is %d", ErrTooLarge, len(payload), w.o.MaxRecordBytes)
	}
	if err := w.begin(ctx, frameHeader+len(payload), 1); err != nil {
		return 0, err
	}
	off := w.n
	if err := w.fillLocked(1, func(int) []byte { return payload }); err != nil {
		return 0, err
	}
	return off, w.finish()
}

// maxBatchBytes is how large a batch may be, encoded: it is in memory as a whole, and in one segment.
const maxBatchBytes = maxPayload

// appendAll adds encoded values, of which ends says how long they are together.
func (w *writer) appendAll(ctx context.Context, ends []int, payload func(i int) []byte) (sluice.Offset, error) {
	size, was := 0, 0
	for i, end := range ends {
		if end-was > w.o.MaxRecordBytes {
			return 0, fmt.Errorf("%w: value %d of %d has %d bytes, and MaxRecordBytes is %d", ErrTooLarge, i, len(ends), end-was, w.o.MaxRecordBytes)
		}
		if size += frameHeader + end - was; size > maxBatchBytes {
			return 0, fmt.Errorf("%w: a batch of more than %d bytes", ErrTooLarge, maxBatchBytes)
		}
		was = end
	}
	if len(ends) == 0 {
		return w.appendNone()
	}
	if err := w.begin(ctx, size, len(ends)); err != nil {
		return 0, err
	}
	first := w.n
	if err := w.fillLocked(len(ends), payload); err != nil {
		return 0, err
	}
	return first, w.finish()
}

// appendNone is AppendAll of nothing.
func (w *writer) appendNone() (sluice.Offset, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	return sluice.Offset(w.next.Load()), nil
}

// Sync returns when everything that was appended before is on stable storage. Calls at the same time share syncs. With
// [Durable] it has nothing to do. ctx is looked at before it begins.
func (q *DiskQueue[T]) Sync(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := q.w.flush(); err != nil {
		return err
	}
	return q.w.sync()
}

// Bounds returns the oldest retained offset and the one that the next value will get. Two atomic loads.
func (q *DiskQueue[T]) Bounds() (first, next sluice.Offset) { return q.w.bounds() }

// Cursor returns a new cursor at p. It needs no descriptor of its own. To find At(n) costs a look at the segment's index,
// and up to 64 KiB to read. It may be read to the end after Close.
//
// Values that can't be read back are told as a *[sluice.CorruptError], with the file and the place. An error of the
// file system, such as too many open files, ends a loop, but not the cursor: the next read tries again.
func (q *DiskQueue[T]) Cursor(p sluice.Position) *sluice.Cursor[T] {
	return sluice.NewCursor[T](newReader(&q.w.segments, q.codec, p))
}

// Since is the position of the first value that was appended at t or later, or earlier by as much as lies between two sync
// points: nothing of t or later is passed over. They are at most 64 KiB apart and, while something is appended,
// Options.SyncEvery, or a second if that is longer; behind a pause, or without syncs, all that came since the last one is
// included. It follows the system's clock; where that was set back, time stands still until it has caught up.
func (q *DiskQueue[T]) Since(t time.Time) sluice.Position { return sluice.At(q.w.since(t)) }

// Trim drops the segments that hold only values before that offset. A cursor that was not done with them is told what it
// missed. Each segment costs a sync of the directory, so that after a crash they are gone from the oldest on. After
// Close it does nothing.
func (q *DiskQueue[T]) Trim(before sluice.Offset) error { return q.w.trim(before) }

// Empty drops all values. Offsets go on from where they were.
func (q *DiskQueue[T]) Empty() error {
	_, next := q.Bounds()
	return q.Trim(next)
}

// Epoch returns a number that changes when Open found that values may be gone that somebody had seen: after a crash of the
// system with Written, of the process too with Buffered, and when the last segment file is missing. Their offsets are given
// again, to other values. So whoever keeps offsets outside the queue keeps the epoch with them, and begins anew if it is another.
func (q *DiskQueue[T]) Epoch() uint64 { return q.w.epoch.Load() }

// Close closes the consumers, writes and syncs everything, seals the last segment and lets go of the queue. Cursors get what
// is retained, then the end. An error says that not everything is on stable storage. It is idempotent.
func (q *DiskQueue[T]) Close() error { return errors.Join(q.marks.close(), q.w.close()) }
