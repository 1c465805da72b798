package diskq_test

import (
	"errors"
	"fmt"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

func (h *history) kill() error { return h.after(h.m.Kill(), false) }

func (h *history) powerCut(seed uint64) error { return h.after(h.m.PowerCut(seed), true) }

// powerOn opens the queue again if the power has gone.
func (h *history) powerOn(seed uint64) error {
	if !h.armed {
		return nil
	}
	if _, err := h.m.Stat("/"); errors.Is(err, fsx.ErrPowerCut) {
		return h.powerCut(seed)
	}
	return nil
}

// reborn goes on with another file system, on which nothing fails.
func (h *history) reborn(m *fsx.Mem) {
	h.m, h.fails, h.armed = m, nil, false
	m.Inject(h.fail)
}

// after goes on with what a crash left.
func (h *history) after(m *fsx.Mem, power bool) error {
	h.q.Close() // the old one gets no further; its goroutine ends
	h.reborn(m)
	if err := h.open(); err != nil {
		return fmt.Errorf("Open() after a crash = %w", err)
	}
	_, next := h.q.Bounds()
	least := h.safe
	if !power && h.o.Durability != diskq.Buffered {
		least = len(h.model)
	}
	acknowledged := len(h.model)
	if int(next) > len(h.model) && (power || h.stuck.Load()) {
		h.take(h.tried) // the append in whose middle it came, or that could not be taken back
	}
	h.tried = nil
	if h.lost.Swap(false) && !power {
		for off := h.safe; off < int(next); off++ {
			h.doubt[off] = true
		}
	}
	h.stuck.Store(false)
	if err := h.compare(least, len(h.model)); err != nil {
		return err
	}
	if err := h.compareEpoch(int(next), acknowledged, power); err != nil {
		return err
	}
	h.cutAt(int(next))
	return nil
}

func (h *history) compareEpoch(next, acknowledged int, power bool) error {
	changed := h.q.Epoch() != h.epoch
	switch {
	case next < acknowledged && !changed && !h.doubted(next, acknowledged):
		return fmt.Errorf("%d of %d values are left, and the epoch is the same", next, acknowledged)
	case changed && h.o.Durability == diskq.Durable:
		return fmt.Errorf("the epoch of a durable queue changed")
	case changed && !power && h.o.Durability == diskq.Written:
		return fmt.Errorf("the epoch changed, though the system went on")
	}
	h.epoch = h.q.Epoch()
	return nil
}

// cutAt forgets what the queue lost.
func (h *history) cutAt(next int) {
	h.model = h.model[:next]
	for _, set := range []map[int]bool{h.inner, h.doubt} {
		for off := range set {
			if off >= next {
				delete(set, off)
			}
		}
	}
	h.safe = next
}

// doubted reports whether a failed sync was to sync all of them.
func (h *history) doubted(from, to int) bool {
	for off := from; off < to; off++ {
		if !h.doubt[off] {
			return false
		}
	}
	return true
}

// compare reads everything, and fails unless the queue ends between least and most, and holds the model's values: none lost,
// none changed, none doubled, no failed one, no damage.
func (h *history) compare(least, most int) error {
	first, next := h.q.Bounds()
	if int(next) < least && !h.doubted(int(next), least) || int(next) > most || h.inner[int(next)] {
		return fmt.Errorf("the queue ends at %d, want it between %d and %d, and not within a batch", next, least, most)
	}
	if first < h.first && !h.windows || first > max(h.first, h.trim) { // on Windows a drop may be undone
		return fmt.Errorf("the queue begins at %d, want %d, or up to %d by an interrupted trim", first, h.first, h.trim)
	}
	h.first, h.trim = first, 0
	r, err := readAll(h.q)
	if err != nil {
		return err
	}
	return h.compareValues(r, first, next)
}

// read compares what there is with the model, while the queue is in use.
func (h *history) read() error {
	r, err := readAll(h.q)
	if err != nil && !h.excused(err) {
		return err
	}
	for off := range r.values {
		if int(off) >= len(h.model) {
			return fmt.Errorf("value %d = %q can be read, and %d were appended", off, r.values[off], len(h.model))
		}
	}
	first, next := h.q.Bounds()
	if err != nil {
		next = first + sluice.Offset(len(r.values)) // without damage
	}
	return h.compareValues(r, first, next)
}

func (h *history) compareValues(r reading, first, next sluice.Offset) error {
	for _, g := range r.gaps {
		if !h.doubted(int(g.From), int(g.To)) {
			return fmt.Errorf("damage: %w", g)
		}
	}
	for off := first; off < next; off++ {
		if v, ok := r.values[off]; v != h.model[off] && (ok || !h.doubt[int(off)]) {
			return fmt.Errorf("value %d = %q, want %q", off, v, h.model[off])
		}
	}
	return nil
}
