package ring

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sluice-go/sluice"
)

// Stats is a snapshot of a ring.
type Stats struct {
	First, Next sluice.Offset // as Bounds returns them

	// BlockedWriters is how many appends wait for room now, and BlockedSince when the first of them began to; the zero
	// time if none does. Gated only.
	BlockedWriters int
	BlockedSince   time.Time

	// Cursors are the open cursors of a gated ring, the slowest first: the one that holds a blocked writer back. Overwrite
	// keeps no list of cursors.
	Cursors []CursorStats
}

// CursorStats says where one cursor of a gated ring stands.
type CursorStats struct {
	Offset sluice.Offset // everything below was consumed; a batch that was lent counts once the next one is asked for
	Lag    int64         // the values that it holds for itself: Next - Offset; with SingleWriter up to twice the ring's size

	// Opened is where Cursor, or a hub's Subscribe, was called, or what made the topic if a subscription took it in only then:
	// function, file and line. Those of one line look alike.
	Opened string
}

// Stats returns a snapshot, to find out for example which cursor holds a writer back. It costs time for each open cursor, and
// locks writers out for some of it: call it once a second, not for each value.
func (r *Ring[T]) Stats() Stats {
	first, next := r.Bounds()
	if r.policy != Gated {
		return Stats{First: first, Next: next}
	}
	type open struct {
		position int64
		opener   []uintptr
	}
	n := r.freezeLong()
	s := Stats{BlockedWriters: len(r.gates.blocked)}
	if s.BlockedWriters > 0 {
		s.BlockedSince = r.gates.blocked[0].since
	}
	var all []open
	for _, g := range r.gates.open {
		if p := g.position.Load(); p < math.MaxInt64 {
			all = append(all, open{p, g.opener[:]})
		}
	}
	end := r.tail.Next() // behind all positions: a single writer may have moved it
	s.First, s.Next = sluice.Offset(r.firstLocked(end)), sluice.Offset(end)
	r.thawLong(n)
	slices.SortFunc(all, func(a, b open) int { return cmp.Compare(a.position, b.position) })
	for _, o := range all {
		s.Cursors = append(s.Cursors, CursorStats{sluice.Offset(o.position), end - o.position, caller(o.opener)})
	}
	return s
}

// caller names the innermost frame of a call stack that is not in package topic, whose subscriptions open cursors.
func caller(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	f, more := frames.Next()
	for more && strings.HasPrefix(f.Function, topics) {
		f, more = frames.Next()
	}
	return fmt.Sprintf("%s (%s:%d)", f.Function, f.File, f.Line)
}

const topics = "github.com/sluice-go/sluice/topic."
