package diskq

import (
	"math"

	"github.com/sluice-go/sluice"
)

// ConsumerStats is a look at a consumer.
type ConsumerStats struct {
	Name     string
	Open     bool
	Position sluice.Offset // of the oldest value that is not acknowledged
	Depth    int64         // see Consumer.Depth
	InFlight int           // see Consumer.InFlight
	Missed   int64         // values that were gone or damaged, since it was opened
	Dead     int64         // values that went to the dead letters, or would have, since it was opened
	DeadErr  error         // what DeadLetter said last, if that was an error
	SaveErr  error         // what became of the last save, if that was an error

	// MovedBack is by how many offsets the position lay behind what Open found to be the end of the queue: a crash took
	// values that had been acknowledged, and their offsets are given again. The position was moved back to that end.
	MovedBack int64

	// Damaged: the file of the position could not be read when the queue was opened. The consumer begins again at the oldest
	// value.
	Damaged bool
}

// Stats returns what the consumer has done.
func (c *Consumer[T]) Stats() ConsumerStats {
	depth := c.Depth()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Name, s.Open = c.mark.name, !c.closed
	s.Position, s.Depth, s.InFlight = c.out.base, depth, c.out.flying
	return s
}

func (c *Consumer[T]) base() sluice.Offset {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked()
	return c.out.base
}

// drop drops the segments that every consumer is past, if Options.DeleteConsumed says so, as far as their positions are on
// stable storage: else a crash would make them ask for values that are gone.
func (m *bookmarks) drop() error {
	if !m.w.o.DeleteConsumed {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.all) == 0 {
		return nil
	}
	before := sluice.Offset(math.MaxInt64)
	for _, b := range m.all {
		before = min(before, sluice.Offset(b.synced.Load()))
	}
	if !m.w.droppable(before) {
		return nil
	}
	if m.w.starved.Load() > 0 {
		return m.w.trim(before)
	}
	return m.w.trimWhole(before)
}

// makeRoom has the consumers save where they are, if that helps, and drops what they are past. The writer calls it, without a lock, when
// it has no room.
func (m *bookmarks) makeRoom() error {
	m.mu.Lock()
	holders := m.holdersLocked()
	m.mu.Unlock()
	for _, h := range holders {
		if m.w.droppable(h.base()) {
			h.save(true) // an error is kept there; the position holds back what it must
		}
	}
	return m.drop()
}

// droppable reports whether there is something to drop before that offset: the first segment, or all that the last one
// holds.
func (w *writer) droppable(before sluice.Offset) bool {
	w.segments.mu.RLock()
	end := w.list[0].next.Load()
	w.segments.mu.RUnlock()
	first, next := w.bounds()
	return int64(before) >= end || before >= next && next > first
}

// trimWhole is trim but for the last segment.
func (w *writer) trimWhole(before sluice.Offset) error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	if w.failure() == sluice.ErrClosed {
		return nil
	}
	return w.dropHeld(func(g *segment) bool { return sluice.Offset(g.next.Load()) <= before })
}
