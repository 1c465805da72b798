package diskq

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/internal/notify"
)

// A writer is the part of a queue that one process at a time has: it puts frames into the tail block, writes them to the
// segment, syncs, rolls and drops. It knows nothing of values.
//
// An append puts its frames into the block under mu, which takes nanoseconds. With Buffered, and with Written if the block lies
// in a mapped file (see tailFile), that is all: they are published at once, and written by whoever needs the room, or
// flushLate. Else the appender then asks for writing: whoever gets it writes (and, with Durable, syncs) everything that
// lies in the block by then, publishes it, and settles the group of all those appends; the next ones in line find theirs
// settled. So a write, or a sync, is shared by everybody who came while the one before was under way.
//
// lock order: writing, then syncing, then mu, then those of segments, segment and files. writing and syncing are held
// over system calls, never while waiting for a reader, a consumer or ctx.
type writer struct {
	segments
	o     Options
	codec string
	queue uint64
	boot  uint64
	lock  io.Closer
	epoch atomic.Uint64

	writing sync.Mutex // writes to the tail's file, and which file that is
	syncing sync.Mutex // syncs, seals, drops
	mu      sync.Mutex

	// Guarded by mu. The block is s.tail; bytes of its data below ready are published, those below written are in the file
	// (ready <= written, but if atOnce written <= ready, and at first in the block behind one that was), those below used hold frames.
	b       *block
	used    int
	full    int           // from there on another block is begun, with what lies behind
	last    sluice.Offset // the first value of the last append, which may lie across full
	n       sluice.Offset // of the next value
	atOnce  bool          // what is put into the block is published at once, and written later
	stuck   error         // why what a mapped block holds could not be written: until it can be, nothing is put into it
	free    []*group      // settled, and looked at by all
	crowd   [2]int        // how many appends the last two groups had
	leading bool          // with Durable: somebody is about to commit
	group   *group        // of the appends whose frames are not taken yet
	err     error         // why nothing more is appended; it stays
	unmade  *unmade       // what recovery could not make yet
	started bool          // the session's first sync point is on stable storage, so appends may begin
	point   bool          // a sync point is due
	pointAt int64         // where the last one is
	run     run           // behind it
	others  int64         // bytes of all segments but the last
	old     []*oldSegment // rolled and not sealed yet, oldest first
	unsaved bool          // there are written bytes that no sync was begun for
	newName bool          // there are files in the directory that no directory sync was begun for
	inFile  sluice.Offset // everything before is written
	now     time.Time     // of the last sync point: they never go back
	scratch [syncSize]byte
	armed   bool // keeper and late know that there is something to do
	writes  int64

	// Guarded by writing; file and written are changed under mu too.
	file      fsx.File  // of the last segment; nil until the session is started
	written   int       // of the block, how much is in the file
	allocated int64     // of the file, how much room is taken on the device
	retired   *block    // used before, perhaps with readers in it
	tailFile  *tailFile // nil: none, or not yet; changed under mu too

	dropping *segment // no longer listed, but it may come back; guarded by syncing

	synced atomic.Int64 // everything before that offset is on stable storage; changed under syncing

	room     notify.List  // appends that wait for room
	blocked  atomic.Int32 // how many they are
	starved  atomic.Int32 // how many appends look for room that consumers make; see Options.DeleteConsumed
	consumed func() error // has consumers make room, as far as they can now; constant once appends may come
	keeper   chan struct{}
	late     chan struct{} // for flushLate, as keeper is for keep
	quit     chan struct{}
	tasks    sync.WaitGroup
	syncs    atomic.Int64
	recovery Recovery // constant

	closeOnce sync.Once
	closeErr  error // guarded by closeOnce
}

// An oldSegment is one that is complete and waits to be sealed.
type oldSegment struct {
	g    *segment
	file fsx.File // nil: to be opened
	end  int64
	next sluice.Offset
	head header
	time time.Time // of the last sync point

	saved bool // synced since the last write; guarded by syncing
}

const pointSize = frameHeader + syncSize

// begin locks mu with room in the block for frames of that size, which hold so many records. It may wait for room in the
// queue until ctx is done. On an error mu is not locked.
func (w *writer) begin(ctx context.Context, size, records int) error {
	w.mu.Lock()
	for !w.fitsLocked(size, records) {
		w.mu.Unlock()
		if err := w.makeRoom(ctx, size, records); err != nil {
			return err
		}
		w.mu.Lock()
	}
	return nil
}

func (w *writer) fitsLocked(size, records int) bool {
	return w.err == nil && w.started && w.stuck == nil &&
		w.used < w.full && size <= len(w.b.data)-w.used-pointSize && // their sum may be more than an int
		w.fitsSegmentLocked(size, records) &&
		w.fitsQueueLocked(size)
}

func (w *writer) fitsSegmentLocked(size, records int) bool {
	index := int64(w.n - w.b.seg.first)
	return index == 0 ||
		w.endLocked()+int64(size+pointSize) <= w.o.SegmentBytes && index+int64(records) <= maxIndex
}

