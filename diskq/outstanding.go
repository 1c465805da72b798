package diskq

import "github.com/sluice-go/sluice"

// maxAhead is how far the values that a consumer has handed out may lie apart: while its oldest unsettled value is n, nothing
// from n+maxAhead on is handed out. So what is settled beyond the position is never more than that, in memory and on disk.
const maxAhead = 16 << 10

// A standing is what has become of a value that a consumer has come to.
type standing uint8

const (
	idle     standing = iota // to be handed out
	delayed                  // to be handed out when it is due
	offered                  // an unbuffered channel has it, and nobody took it yet
	inFlight                 // somebody has it; when it is due, he is thought to be gone
	dead                     // it was handed out too often, and is on its way to the dead letters
	settled                  // acknowledged, dead and buried, or gone
)

// An entry is one value in outstanding.
type entry struct {
	due      int64  // when delayed or inFlight: nanoseconds since the consumer was opened; guarded by place
	attempt  uint32 // how often it was handed out
	place    int32  // in outstanding.dues, counted from 1; 0: it has no due time
	standing standing
	boxed    bool // inFlight, but perhaps still in a buffered channel
}

// outstanding is what a consumer knows of the values [base, head): those before are settled, those from head on were never
// handed out.
//
//   - The entry of offset n is ring[n % len(ring)], and len(ring) is a power of two of at most maxAhead.
//   - base is settled no more than head: it moves over the longest run that is.
//   - An offset is in ready if and only if it became idle and was not popped since; one that was settled meanwhile is passed
//     over then. No offset is in it twice, for what is popped is not idle.
type outstanding struct {
	base, head sluice.Offset
	ring       []entry
	beyond     int // settled, in [base, head)
	flying     int // inFlight
	offers     int // offered
	ready      offsets
	dues       []sluice.Offset // a heap, by entry.due
}

// at returns the entry of off, or nil if it is not in [base, head).
func (o *outstanding) at(off sluice.Offset) *entry {
	if off < o.base || off >= o.head {
		return nil
	}
	return o.slot(off)
}

func (o *outstanding) slot(off sluice.Offset) *entry { return &o.ring[int(off)&(len(o.ring)-1)] }

// open reports whether head may move by n.
func (o *outstanding) open(n sluice.Offset) bool { return o.head+n-o.base <= maxAhead }

// push moves head over one value, which is idle but not ready: the caller does something with it at once.
func (o *outstanding) push() *entry {
	if int(o.head-o.base) == len(o.ring) {
		o.grow()
	}
	e := o.slot(o.head)
	o.head++
	*e = entry{}
	return e
}

func (o *outstanding) grow() {
	old := *o
	o.ring = make([]entry, max(64, 2*len(old.ring)))
	for off := o.base; off < o.head; off++ {
		*o.slot(off) = *old.slot(off)
	}
}

// skip moves head to off over values that nobody will get. Either there is room for them, or nothing is outstanding.
func (o *outstanding) skip(off sluice.Offset) {
	if o.base == o.head {
		o.base, o.head = off, off
		return
	}
	for o.head < off {
		o.push().standing = settled
		o.beyond++
	}
}

// hand makes a value, idle until now, one that was handed out once more: inFlight, or offered.
func (o *outstanding) hand(e *entry, to standing) {
	e.standing = to
	e.attempt++
	if to == offered {
		o.offers++
	} else {
		o.flying++
	}
}

// leave takes a value out of the hands that it is in, and off the due times.
func (o *outstanding) leave(e *entry, off sluice.Offset) {
	switch e.standing {
	case inFlight:
		o.flying--
	case offered:
		o.offers--
	}
	e.boxed = false
	if e.place > 0 {
		o.undue(e)
	}
}

// settle ends a value, and moves base over all that is settled. The entry must not be used after that.
func (o *outstanding) settle(e *entry, off sluice.Offset) {
	o.leave(e, off)
	e.standing = settled
	o.beyond++
	for o.base < o.head && o.slot(o.base).standing == settled {
		o.base++
		o.beyond--
	}
}

