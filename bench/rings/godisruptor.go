package rings

import (
	"math"
	"runtime"
	"sync/atomic"

	"github.com/sluice-go/sluice/bench/values"
)

// goDisruptorLog is what github.com/smarty/go-disruptor does with one writer, told again from its public source, because the
// module can't be had. It keeps what that costs: the parts know each other by interfaces only, and a program gets both ends
// of them behind one more. An append is a Reserve, a write to a slot that the program owns, and a Commit; the writer looks at
// all readers' sequences when the slowest that it remembers has no room for it. A listener hands its handler all that is
// committed and then stores its sequence. Each sequence has a cache line to itself. All waiting is runtime.Gosched, which is
// its best with many readers, where its own default sleeps.
//
// Its latest version commits with a plain store on amd64, which the Go memory model does not know; here it is the atomic one
// of the versions before, 4 ns dearer. A listener that finds nothing looks at the committed sequence twice, as in those.
type goDisruptorLog[T values.Value] struct {
	slots     []T // value n is in slots[n&mask]
	mask      int64
	batch     uint32
	ends      ends
	sequencer *sequencer
	listeners []*listener
}

// ends is what a program appends with.
type ends interface {
	Reserve(count uint32) (upper int64)
	Commit(lower, upper int64)
}

// A barrier tells up to which number others are done.
type barrier interface {
	Load(lower int64) int64
}

// patience is the ways to wait: for a stage before, for a value, for room.
type patience interface {
	Gate(times int64)
	Idle(times int64)
	Reserve(times int64)
}

type handler interface {
	Handle(lower, upper int64)
}

// gosched calls runtime.Gosched whatever it waits for.
type gosched struct{}

func (gosched) Gate(int64)    { runtime.Gosched() }
func (gosched) Idle(int64)    { runtime.Gosched() }
func (gosched) Reserve(int64) { runtime.Gosched() }

// facade is ends for a program, which gets them together with what starts and stops the listeners.
type facade struct{ ends }

// one sequence as a barrier.
type alone struct{ sequence *sequence }

func (b alone) Load(int64) int64 { return b.sequence.Load() }

// the slowest of many.
type together []*sequence

func (b together) Load(int64) int64 {
	slowest := int64(math.MaxInt64)
	for _, s := range b {
		slowest = min(slowest, s.Load())
	}
	return slowest
}

// sequencer is the writer's: it fills its cache line.
type sequencer struct {
	capacity  int64
	reserved  int64 // the last number that was handed out
	slowest   int64 // what the readers' barrier said last
	committed *sequence
	readers   barrier
	waiter    patience
}

func (s *sequencer) Reserve(count uint32) int64 {
	s.reserved += int64(count)
	if s.reserved-s.capacity > s.slowest {
		s.waitFor(s.reserved - s.capacity)
	}
	return s.reserved
}

func (s *sequencer) waitFor(position int64) {
	for times := int64(0); ; times++ {
		if s.slowest = s.readers.Load(0); position <= s.slowest {
			return
		}
		s.waiter.Reserve(times)
	}
}

func (s *sequencer) Commit(_, upper int64) { s.committed.Store(upper) }

// listener is one reader's. With a single stage of readers both barriers are the committed sequence.
type listener struct {
	closed    atomic.Bool
	handled   *sequence
	committed barrier
	upstream  barrier
	waiter    patience
	handler   handler
}

func (l *listener) listen() {
	gated, idle := int64(0), int64(0)
	for last := l.handled.Load(); ; {
		upper := l.upstream.Load(last + 1)
		switch {
		case last < upper:
			l.handler.Handle(last+1, upper)
			l.handled.Store(upper)
			last, gated, idle = upper, 0, 0
		case last < l.committed.Load(last+1):
			gated, idle = gated+1, 0
			l.waiter.Gate(gated)
		case !l.closed.Load():
			gated, idle = 0, idle+1
			l.waiter.Idle(idle)
		case last == l.committed.Load(last+1): // behind closed: nothing was committed between
			return
		}
	}
}

// tallying is the program's handler.
type tallying[T values.Value] struct {
	slots []T
	mask  int64
	tally Tally
}

func (h *tallying[T]) Handle(_, upper int64) { seeUpTo(&h.tally, h.slots, h.mask, upper+1) }

func newGoDisruptor[T values.Value](batch int) func(capacity int) Log {
	return func(capacity int) Log {
		if capacity&(capacity-1) != 0 {
			panic("rings: the capacity must be a power of two")
		}
		s := &sequencer{
			capacity: int64(capacity), reserved: -1, slowest: -1,
			committed: newSequence(), readers: together{}, waiter: gosched{},
		}
		return &goDisruptorLog[T]{
			slots: make([]T, capacity), mask: int64(capacity - 1), batch: uint32(min(batch, capacity)),
			ends: facade{s}, sequencer: s,
		}
	}
}

// newSequence returns one that stands before the first number, 0.
func newSequence() *sequence {
	s := new(sequence)
	s.Store(-1)
	return s
}

func (l *goDisruptorLog[T]) Append(from, n int) {
	for end := from + n; from < end; {
		k := min(l.batch, uint32(end-from))
		upper := l.ends.Reserve(k)
		lower := upper - int64(k) + 1
		for i := lower; i <= upper; i++ {
			l.slots[i&l.mask] = numbered[T](from)
			from++
		}
		l.ends.Commit(lower, upper)
	}
}

func (l *goDisruptorLog[T]) Close() {
	for _, li := range l.listeners {
		li.closed.Store(true)
	}
}

func (l *goDisruptorLog[T]) Reader() func() Tally {
	h := &tallying[T]{slots: l.slots, mask: l.mask}
	committed := alone{l.sequencer.committed}
	li := &listener{handled: newSequence(), committed: committed, upstream: committed, waiter: gosched{}, handler: h}
	l.listeners = append(l.listeners, li)
	l.sequencer.readers = gate(l.listeners)
	return func() Tally {
		li.listen()
		return h.tally
	}
}

// gate returns the barrier of all these.
func gate(listeners []*listener) barrier {
	if len(listeners) == 1 {
		return alone{listeners[0].handled}
	}
	var all together
	for _, li := range listeners {
		all = append(all, li.handled)
	}
	return all
}
