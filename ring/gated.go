package ring

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
)

// gates is what the writers of a gated ring wait for.
//
// # Room
//
// A writer that finds the ring full looks at every gate for the slowest position. If that is still full it sleeps, and is
// woken once, by the last of the readers that stand in its way: it parks on room, sets armed, and gives each gate at the
// slowest position a debt, the next position; behind counts them. A reader that stores a position at or past its debt
// clears it, and the one that brings behind to 0 wakes the writers, who look again. So they hear of the least room there
// can be, and a reader that frees some slots and then stalls never keeps a writer from using them.
//
//   - Writer: debt, then look at the position again. Reader: position, then look at the debt. So one of them sees the
//     other, and the compare-and-swap of the debt lets exactly one of them count it.
//   - behind starts at 1 for the writer itself, so that it can't reach 0 before all debts are handed out.
//   - A writer looks for room once more when it is armed: a reader that moved before that owes nothing.
//   - A writer parks before it looks at armed, and whoever clears armed wakes after that: so one that finds it set is
//     woken too, and arms again if it needs more room.
//   - Where a position falls (a cursor is opened or seeks back) other gates may be the slowest now: all debts are
//     forgiven, and the writers arm again.
//
// # Frozen
//
// Cursors are opened, moved and closed, and room is looked for, while the ring is frozen: with the tail locked. A single
// writer has no lock to take, so there it is mu, which the writer takes only to look at the gates, and changed tells it to.
//
//   - Who freezes: changed, then the end N. Writer: publish an end, then, before it appends again, changed. So one of them sees
//     the other: a writer that does not see changed is at one append at most, of [E, E+k) with E <= N and k <= size.
//     With the end loaded first, a whole append more fits in between.
//   - That append is not stopped. Such a ring has twice size slots, so it overwrites [E-2*size, E+k-2*size), all below
//     N-size, where a cursor may be opened or moved to. Afterwards that cursor may stand below Bounds by up to size,
//     with its values still there, until the writer has waited for it.
//   - Without a freeze positions only grow, so limit, which the writer keeps, can only be too low. Opening and Seek
//     lower one; Close takes one away, which the writer sees when it looks the next time.
//   - changed is set under mu, and cleared under the mu under which limit was computed. Cleared behind that, it would be lost
//     for a cursor that comes between.
//   - The writer uses a slot again only after it took mu behind the Close, or loaded the position, of all who read it.
type gates struct {
	mu   sync.Mutex // freezes the ring of a single writer; lock order: mu, then a notify.List's
	open []*gate    // guarded by the freeze
	room notify.List

	armed  atomic.Bool // set while frozen, cleared by the one that brings behind to 0
	behind atomic.Int64

	// Guarded by the freeze.
	blocked []*sleeper // writers that wait for room, the first to do so first
	spare   []*sleeper
}

// A sleeper is what a writer needs to sleep; kept for the next one, so that blocking allocates nothing.
type sleeper struct {
	since   time.Time // when it began to wait
	end     int64     // of the frozen ring
	waiter  notify.Waiter
	parking notify.Parking
}

// A gate is how far one cursor lets the writers go. It fills its cache line, so that readers don't slow each other.
type gate struct {
	// position is the offset up to which the reader is done. It is stored by the reader, or, when it moves for another
	// reason, while the ring is frozen. Only a Seek makes it fall, while frozen.
	position atomic.Int64
	debt     atomic.Int64 // the position that a writer waits for; 0: none
	_        [48]byte

	index  int        // in gates.open; guarded by the freeze
	opener [8]uintptr // the call stack of Cursor
}

// pass tells the writers that the reader of g is done with everything below position.
func (g *gates) pass(of *gate, position int64) {
	of.position.Store(position)
	if debt := of.debt.Load(); debt != 0 && position >= debt && of.debt.CompareAndSwap(debt, 0) {
		g.settle()
	}
}

// settle counts one debt less, and wakes the writers if it was the last.
func (g *gates) settle() {
	if g.behind.Add(-1) == 0 {
		g.armed.Store(false)
		g.room.Wake()
	}
}

// slowest returns the least position of all gates, or the greatest number if there is none.
func (g *gates) slowest() int64 {
	least := int64(math.MaxInt64)
	for _, of := range g.open {
		least = min(least, of.position.Load())
	}
	return least
}

// arm sees to it that the writers are woken when the slowest gates have moved. The ring is frozen, and the caller has parked
// on room.
func (g *gates) arm() {
	if g.armed.Load() {
		return
	}
	g.armed.Store(true)
	g.behind.Store(1)
	if slowest := g.slowest(); slowest < math.MaxInt64 {
		for _, of := range g.open {
			if of.position.Load() <= slowest {
				g.lend(of, slowest+1)
			}
		}
	}
	g.settle()
}

// disarm forgives all debts, so that writers that sleep look again. The ring is frozen.
func (g *gates) disarm() {
	if !g.armed.Load() {
		return
	}
	for _, of := range g.open {
		if debt := of.debt.Load(); debt != 0 && of.debt.CompareAndSwap(debt, 0) {
			g.settle()
		}
	}
}

// lend gives a gate a debt, unless it has moved meanwhile.
func (g *gates) lend(of *gate, need int64) {
	g.behind.Add(1)
	of.debt.Store(need)
	if of.position.Load() >= need && of.debt.CompareAndSwap(need, 0) {
		g.behind.Add(-1)
	}
}

