package ring

import (
	"context"
	"math"
	"runtime"
	"slices"

	"github.com/sluice-go/sluice"
)

// A gatedReader is a cursor's place in a gated ring.
type gatedReader[T any] struct {
	waiting[T]
	gate gate
	gap  error // of a Seek below what is retained, for the next Poll
}

func newGatedReader[T any](r *Ring[T], p sluice.Position) *gatedReader[T] {
	g := &gatedReader[T]{waiting: waiting[T]{ring: r}}
	runtime.Callers(3, g.gate.opener[:])
	n := r.freeze()
	g.gate.position.Store(math.MaxInt64) // holds nobody back
	g.gate.index = len(r.gates.open)
	r.gates.open = append(r.gates.open, &g.gate)
	err := g.seekFrozen(p, n)
	r.thaw(n)
	g.open(err)
	return g
}

// lower makes the writers look at the gates again before they pass what a gate at that position allows. The ring is frozen.
func (r *Ring[T]) lower(position int64) {
	if !r.single { // who looks anyway
		r.limit = min(r.limit, position+r.size)
	}
}

func (g *gatedReader[T]) Seek(p sluice.Position) error {
	if g.closed.Load() {
		return sluice.ErrClosed
	}
	n := g.ring.freeze()
	defer g.ring.thaw(n)
	return g.seekFrozen(p, n)
}

// seekFrozen moves the gate, at the end n of the frozen ring.
func (g *gatedReader[T]) seekFrozen(p sluice.Position, n int64) error {
	first := sluice.Offset(min(g.ring.firstLocked(n), g.gate.position.Load())) // what is held for it is there
	off, err := p.Resolve(first, sluice.Offset(n))
	if err != nil {
		return err
	}
	g.bad, g.gap = nil, nil
	if off < first {
		g.gap = &sluice.LagError{From: off, To: first}
	}
	g.off = int64(off)
	from := int64(max(off, first))
	g.ring.lower(from)
	g.ring.gates.pass(&g.gate, from)
	g.ring.gates.disarm()
	return nil
}

func (g *gatedReader[T]) Poll() ([]T, error) {
	if err := g.failed(); err != nil {
		return nil, err
	}
	if g.gap != nil {
		return nil, g.passGap()
	}
	r := g.ring
	if g.off != g.gate.position.Load() {
		r.gates.pass(&g.gate, g.off) // the last batch was consumed
	}
	ended := r.ended.Load()
	count := r.tail.Next() - g.off
	if count == 0 {
		return nil, r.endIf(ended)
	}
	i := g.off & r.mask
	count = min(count, r.mask+1-i, max(1, r.size/4)) // a quarter at most, so that writers hear of progress in time
	g.off += count
	return r.slots[i : i+count : i+count], nil
}

func (g *gatedReader[T]) passGap() (gap error) {
	gap, g.gap = g.gap, nil
	g.off = g.gate.position.Load()
	return gap
}

func (g *gatedReader[T]) Wait(ctx context.Context) error {
	if g.gap != nil {
		return nil
	}
	return g.waiting.Wait(ctx)
}

// Close takes the gate away, and lets the writers go on that waited for it.
func (g *gatedReader[T]) Close() error {
	if !g.close() {
		return nil
	}
	r := g.ring
	n := r.freeze()
	i, last := g.gate.index, len(r.gates.open)-1
	r.gates.open[i] = r.gates.open[last]
	r.gates.open[i].index = i
	r.gates.open = slices.Delete(r.gates.open, last, last+1)
	r.thaw(n)
	r.gates.pass(&g.gate, math.MaxInt64)
	return nil
}
