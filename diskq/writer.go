package diskq

import (
	"context"
	"fmt"
	"io"
	"runtime"
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
// An append puts its frames into the block under mu, which takes nanoseconds. With Buffered that is all: they are published at
// once, and written by whoever needs the room, or the keeper. Else the appender then asks for writing: whoever gets it
// writes (and, with Durable, syncs) everything that lies in the block by then, publishes it, and settles the group of
// all those appends; the next ones in line find theirs settled. So a write, or a sync, is shared by everybody who came while the one
// before was under way.
//
// lock order: writing, then syncing, then mu, then those of segments, segment and files. writing and syncing are held over
// system calls, never while waiting for a reader, a consumer or ctx.
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
	// (ready <= written, but with Buffered written <= ready), those below used hold frames.
	b       *block
	used    int
	n       sluice.Offset // of the next value
	free    []*group      // settled, and looked at by all
	crowd   [2]int        // how many appends the last two groups had
	leading bool          // with Durable: somebody is about to commit
	group   *group        // of the appends whose frames are not taken yet
	err     error         // why nothing more is appended; it stays
	unmade  *unmade       // what recovery could not make yet
	started bool          // the session's first sync point is on stable storage, so appends may begin
	point   bool          // a sync point is due
	pointAt int64         // where the last one is
	others  int64         // bytes of all segments but the last
	old     []oldSegment  // rolled and not sealed yet, oldest first
	unsaved bool          // there are written bytes that no sync was begun for
	newName bool          // there are files in the directory that no directory sync was begun for
	inFile  sluice.Offset // everything before is written
	now     time.Time     // of the last sync point: they never go back
	scratch [syncSize]byte
	armed   bool // the keeper knows that there is something to do

	// Guarded by writing; file and written are changed under mu too.
	file      fsx.File // of the last segment; nil until the session is started
	written   int      // of the block, how much is in the file
	allocated int64    // of the file, how much room is taken on the device
	retired   *block   // used before, perhaps with readers in it

	synced atomic.Int64 // everything before that offset is on stable storage; changed under syncing

	room     notify.List // appends that wait for room
	keeper   chan struct{}
	quit     chan struct{}
	done     chan struct{}
	writes   atomic.Int64
	syncs    atomic.Int64
	recovery Recovery // constant

	closeOnce sync.Once
	closeErr  error // guarded by closeOnce
}

// A group is the appends that one write settles.
type group struct {
	refs    int       // appends that have not looked yet; guarded by mu
	settled sync.Cond // of mu: with Durable they wait for done, or for their turn to lead
	done    bool      // changed under writing and mu, as err
	err     error
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
	if w.point {
		w.putPointLocked()
	}
	return nil
}

func (w *writer) fitsLocked(size, records int) bool {
	return w.err == nil && w.started &&
		w.used+size+pointSize <= len(w.b.data) &&
		w.fitsSegmentLocked(size, records) &&
		w.fitsQueueLocked(size)
}

func (w *writer) fitsSegmentLocked(size, records int) bool {
	index := int64(w.n - w.b.seg.first)
	return index == 0 ||
		w.endLocked()+int64(size+pointSize) <= w.o.SegmentBytes && index+int64(records) <= maxIndex
}

func (w *writer) fitsQueueLocked(size int) bool {
	end := w.endLocked() + int64(size+pointSize)
	return w.o.MaxBytes == 0 || w.others+end+footerRoom(end)+headerSize+pointSize <= w.o.MaxBytes
}

// footerRoom is about how large the footer of a segment of that size is.
func footerRoom(size int64) int64 {
	return frameHeader + syncSize + 4 + placeSize*(2+size/pointEvery) + trailerSize
}

// endLocked returns where in the last segment the next frame goes.
func (w *writer) endLocked() int64 { return w.b.base + int64(w.used) }

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
	w.used += putFrame(w.b.data[w.used:], w.b.seg.head.id, pos, kindSync, index, p.append(w.scratch[:0]))
	w.b.seg.note(place{pos, index, p.time})
	w.point, w.pointAt = false, pos
}

// pointLocked returns the sync point that belongs here and now.
func (w *writer) pointLocked() syncPoint { return w.pointFor(w.b.seg, w.n) }

func (w *writer) pointFor(g *segment, next sluice.Offset) syncPoint {
	if now := time.Now(); now.After(w.now) {
		w.now = now
	}
	return syncPoint{
		id: g.head.id, queue: w.queue, epoch: w.epoch.Load(),
		next: next, synced: sluice.Offset(w.synced.Load()),
		time: w.now, boot: w.boot, durability: w.o.Durability,
	}
}

