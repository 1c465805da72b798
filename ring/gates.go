package ring

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

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
// can be, and a reader that frees some slots and then stalls never keeps a writer from using them, unless they are too few for
// the one whose turn it is.
//
//   - Writer: debt, then look at the position again. Reader: position, then look at the debt. So one of them sees the
//     other, and the compare-and-swap of the debt lets exactly one of them count it.
//   - behind starts at 1 for the writer itself, so that it can't reach 0 before all debts are handed out.
//   - A writer looks for room once more when it is armed: a reader that moved before that owes nothing.
//   - A writer parks before it looks at armed, and whoever clears armed wakes after that: so one that finds it set is
//     woken too, and arms again if it needs more room.
//   - One writer at a time may have its turn, the one that has waited the longest, once that is patience. Until it has its room,
//     or gives up, the others find none, limit being the least number so that all of them look; then it wakes them, as the
//     readers may have moved for the last time. AppendFunc takes it too, while it has found room and locks the tail for long. What
//     needs no room, an append of no values, neither waits for a turn nor takes one.
//   - limit is raised only while it is nobody's turn, or by the one whose turn it is, who gives that up before it thaws the ring.
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
	turn    *sleeper // the one that all others let go first, of blocked or in lengthen; nil: whoever finds room takes it
}

// patience is how long a writer waits for others who find room for theirs before it does. Then it has its turn: an append of many
// values would wait for ever beside small ones.
const patience = time.Millisecond

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
