package diskq

import (
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A group is the appends that one write settles.
type group struct {
	refs    int       // appends that have not looked yet; guarded by mu
	settled sync.Cond // of mu: with Durable they wait for done, or for their turn to lead
	done    bool      // changed under writing and mu, as err
	err     error
}

// finish ends what begin began, and returns once the appended values may be said to be: mu is unlocked.
func (w *writer) finish() error {
	if w.atOnce {
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
		w.handOverLocked(g)
	}
	err := g.err
	if g.refs--; g.refs == 0 {
		w.free = append(w.free, g)
	}
	w.mu.Unlock()
	w.wake()
	return err
}

// handOverLocked returns when g is settled. Who finds that nobody writes does so without letting go of mu first: a lone
// writer then takes each lock once before the write and once behind it. The others wait, and one of them writes for all.
func (w *writer) handOverLocked(g *group) {
	if !w.writing.TryLock() { // it does not wait, so the order of the locks is no matter
		w.mu.Unlock()
		w.writing.Lock()
		w.mu.Lock()
	}
	if !g.done {
		w.commitLocked(math.MaxInt)
	}
	w.writing.Unlock()
}

// awaitLocked returns when g is settled. Of all who wait one leads: it commits what is there by then, wakes its group at
// once, and one of the next group to lead. (A lock that is handed from one to the next costs a sync for every seven of
// 64 writers.)
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

// commit writes what is in the block, syncs it with Durable, publishes it and settles its group. The caller holds writing.
// On an error everything that was not published is taken back: no append that failed leaves a trace.
func (w *writer) commit() error {
	w.mu.Lock()
	err := w.commitLocked(math.MaxInt)
	w.mu.Unlock()
	w.wake()
	return err
}

// commitLocked is commit by one who holds mu as well, which it lets go of while it writes and syncs. The caller wakes
// readers when he has let go of mu. Of a block that is full it may be told to write no more than up to there.
func (w *writer) commitLocked(most int) error {
	from, to, end, g, err := w.written, w.used, w.n, w.group, w.err
	b, file := w.b, w.file
	if most < to {
		to, end = most, max(w.inFile, w.last)
	}
	if from >= to && err == nil {
		return nil
	}
	w.group = w.newGroupLocked()
	w.mu.Unlock()
	if err == nil {
		err = w.write(file, b, from, to)
	}
	w.mu.Lock()
	if err == nil {
		w.writes++
		w.written, w.inFile, w.unsaved = to, end, true
		if w.o.Durability == Durable {
			w.mu.Unlock()
			err = w.syncAppends(file, b.base+int64(from))
			w.mu.Lock()
			w.point = true
		}
	}
	if w.b.mirror != nil {
		w.stuck = err
	}
	if err != nil {
		w.takeBackLocked(g, err)
		return err
	}
	if !w.atOnce {
		w.publishLocked(to, end)
	}
	w.settleLocked(g, nil)
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

// takeBackLocked empties the block down to what is published, and fails the groups of what was not. The caller holds
// writing.
func (w *writer) takeBackLocked(g *group, err error) {
	later := w.group
	w.group = w.newGroupLocked()
	w.settleLocked(g, err)
	w.settleLocked(later, err)
	if ready := int(w.b.ready.Load()); w.used > ready {
		w.used, w.n = ready, sluice.Offset(w.next.Load())
		w.written = min(w.written, ready)
		w.b.seg.forget(w.endLocked())
		w.point, w.run.known = true, false
	}
}

// write writes b.data[from:to]. If it can't, and an append is to fail with that, the file is left as it was, for certain: a
// failed value that a power cut could bring back would be one that appears though Append failed. If that can't be had either,
// the queue fails. What is acknowledged already may be there in part, and the room that was taken for it stays.
func (w *writer) write(file fsx.File, b *block, from, to int) error {
	pos := b.base + int64(from)
	w.preallocate(file, pos, b.base+int64(to))
	_, err := file.WriteAt(b.data[from:to], pos)
	if err == nil {
		return nil
	}
	if int64(to) > b.ready.Load() {
		w.syncing.Lock()
		defer w.syncing.Unlock()
		w.cutBackHeld(file, pos)
	}
	return fmt.Errorf("diskq: %w", err)
}

// cutBackHeld cuts the last segment at pos, for certain, or makes the queue fail. The caller holds writing and syncing.
func (w *writer) cutBackHeld(file fsx.File, pos int64) {
	err := file.Truncate(pos) // which gives back room that was taken
	if w.allocated != openEnd {
		w.allocated = min(w.allocated, pos)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		w.fail(fmt.Errorf("diskq: the queue failed, and must be opened again: what a failed append wrote could not be taken back: %w", err))
	}
}

// syncAppends syncs what commit wrote at pos. If it can't, that is taken back from the file. The caller holds writing.
func (w *writer) syncAppends(file fsx.File, pos int64) error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	err := w.syncHeld()
	switch {
	case err == nil:
	case w.failure() != nil:
		file.Truncate(pos) // so that the next Open does not find what is about to fail; it can't be synced any more
	default:
		w.mu.Lock()
		w.inFile = sluice.Offset(w.next.Load()) // under syncing: nobody promises what is taken back
		w.mu.Unlock()
		w.cutBackHeld(file, pos)
	}
	return err
}

// ahead is how much room is taken on the device at once, at most. A file that has it is synced a third faster, and written
// to in half the time where that is done in large pieces.
const ahead = 4 << 20

// largePiece is from how many bytes on a write is faster by more than 10 % where room was taken.
const largePiece = 4 << 10

// preallocate takes room for a piece of a file that is about to be written, and for what will follow: with Durable, which
// syncs each piece, all that there is to take; else, for large pieces, as much again as the file has, so that a small queue
// takes little. It is a hint: without room it is not repeated, and the write says what is wrong.
func (w *writer) preallocate(file fsx.File, from, end int64) {
	if w.o.Durability == Durable || end-from >= largePiece {
		w.takeRoom(file, from, end)
	}
}

// takeRoom takes room for those bytes of a file, and for what will follow. It reports whether it is there.
func (w *writer) takeRoom(file fsx.File, from, end int64) bool {
	if end > w.allocated {
		more := int64(ahead)
		if w.o.Durability != Durable {
			more = min(more, end)
		}
		room := max(from, w.allocated)
		w.allocated = max(end, min(end+more, w.o.SegmentBytes))
		if file.Preallocate(room, w.allocated) != nil {
			w.allocated = openEnd
		}
	}
	return w.allocated != openEnd
}

// publishLocked makes everything in the block up to used readable, next being the end then.
func (w *writer) publishLocked(used int, next sluice.Offset) {
	w.b.ready.Store(int64(used))
	w.next.Store(int64(next)) // behind ready: whoever sees the end finds it in the block
}