// note adds a place to the index of a segment that is being written, unless the last one is near.
func (s *segment) note(p place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.places); n > 0 {
		if last := s.places[n-1]; p.pos-last.pos < pointEvery && p.time.Sub(last.time) < time.Second {
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

// finish ends what begin began, and returns once the appended values may be said to be: mu is unlocked.
func (w *writer) finish() error {
	if w.o.Durability == Buffered {
		w.publishLocked(w.used, w.n)
		w.armLocked()
		w.mu.Unlock()
		w.wake()
		return nil
	}
	g := w.group
	g.refs++
	w.armLocked()
	if w.o.Durability == Durable {
		w.awaitLocked(g)
	} else {
		w.mu.Unlock()
		w.writing.Lock()
		if !g.done {
			w.commit()
		}
		w.writing.Unlock()
		w.mu.Lock()
	}
	err := g.err
	if g.refs--; g.refs == 0 {
		w.free = append(w.free, g)
	}
	w.mu.Unlock()
	return err
}

// awaitLocked returns when g is settled. Of all who wait one leads: it commits what is there by then, wakes its group at once,
// and one of the next group to lead. (A lock that is handed from one to the next costs a sync for every seven of 64 writers.)
func (w *writer) awaitLocked(g *group) {
	for !g.done {
		if w.leading {
			g.settled.Wait()
			continue
		}
		w.leading = true
		w.gatherLocked()
		w.mu.Unlock()
		w.writing.Lock()
		w.commit()
		w.writing.Unlock()
		w.mu.Lock()
		w.leading = false
	}
	if !w.leading && w.group.refs > 0 {
		w.group.settled.Signal()
	}
}

// gatherLocked lets others join the group, whoever can run now, until it is as large as the last two together: those of the
// last come again, and those of this one waited while that was synced. It gives up soon.
func (w *writer) gatherLocked() {
	for tries := 0; tries < maxGather && (tries == 0 || w.group.refs < w.crowd[0]+w.crowd[1]); tries++ {
		w.mu.Unlock()
		runtime.Gosched()
		w.mu.Lock()
		if w.crowd == [2]int{1, 1} {
			break // a lone writer waits for nobody
		}
	}
	w.crowd = [2]int{w.group.refs, w.crowd[0]}
}

const maxGather = 64

// publishLocked makes everything in the block up to used readable, next being the end then.
func (w *writer) publishLocked(used int, next sluice.Offset) {
	w.b.ready.Store(int64(used))
	w.next.Store(int64(next)) // behind ready: whoever sees the end finds it in the block
}

// armLocked tells the keeper that something was appended, if it does not know.
func (w *writer) armLocked() {
	if !w.armed {
		w.armed = true
		w.kick()
	}
}

func (w *writer) kick() {
	select {
	case w.keeper <- struct{}{}:
	default: // it will look in any case
	}
}

// commit writes what is in the block, syncs it with Durable, publishes it and settles its group. The caller holds writing.
// On an error everything that was not published is taken back: no append that failed leaves a trace.
func (w *writer) commit() error {
	w.mu.Lock()
	from, to, end, g, err := w.written, w.used, w.n, w.group, w.err
	b, file := w.b, w.file
	if from == to && err == nil {
		w.mu.Unlock()
		return nil
	}
	w.group = w.newGroupLocked()
	w.mu.Unlock()
	if err == nil {
		err = w.write(file, b, from, to)
	}
	if err == nil {
		w.mu.Lock()
		w.written, w.inFile, w.unsaved = to, end, true
		w.mu.Unlock()
		if w.o.Durability == Durable {
			if err = w.sync(); err != nil {
				file.Truncate(b.base + int64(from)) // so that the next Open does not find what is about to fail
			}
		}
	}
	if err != nil {
		w.takeBack(g, err)
		return err
	}
	w.mu.Lock()
	if w.o.Durability != Buffered {
		w.publishLocked(to, end)
	}
	w.point = w.point || w.o.Durability == Durable
	b.seg.size.Store(b.base + int64(to))
	w.settleLocked(g, nil)
	w.mu.Unlock()
	w.wake()
	return nil
}

// settleLocked tells the appends of a group what came of them. The caller holds writing too.
func (w *writer) settleLocked(g *group, err error) {
	g.done, g.err = true, err
	if g.refs > 0 {
		g.settled.Broadcast()
	} else {
		w.free = append(w.free, g)
	}
}

// newGroupLocked returns an empty group.
func (w *writer) newGroupLocked() *group {
	n := len(w.free)
	if n == 0 {
		return &group{settled: sync.Cond{L: &w.mu}}
	}
	g := w.free[n-1]
	w.free = w.free[:n-1]
	g.done, g.err = false, nil
	return g
}

// takeBack empties the block down to what is published, and fails the groups of what was not. The caller holds writing.
func (w *writer) takeBack(g *group, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	later := w.group
	w.group = w.newGroupLocked()
	w.settleLocked(g, err)
	w.settleLocked(later, err)
	if ready := int(w.b.ready.Load()); w.used > ready {
		w.used, w.n = ready, sluice.Offset(w.next.Load())
		w.written = min(w.written, ready)
		w.b.seg.forget(w.endLocked())
		w.point = true
	}
}

// write writes b.data[from:to]. If it can't, the file is left as it was, for certain: a failed value that a power cut could
// bring back would be one that appears though Append failed. If that can't be had either, the queue fails.
func (w *writer) write(file fsx.File, b *block, from, to int) error {
	pos := b.base + int64(from)
	w.preallocate(file, b.base+int64(to))
	w.writes.Add(1)
	_, err := file.WriteAt(b.data[from:to], pos)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("diskq: append: %w", err)
	repair := file.Truncate(pos)
	if repair == nil {
		w.syncing.Lock()
		repair = file.Sync()
		w.syncing.Unlock()
	}
	if repair != nil {
		w.fail(fmt.Errorf("diskq: the queue failed, and must be opened again: what a failed append wrote could not be taken back: %w", repair))
	}
	return err
}

// ahead is how much room is taken on the device at once. A file that has it is synced a third faster.
const ahead = 4 << 20

// preallocate takes room for a file that will be synced after each append. It is a hint: without room it is not repeated, and the
// write says what is wrong.
func (w *writer) preallocate(file fsx.File, end int64) {
	if w.o.Durability != Durable || end <= w.allocated {
		return
	}
	w.allocated = max(end, min(w.allocated+ahead, w.o.SegmentBytes))
	if file.Preallocate(w.allocated) != nil {
		w.allocated = openEnd
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

// makeRoom does what keeps an append of that size out: it writes the block and begins another, or another segment, starts
// the session, drops old segments, or waits until somebody does. It may do one of them: begin looks again.
func (w *writer) makeRoom(ctx context.Context, size, records int) error {
	if w.o.MaxBytes > 0 && int64(size)+footerRoom(int64(size))+2*headerSize+4*pointSize > w.o.MaxBytes {
		return fmt.Errorf("%w: %d bytes do not fit in a queue of MaxBytes %d", ErrTooLarge, size, w.o.MaxBytes)
	}
	full, err := w.turn(size, records)
	if err != nil || !full {
		return err
	}
	switch w.o.WhenFull {
	case Fail:
		return ErrFull
	case DropOldest:
		return w.dropForRoom(size)
	}
	return w.waitForRoom(ctx, size)
}

// turn is makeRoom but for the bound of the queue: it reports whether that is reached.
func (w *writer) turn(size, records int) (full bool, err error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	for {
		w.mu.Lock()
		switch {
		case w.err != nil:
			err = w.err
		case !w.started:
			err = w.startLocked()
		case w.fitsLocked(size, records):
			// Somebody was quicker.
		case w.written < w.used:
			w.mu.Unlock()
			if err := w.commit(); err != nil {
				return false, err
			}
			continue
		case !w.fitsQueueLocked(size):
			full = true
		case !w.fitsSegmentLocked(size, records):
			err = w.rollLocked()
		default:
			w.renewLocked(size)
		}
		w.mu.Unlock()
		return full, err
	}
}

// renewLocked begins a block behind the one that is full, all of which is written. The caller holds writing.
func (w *writer) renewLocked(size int) {
	w.enterLocked(w.b.seg, w.endLocked(), size)
}

// enterLocked makes the block at that place of g the tail, with room for frames of that size. The caller holds writing.
func (w *writer) enterLocked(g *segment, base int64, size int) {
	b, old := w.spare(size), w.b
	b.seg, b.base = g, base
	b.ready.Store(0)
	w.b, w.used, w.written = b, 0, 0
	b.pins.Store(0) // behind seg, base and ready: whoever enters sees them
	w.tail.Store(b)
	if old != nil && len(old.data) == blockSize {
		w.retired = old
	}
}

// spare returns a block that no reader is in: the one retired before, if it is free.
func (w *writer) spare(size int) *block {
	if b := w.retired; b != nil && size+2*pointSize <= blockSize && b.pins.CompareAndSwap(0, taken) {
		w.retired = nil
		return b
	}
	return newBlock(size + 2*pointSize)
}
