package diskq

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// On returns o on another file system.
func On(o Options, fsys fsx.FS) Options {
	o.fs = fsys
	return o
}

// Drawing returns o with ids from draw instead of random ones, so that files come out the same each time.
func Drawing(o Options, draw func() uint64) Options {
	o.draw = draw
	return o
}

var (
	InspectOn = inspect
	DestroyOn = destroy
)

// MaxOld is how many complete segments may wait to be sealed.
const MaxOld = maxOld

// A Piece is a frame of a segment file as the tests see it.
type Piece struct {
	Pos, End int64
	Offset   sluice.Offset
	Record   bool
}

// Pieces returns the frames of an undamaged segment.
func Pieces(fsys fsx.FS, dir string, first sluice.Offset) ([]Piece, error) {
	list, err := readDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	s := &segments{fs: fsys, dir: dir, files: files{fs: fsys, limit: 1}}
	defer s.files.close()
	w := window{s: s}
	var pieces []Piece
	for _, g := range list {
		if g.first != first {
			continue
		}
		if err := w.enter(g, headerSize); err != nil {
			return nil, err
		}
		for {
			f, size, st, err := w.frame()
			if err != nil || st != whole {
				return pieces, err
			}
			pieces = append(pieces, Piece{w.pos, w.pos + int64(size), g.first + sluice.Offset(f.index), f.kind <= kindPart})
			w.skip(size)
		}
	}
	return pieces, nil
}

// EncodeFrame and DecodeFrame are what segments are written and read with.
func EncodeFrame(payload []byte, id uint64, pos int64, index uint32, k byte) []byte {
	b := make([]byte, frameHeader+len(payload))
	return b[:putFrame(b, id, pos, kind(k&3), index, payload)]
}

func DecodeFrame(b []byte, id uint64, pos int64) (payload []byte, size int, ok bool) {
	f, n, ok := parseFrame(b, id, pos)
	return f.payload, n, ok
}

// CutPlain is what readers cut plain records off a window with.
func CutPlain(dst [][]byte, b []byte, id uint64, pos int64, index uint32, trust int) (n, size int) {
	return cutPlain(dst, b, id+uint64(pos), index, trust)
}

// EncodeFooter returns a footer with so many places, DecodeFooter how many one has.
func EncodeFooter(places int) []byte {
	return footer{places: make([]place, places)}.append(nil)
}

func DecodeFooter(b []byte) (places int, ok bool) {
	f, ok := parseFooter(b)
	return len(f.places), ok
}

// FollowOn returns o on another file system.
func FollowOn(o ReaderOptions, fsys fsx.FS) ReaderOptions {
	o.fs = fsys
	return o
}

// WithVersion returns a segment file with another version in its header.
func WithVersion(file []byte, v uint32) []byte {
	b := append([]byte(nil), file...)
	binary.LittleEndian.PutUint32(b[8:], v)
	binary.LittleEndian.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli))
	return b
}

// HoldFirst opens the first segment as a reader does, until release.
func HoldFirst[T any](q *DiskQueue[T]) (release func(), err error) {
	g := q.w.all()[0]
	if _, err := q.w.files.acquire(g); err != nil {
		return nil, err
	}
	return func() { q.w.files.release(g) }, nil
}

// LastPoint returns the time of the last sync point.
func LastPoint[T any](q *DiskQueue[T]) time.Time {
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	return q.w.now
}

// ForgetFirst is the moment of a drop at which the first segment is no longer listed.
func ForgetFirst[T any](q *DiskQueue[T]) {
	q.w.segments.mu.Lock()
	defer q.w.segments.mu.Unlock()
	q.w.list = q.w.list[1:]
}

// FirstBeforeUnlisting has drop wait where it takes a segment off the list, as a reader makes it wait who looks for one, and returns
// where the queue begins at that moment.
func FirstBeforeUnlisting[T any](q *DiskQueue[T], drop func()) (first sluice.Offset) {
	l := &q.w.segments.mu
	l.RLock()
	done := make(chan bool)
	go func() {
		defer close(done)
		drop()
	}()
	for l.TryRLock() { // nobody waits to change it
		l.RUnlock()
		select {
		case <-done:
			panic("nothing is dropped")
		default:
			runtime.Gosched()
		}
	}
	first = sluice.Offset(q.w.first.Load())
	l.RUnlock()
	<-done
	return first
}

// Failure returns why a queue has failed, or nil.
func Failure[T any](q *DiskQueue[T]) error {
	if err := q.w.failure(); err != sluice.ErrClosed {
		return err
	}
	return nil
}

