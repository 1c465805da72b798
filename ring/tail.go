package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// tail is the end of the ring and the writers' lock, in one word: next<<1 | locked. A writer locks with one
// compare-and-swap, fills the slots from next on, and publishes them and unlocks with one store. A mutex and a published
// end would cost a third read-modify-write, which is a third of an append.
//
// The word only grows, but for the bit. A reader that loads next > n from it reads slot n as the writer left it: the
// store of unlock or advance publishes everything that the writer wrote before.
//
// With Options.SingleWriter there is nobody to lock out: the word is only published, and the writer keeps its own copy of
// the end. That saves the compare-and-swap, half of an append.
type tail struct {
	word atomic.Uint64

	single bool  // constant
	end    int64 // with single: as the word has it; owned by the writer

	// queue is where writers stand that did not get the word at once, so that at most one of them spins. A writer that
	// will hold the word for long (it calls user code) holds queue too: then nobody spins.
	queue sync.Mutex
}

const lockedBit = 1

// next returns the published end.
func (t *tail) next() int64 { return int64(t.word.Load() >> 1) }

// lock returns the end, which does not move until unlock.
func (t *tail) lock() int64 {
	if t.single {
		return t.end
	}
	return t.lockShared()
}

func (t *tail) lockShared() int64 {
	w := t.word.Load()
	if w&lockedBit == 0 && t.word.CompareAndSwap(w, w|lockedBit) {
		return int64(w >> 1)
	}
	return t.lockSlow()
}

func (t *tail) lockSlow() int64 {
	t.queue.Lock()
	defer t.queue.Unlock()
	return t.spin()
}

// lockLong is lock for a writer that will hold it for long; the caller unlocks queue afterwards.
func (t *tail) lockLong() int64 {
	t.queue.Lock()
	if t.single {
		return t.end
	}
	return t.spin()
}

// spin takes the word from a writer that holds it for some nanoseconds, unless it lost its thread: so it yields now and
// then. The caller holds queue, so there is one spinner at most.
func (t *tail) spin() int64 {
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

// advance publishes the slots below next and keeps the lock.
func (t *tail) advance(next int64) { t.word.Store(uint64(next)<<1 | lockedBit) }

// unlock publishes the slots below next and lets the next writer in.
func (t *tail) unlock(next int64) {
	t.end = next
	t.word.Store(uint64(next) << 1)
}