func (w *writer) fitsQueueLocked(size int) bool {
	return w.o.MaxBytes == 0 || w.bytesWithLocked(size) <= w.o.MaxBytes
}

// bytesWithLocked returns how large all segments would be with frames of that size: sealed, and with the next one begun.
func (w *writer) bytesWithLocked(size int) int64 {
	end := w.endLocked() + int64(size+pointSize)
	return w.others + end + w.footerLocked(end) + headerSize + pointSize
}

// footerRoom is about how large the footer of a segment of that size is, which is written at once.
func footerRoom(size int64) int64 {
	return frameHeader + syncSize + 4 + placeSize*(2+size/pointEvery) + trailerSize
}

// footerLocked is about how large the footer of the last segment is when that has that size. A slow queue has more places than a
// fast one, by their time. (They are changed under mu too.)
func (w *writer) footerLocked(size int64) int64 {
	return max(footerRoom(size), footerRoom(0)+placeSize*int64(len(w.b.seg.places)))
}

// endLocked returns where in the last segment the next frame goes.
func (w *writer) endLocked() int64 { return w.b.base + int64(w.used) }

// fillLocked puts the values of an append into the block, which has room for them, behind a sync point if one is due. On an
// error none of them is there, and mu is not locked.
func (w *writer) fillLocked(values int, payload func(i int) []byte) error {
	used, n := w.used, w.n
	w.putAllLocked(values, payload)
	err := w.b.store(used, w.used)
	if err != nil {
		err = fmt.Errorf("diskq: the queue failed, and must be opened again: append: %w", err)
		w.used, w.n = used, n
		w.b.seg.forget(w.endLocked())
		w.failLocked(err)
		w.mu.Unlock()
	}
	return err
}

func (w *writer) putAllLocked(values int, payload func(i int) []byte) {
	w.last = w.n
	if w.point {
		w.putPointLocked()
	}
	for i := range values {
		k := kindPart
		if i == values-1 {
			k = kindRecord
		}
		w.putLocked(k, payload(i))
	}
}

// putLocked puts a value into the block, which has room for it.
func (w *writer) putLocked(k kind, payload []byte) {
	pos := w.endLocked()
	w.used += putFrame(w.b.data[w.used:], w.b.seg.head.id, pos, k, uint32(w.n-w.b.seg.first), payload)
	w.n++
	if w.endLocked()-w.pointAt >= pointEvery {
		w.point = true
	}
}

// pointEvery is how many bytes lie between two sync points at most, but for one large value or batch.
const pointEvery = 64 << 10

func (w *writer) putPointLocked() {
	pos, index := w.endLocked(), uint32(w.n-w.b.seg.first)
	p := w.pointLocked()
	p.sum, p.summed = w.endRunLocked()
	w.used += putFrame(w.b.data[w.used:], w.b.seg.head.id, pos, kindSync, index, p.append(w.scratch[:0]))
	w.b.seg.note(place{pos, index, p.time})
	w.point, w.pointAt = false, pos
	w.beginRunLocked(w.used)
}

// pointLocked returns the sync point that belongs here and now.
func (w *writer) pointLocked() syncPoint { return w.pointFor(w.b.seg, w.n) }

func (w *writer) pointFor(g *segment, next sluice.Offset) syncPoint {
	if now := time.Now().Round(0); now.After(w.now) { // by the clock on the wall, as it is written down
		w.now = now
	}
	return syncPoint{
		id: g.head.id, queue: w.queue, epoch: w.epoch.Load(),
		next: next, synced: sluice.Offset(w.synced.Load()),
		time: w.now, boot: w.boot, durability: w.o.Durability, tail: w.tailFile != nil,
	}
}

// note adds a place to the index of a segment that is being written, unless the last one is near.
func (s *segment) note(p place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.places); n > 0 {
		if p.near(s.places[n-1]) {
			return
		}
	}
	s.places = append(s.places, p)
}

// forget takes back what was noted from pos on. Readers may still look at the old slice, so it is not written to again.
func (s *segment) forget(pos int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(s.places); n > 0 && s.places[n-1].pos >= pos; n-- {
		s.places = slices.Clip(s.places[:n-1])
	}
}

// fail makes the queue fail: appends get err from now on, readers when they have read everything.
func (w *writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(err)
}

func (w *writer) failLocked(err error) {
	if w.err == nil {
		w.err = err
		w.end(err)
		w.room.Wake()
	}
}

// armLocked tells keep and flushLate that something was appended, if they do not know.
func (w *writer) armLocked() {
	if !w.armed {
		w.armed = true
		w.kick()
	}
}

func (w *writer) kick() {
	for _, c := range []chan struct{}{w.keeper, w.late} {
		select {
		case c <- struct{}{}:
		default: // it will look in any case
		}
	}
}