// LookLateDuring appends to a durable queue, and looks for a late sync point when the value is in the block and not written yet.
func LookLateDuring[T any](q *DiskQueue[T], value string) (again bool, err error) {
	w := q.w
	if err := w.begin(context.Background(), frameHeader+len(value), 1); err != nil {
		return false, err
	}
	w.putAllLocked(1, func(int) []byte { return []byte(value) })
	g := w.group
	g.refs++ // as finish does, before it lets go of mu
	w.mu.Unlock()
	again = w.writeLate()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awaitLocked(g)
	g.refs-- // it is not used again
	return again, g.err
}

// EnterTail enters the tail block as a reader does, until leave. look returns what is published in it.
func EnterTail[T any](q *DiskQueue[T]) (look func() []byte, mapped bool, leave func()) {
	b := q.w.tail.Load()
	if !b.enter() {
		panic("the tail can't be entered")
	}
	ready := b.ready.Load()
	return func() []byte { return append([]byte(nil), b.data[:ready]...) }, b.mirror != nil, b.leave
}

// WithTailVersion returns a TAIL with another version in its first header.
func WithTailVersion(file []byte, v uint32) []byte {
	b := append([]byte(nil), file...)
	binary.LittleEndian.PutUint32(b[8:], v)
	binary.LittleEndian.PutUint32(b[halfUsed-4:], crc32.Checksum(b[8:halfUsed-4], castagnoli))
	return b
}

// WithTailRoom returns a TAIL whose first header says that there is so much room for data.
func WithTailRoom(file []byte, room uint32) []byte {
	b := append([]byte(nil), file...)
	binary.LittleEndian.PutUint32(b[12:], room)
	binary.LittleEndian.PutUint32(b[halfUsed-4:], crc32.Checksum(b[8:halfUsed-4], castagnoli))
	return b
}

// PutHalf stores the header of a half of the TAIL into b.
func PutHalf(b []byte, base int64) { half{base: base}.put(b) }

// HeldUp reports whether an append waits for room, or somebody holds the file.
func HeldUp[T any](q *DiskQueue[T]) bool {
	if !q.w.writing.TryLock() {
		return true
	}
	q.w.writing.Unlock()
	return q.w.room.Waiting()
}

// VerifiedByRuns returns how many bytes of a queue of one segment readers need not verify frame by frame.
func VerifiedByRuns(fsys fsx.FS, dir string) (n int64, err error) {
	list, err := readDir(fsys, dir)
	if err != nil {
		return 0, err
	}
	s := &segments{fs: fsys, dir: dir, files: files{fs: fsys, limit: 1}}
	defer s.files.close()
	w := window{s: s}
	if err := w.enter(list[0], headerSize); err != nil {
		return 0, err
	}
	for next := uint32(0); ; {
		if _, err := w.verifyRun(true); err != nil {
			return 0, err
		}
		f, size, st, err := w.frame()
		switch {
		case err != nil || st == atEnd || st == whole && f.kind == kindFooter:
			return n, err
		case st == damaged:
			if _, err := w.resync(next); err != nil {
				return n, err
			}
			continue
		}
		next = f.index + 1
		if w.i < w.run {
			n += int64(size)
		}
		w.skip(size)
		w.due = f.kind == kindSync
	}
}

// PinSpareHalf is a reader that stays in the half of the TAIL that is not the end, if there is one.
func PinSpareHalf[T any](q *DiskQueue[T]) (release func()) {
	w := q.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tailFile == nil {
		return func() {}
	}
	b := w.tailFile.spare(w.b)
	return func() { b.pins.Store(0) }
}

// End returns where in the last segment the next frame goes.
func End[T any](q *DiskQueue[T]) int64 {
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	return q.w.endLocked()
}

// PointDue makes a sync point due.
func PointDue[T any](q *DiskQueue[T]) {
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	q.w.point = true
}

// Turn is the moment of an append at which there is room for it, and it is not there yet.
func Turn[T any](q *DiskQueue[T]) error {
	if err := q.w.begin(context.Background(), 100, 1); err != nil {
		return err
	}
	q.w.mu.Unlock()
	return nil
}

// SyncWritten syncs what is written.
func SyncWritten[T any](q *DiskQueue[T]) error { return q.w.sync() }

// Synced returns up to where all is on stable storage.
func Synced[T any](q *DiskQueue[T]) sluice.Offset { return sluice.Offset(q.w.synced.Load()) }

// Roll begins a new segment.
func Roll[T any](q *DiskQueue[T]) error {
	q.w.writing.Lock()
	defer q.w.writing.Unlock()
	return q.w.rollNow()
}

// SegmentID returns the id that a segment file's header says.
func SegmentID(file []byte) uint64 {
	h, err := parseHeader(file)
	if err != nil {
		panic(err)
	}
	return h.id
}

// SealAll seals what is complete, as the keeper does.
func SealAll[T any](q *DiskQueue[T]) error {
	q.w.syncing.Lock()
	defer q.w.syncing.Unlock()
	return q.w.sealAll()
}
