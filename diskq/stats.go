package diskq

import "github.com/sluice-go/sluice"

// Stats is a look at a queue.
type Stats struct {
	First, Next sluice.Offset // as Bounds
	Synced      sluice.Offset // everything before is on stable storage
	Epoch       uint64        // see DiskQueue.Epoch
	Bytes       int64         // of the segment files, with what is still to be written to them
	Segments    int
	Writes      int64    // of frames, since Open
	Syncs       int64    // of files, since Open
	Waiting     int      // appends that wait for room, see Block
	Err         error    // why nothing is appended any more: an fsync failed, or ErrClosed; nil: nothing keeps from it
	Recovery    Recovery // what Open found

	Consumers []ConsumerStats // all there are, open or not, sorted by name
}

// Stats returns what the queue holds and has done. It costs some locks for nanoseconds.
func (q *DiskQueue[T]) Stats() Stats {
	w := q.w
	s := Stats{
		Synced: sluice.Offset(w.synced.Load()), Epoch: w.epoch.Load(),
		Syncs: w.syncs.Load(), Waiting: int(w.blocked.Load()), Recovery: w.recovery,
	}
	w.mu.Lock()
	s.Err = w.err
	s.Writes = w.writes
	s.Segments = len(w.all())
	s.Bytes = w.others + w.endLocked()
	w.mu.Unlock()
	s.First, s.Next = w.bounds()
	s.Synced = min(s.Synced, s.Next) // a durable append is synced before readers see it
	s.Consumers = q.marks.stats()
	return s
}
