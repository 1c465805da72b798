// Package tail is the end of an in-memory log and its writers' lock, in one word.
//
// A mutex and a published end cost a writer three atomic read-modify-writes; together they cost two: a compare-and-swap
// that locks, and one store that publishes and unlocks. That is a third of an append.
package tail

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Tail is next<<1 | locked. A writer locks it, fills the slots from next on, and publishes them and unlocks with one store.
// The word only grows, but for the bit.
//
// A reader that loads next > n from it reads slot n as the writer left it: the store of Unlock or Advance publishes
// everything that the writer wrote before.
//
// With single there is nobody to lock out: the word is only published, and the one writer keeps its own copy of the end.
// The zero Tail is ready, at 0; it must not be copied.
type Tail struct {
	word atomic.Uint64

	single bool  // constant after Init
	end    int64 // as the word has it; owned by whoever has the lock, or is the single writer

	// queue is where writers stand that did not get the word at once, so that at most one of them spins. A writer that
	// will hold the word for long (it calls user code) holds queue too: then nobody spins.
	queue sync.Mutex
}

const lockedBit = 1

// Init sets the end, before anybody else uses t. With single, the caller promises that calls of Lock and LockLong with
// their Unlock never overlap.
func (t *Tail) Init(next int64, single bool) {
	t.single = single
	t.Unlock(next)
}

// Next returns the published end.
func (t *Tail) Next() int64 { return int64(t.word.Load() >> 1) }

// TryLock is Lock that does not wait: it reports whether it has the word. It is small enough to be inlined, which Lock is not
// without single, and an append notices that.
func (t *Tail) TryLock() (next int64, ok bool) {
	if t.single {
		return t.end, true
	}
	w := t.word.Load()
	return int64(w >> 1), w&lockedBit == 0 && t.word.CompareAndSwap(w, w|lockedBit)
}

// Lock returns the end, which does not move until Unlock. Hold it for nanoseconds; else use LockLong.
func (t *Tail) Lock() int64 {
	if t.single {
		return t.end
	}
	return t.lockShared()
}

func (t *Tail) lockShared() int64 {
	if next, ok := t.TryLock(); ok {
		return next
	}
	return t.lockSlow()
}

func (t *Tail) lockSlow() int64 {
	t.queue.Lock()
	defer t.queue.Unlock()
	return t.spin()
}

// spin takes the word from a writer that holds it for some nanoseconds, unless it lost its thread: so it yields now and
// then. The caller holds queue, so there is one spinner at most.
func (t *Tail) spin() int64 {
	for turn := 1; ; turn++ {
		w := t.word.Load()
		if w&lockedBit == 0 && t.word.CompareAndSwap(w, w|lockedBit) {
			return int64(w >> 1)
		}
		if turn%32 == 0 {
			runtime.Gosched()
		}
	}
}

// Advance publishes the slots below next and keeps the lock.
func (t *Tail) Advance(next int64) { t.word.Store(uint64(next)<<1 | lockedBit) }

// Unlock publishes the slots below next and lets the next writer in.
func (t *Tail) Unlock(next int64) {
	t.end = next
	t.word.Store(uint64(next) << 1)
}

// LockLong is Lock for a writer that will hold it for longer: others that come meanwhile sleep. UnlockLong ends it.
func (t *Tail) LockLong() int64 {
	if t.single {
		return t.end
	}
	t.queue.Lock()
	return t.spin()
}

// UnlockLong publishes the slots below next and lets the next writer in.
func (t *Tail) UnlockLong(next int64) {
	t.Unlock(next)
	t.Shorten()
}

// Shorten makes a LockLong a Lock: the writer is nearly done, or will wait for something else than the word.
func (t *Tail) Shorten() {
	if !t.single {
		t.queue.Unlock()
	}
}