// await makes a value, in no one's hands, ready.
func (o *outstanding) await(e *entry, off sluice.Offset) {
	e.standing = idle
	o.ready.push(off)
}

// first returns the offset that pop would.
func (o *outstanding) first() (off sluice.Offset, ok bool) {
	for len(o.ready) > 0 {
		off = o.ready[0]
		if e := o.at(off); e != nil && e.standing == idle {
			return off, true
		}
		o.ready.pop()
	}
	return 0, false
}

// pop takes the first idle value. The caller hands it out.
func (o *outstanding) pop() (*entry, sluice.Offset) {
	off := o.ready.pop()
	return o.slot(off), off
}

// marks returns what is saved of [base, head): a byte for each, up to the last one that says anything.
func (o *outstanding) marks(dst []byte) []byte {
	size := len(dst)
	for off := o.base; off < o.head; off++ {
		m := o.slot(off).mark()
		dst = append(dst, m)
		if m != 0 {
			size = len(dst)
		}
	}
	return dst[:size]
}

// markSettled stands for a settled value; less is how often one was handed out, as far as anybody has seen it.
const markSettled = 0xff

func (e *entry) mark() byte {
	seen := e.attempt
	if e.standing == offered || e.boxed {
		seen--
	}
	if e.standing == settled {
		return markSettled
	}
	return byte(min(seen, markSettled-1))
}

// restore is the reverse of marks, on an empty o.
func (o *outstanding) restore(base sluice.Offset, marks []byte) {
	o.base, o.head = base, base
	for _, m := range marks {
		off := o.head
		e := o.push()
		if m == markSettled {
			o.settle(e, off)
			continue
		}
		e.attempt = uint32(m)
		o.await(e, off)
	}
}

// setDue gives a value a due time.
func (o *outstanding) setDue(e *entry, off sluice.Offset, due int64) {
	if e.place > 0 {
		o.undue(e)
	}
	e.due = due
	o.dues = append(o.dues, off)
	e.place = int32(len(o.dues))
	o.up(len(o.dues) - 1)
}

// nextDue returns the value that is due first.
func (o *outstanding) nextDue() (e *entry, off sluice.Offset, ok bool) {
	if len(o.dues) == 0 {
		return nil, 0, false
	}
	return o.slot(o.dues[0]), o.dues[0], true
}

// undue takes the due time away.
func (o *outstanding) undue(e *entry) {
	i, last := int(e.place)-1, len(o.dues)-1
	o.swap(i, last)
	o.dues = o.dues[:last]
	e.place = 0
	if i < last {
		o.down(i)
		o.up(i)
	}
}

func (o *outstanding) dueAt(i int) int64 { return o.slot(o.dues[i]).due }

func (o *outstanding) swap(i, j int) {
	o.dues[i], o.dues[j] = o.dues[j], o.dues[i]
	o.slot(o.dues[i]).place, o.slot(o.dues[j]).place = int32(i+1), int32(j+1)
}

func (o *outstanding) up(i int) {
	for i > 0 && o.dueAt(i) < o.dueAt((i-1)/2) {
		o.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (o *outstanding) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(o.dues); child++ {
			if o.dueAt(child) < o.dueAt(least) {
				least = child
			}
		}
		if least == i {
			return
		}
		o.swap(i, least)
		i = least
	}
}

// offsets is a heap: the smallest comes first.
type offsets []sluice.Offset

func (h *offsets) push(off sluice.Offset) {
	s := append(*h, off)
	for i := len(s) - 1; i > 0 && s[i] < s[(i-1)/2]; i = (i - 1) / 2 {
		s[i], s[(i-1)/2] = s[(i-1)/2], s[i]
	}
	*h = s
}

func (h *offsets) pop() sluice.Offset {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	s = s[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s); child++ {
			if s[child] < s[least] {
				least = child
			}
		}
		if least == i {
			*h = s
			return top
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}