// makeRoom returns once count values fit at the end, with the tail locked: the end, which may have moved from n. On an
// error the tail is unlocked. The caller has locked the tail; count is at most the size of the ring.
func (r *Ring[T]) makeRoom(ctx context.Context, n int64, count int) (int64, error) {
	switch {
	case r.ended.Load():
		r.tail.Unlock(n)
		return 0, sluice.ErrClosed
	case r.policy == Overwrite:
		r.turn(n)
		return n, nil
	case r.single:
		return r.makeRoomAlone(ctx, n, count)
	case r.hasRoom(n, count):
		return n, nil
	}
	return r.waitForRoom(ctx, n, count)
}

// makeRoomAlone is makeRoom of a gated ring's single writer.
func (r *Ring[T]) makeRoomAlone(ctx context.Context, n int64, count int) (_ int64, err error) {
	if n+int64(count) <= r.limit && !r.changed.Load() {
		return n, nil
	}
	r.freeze()
	r.limit = math.MinInt64
	if !r.hasRoom(n, count) {
		if _, err = r.waitForRoom(ctx, n, count); err != nil {
			return 0, err
		}
	}
	r.changed.Store(false)
	r.thaw(n)
	return n, nil
}

// freeze returns the end, which no writer moves by more than the append that it is at until thaw, and not at all without
// SingleWriter; then the writers look at the gates.
func (r *Ring[T]) freeze() (n int64) {
	if !r.single {
		return r.tail.Lock()
	}
	r.gates.mu.Lock()
	r.changed.Store(true)
	return r.tail.Next()
}

func (r *Ring[T]) thaw(n int64) {
	if r.single {
		r.gates.mu.Unlock()
	} else {
		r.tail.Unlock(n)
	}
}

// freezeLong is freeze for longer: writers that come meanwhile sleep.
func (r *Ring[T]) freezeLong() (n int64) {
	if r.single {
		return r.freeze()
	}
	return r.tail.LockLong()
}

func (r *Ring[T]) thawLong(n int64) {
	if r.single {
		r.thaw(n)
	} else {
		r.tail.UnlockLong(n)
	}
}

// waitForRoom is makeRoom where there is none, of a ring that is frozen at n. It is thawed on an error only.
func (r *Ring[T]) waitForRoom(ctx context.Context, n int64, count int) (_ int64, err error) {
	if ctx == nil {
		r.thaw(n)
		panic("ring: Append on a gated ring needs a context")
	}
	g := r.gates
	s := g.wakeable()
	s.since, s.end = time.Now(), n
	g.blocked = append(g.blocked, s)
	room := false
	defer func() { // also if ctx panics
		g.blocked = slices.DeleteFunc(g.blocked, func(b *sleeper) bool { return b == s })
		g.spare = append(g.spare, s)
		if !room {
			r.thaw(s.end)
		}
	}()
	for !r.ended.Load() && !r.hasRoom(s.end, count) {
		if err := r.sleep(ctx, s, count); err != nil {
			return 0, err
		}
	}
	if r.ended.Load() {
		return 0, sluice.ErrClosed
	}
	room = true
	return s.end, nil
}

// sleep thaws the ring, sleeps until there may be room for count values, and freezes it again.
func (r *Ring[T]) sleep(ctx context.Context, s *sleeper, count int) error {
	g := r.gates
	r.thaw(s.end)
	runtime.Gosched() // once, as readers do: often they make room for less than parking costs
	if s.end = r.freeze(); r.ended.Load() || r.hasRoom(s.end, count) {
		return nil
	}
	g.room.Park(&s.parking, &s.waiter)
	defer func() { // also if ctx panics: nobody may stay behind, and swallow a wake
		g.room.Leave(&s.parking)
		s.waiter.Clear()
	}()
	g.arm()
	if r.hasRoom(s.end, count) { // after arm: a reader that moved before owes nothing, and will not wake us
		return nil
	}
	r.thaw(s.end)
	defer func() { s.end = r.freeze() }()
	return s.waiter.Sleep(ctx)
}

func (g *gates) wakeable() (s *sleeper) {
	if last := len(g.spare) - 1; last >= 0 {
		s, g.spare = g.spare[last], g.spare[:last]
		return s
	}
	return new(sleeper)
}

// hasRoom reports whether count values fit at n, after a look at the readers if they did not when we last looked.
func (r *Ring[T]) hasRoom(n int64, count int) bool {
	if n+int64(count) <= r.limit {
		return true
	}
	r.limit = math.MaxInt64
	if slowest := r.gates.slowest(); slowest < math.MaxInt64 {
		r.limit = slowest + r.size
	}
	return n+int64(count) <= r.limit
}

// makeRoomFor is makeRoom for any count. Overwrite needs none.
func (r *Ring[T]) makeRoomFor(ctx context.Context, n int64, count int) (int64, error) {
	switch {
	case r.ended.Load():
		r.tail.Unlock(n)
		return 0, sluice.ErrClosed
	case r.policy == Overwrite || count == 0:
		return n, nil
	case int64(count) > r.size:
		r.tail.Unlock(n)
		return 0, fmt.Errorf("ring: %d values can't be appended at once to a gated ring that holds %d", count, r.size)
	}
	return r.makeRoom(ctx, n, count)
}

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
		return nil, endIf(ended)
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
