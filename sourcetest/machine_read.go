package sourcetest

import (
	"context"
	"errors"
	"strings"

	"github.com/sluice-go/sluice"
	"pgregory.net/rapid"
)

// pick returns one of the cursors, or nil if there is none.
func (m *model[T]) pick(rt *rapid.T) *tracked[T] {
	if len(m.cursors) == 0 {
		return nil
	}
	return m.cursors[m.pickIndex(rt)]
}

func (m *model[T]) pickIndex(rt *rapid.T) int {
	return rapid.IntRange(0, len(m.cursors)-1).Draw(rt, "cursor")
}

// drawOffset draws one from a little before the first to a little behind the next.
func (m *model[T]) drawOffset(rt *rapid.T) sluice.Offset {
	return sluice.Offset(rapid.Int64Range(-1, m.n+2).Draw(rt, "offset"))
}

// drawPosition draws a position, and says where it is or that it is none.
func (m *model[T]) drawPosition(rt *rapid.T) (p sluice.Position, off sluice.Offset, bad error) {
	first, next := m.bounds()
	switch rapid.SampledFrom([]string{"Oldest", "Newest", "At", "Last"}).Draw(rt, "position") {
	case "Newest":
		return sluice.Newest(), next, nil
	case "At":
		off := m.drawOffset(rt)
		if off < 0 || off > next {
			bad = &sluice.RangeError{Offset: off, First: first, Next: next}
		}
		return sluice.At(off), off, bad
	case "Last":
		n := m.drawOffset(rt)
		if n < 0 {
			bad = &sluice.RangeError{Offset: n, First: first, Next: next}
		}
		return sluice.Last(int64(n)), max(first, next-n), bad
	default:
		return sluice.Oldest(), first, nil
	}
}

func (m *model[T]) openCursor(rt *rapid.T) {
	if len(m.cursors) == maxCursors {
		m.closeCursor(rt)
	}
	p, off, bad := m.drawPosition(rt)
	m.cursors = append(m.cursors, &tracked[T]{Cursor: m.cursor(p), off: off, consumed: off, bad: bad})
	rt.Logf("cursor %d = Cursor(%v)", len(m.cursors)-1, p)
}

func (m *model[T]) seekCursor(rt *rapid.T) {
	tr := m.pick(rt)
	if tr == nil {
		return
	}
	p, off, bad := m.drawPosition(rt)
	rt.Logf("Seek(%v)", p)
	if bad == nil {
		m.moveTo(tr, p, off)
		return
	}
	want := bad.(*sluice.RangeError)
	m.rangeError("Seek()", tr.Seek(p), want.Offset, want.First, want.Next)
}

func (m *model[T]) moveTo(tr *tracked[T], p sluice.Position, off sluice.Offset) {
	if err := tr.Seek(p); err != nil {
		m.Fatalf("Seek(%v) = %v, want nil", p, err)
	}
	tr.off, tr.consumed, tr.bad, tr.kept = off, off, nil, false
}

// readWithoutTime reads with a context that is done: nothing comes, nothing moves.
func (m *model[T]) readWithoutTime(rt *rapid.T) {
	tr := m.pick(rt)
	if tr == nil {
		return
	}
	cause := errors.New("sourcetest: the cause")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	w := rapid.SampledFrom(m.waitingWays()).Draw(rt, "way")
	if got, err := w.read(ctx, tr.Cursor, 1); len(got) != 0 || err != cause {
		m.Fatalf("%s gave %v, %v, want nothing and %v", w.name, got, err, cause)
	}
}

// readSome reads with any way that will not have to wait.
func (m *model[T]) readSome(rt *rapid.T) {
	if len(m.cursors) == 0 {
		return
	}
	i := m.pickIndex(rt)
	tr := m.cursors[i]
	first, next := m.bounds()
	there := int(next - max(first, tr.off)) // values
	comes := there > 0 || m.end != nil || tr.bad != nil || tr.off < first && !tr.skips
	w := rapid.SampledFrom(m.ways()).Filter(func(w way[T]) bool { return comes || !w.waits }).Draw(rt, "way")
	n := rapid.IntRange(1, max(1, min(there, 20))).Draw(rt, "values")
	if m.end != nil {
		n += rapid.IntRange(0, 2).Draw(rt, "beyond the end")
	}
	m.readBack(i, tr, w, n)
}

// readBack reads n values and checks that they are the right ones, and that the right thing came if they are fewer.
func (m *model[T]) readBack(i int, tr *tracked[T], w way[T], n int) {
	first, next := m.bounds()
	from := tr.off
	got, err := w.read(m.ctx(), tr.Cursor, n)
	m.rt.Logf("cursor %d, from %d on: %s gave %d of %d values, %v", i, from, w.name, len(got), n, err)
	if tr.bad != nil {
		want := tr.bad.(*sluice.RangeError)
		m.rangeError(w.name, err, want.Offset, want.First, want.Next)
		return
	}
	for _, v := range got {
		if tr.skips && tr.off < first && !m.Equal(v, m.value(tr.off)) {
			m.skipped(tr, v, first)
		}
		if tr.off >= next || !m.Equal(v, m.value(tr.off)) {
			m.Fatalf("cursor %d: %s gave %v, want %v: the value at offset %d", i, w.name, v, m.value(tr.off), tr.off)
		}
		tr.off++
	}
	m.stopped(i, tr, w, len(got), n, err)
	if err == nil && len(got) < n {
		tr.consumed = tr.off
	}
	tr.kept = tr.kept || strings.HasPrefix(w.name, "Chan")
}

// skipped moves over the gap, or several, before v.
func (m *model[T]) skipped(tr *tracked[T], v T, first sluice.Offset) {
	for off := tr.off + 1; off <= first; off++ {
		if (off == first || tr.kept) && m.Equal(v, m.value(off)) {
			tr.missed += int64(off - tr.off)
			tr.off = off
			return
		}
	}
}

// stopped checks why reading stopped after that many of n values.
func (m *model[T]) stopped(i int, tr *tracked[T], w way[T], got, n int, err error) {
	first, next := m.bounds()
	isChan := strings.HasPrefix(w.name, "Chan")
	if lag, ok := lagOf(err); ok && !tr.skips {
		if lag.From != tr.off || lag.To <= lag.From || lag.To > first || lag.To < first && !tr.kept {
			m.Fatalf("cursor %d: %s gave %v at %d, want a gap from there to %d", i, w.name, err, tr.off, first)
		}
		tr.missed += lag.Missed()
		tr.off = lag.To
		return
	}
	// If a cursor skips gaps, and everything behind it was dropped, it may be there already.
	if off := tr.Offset(); tr.skips && off > tr.off && off <= first && (isChan || got < n) {
		tr.missed += int64(off - tr.off)
		tr.off = off
	}
	want := m.end
	switch {
	case got >= n && err == nil:
	case got >= n && isChan && want != nil && isEnd(err, want):
		// The goroutine came to the end, the receiver did not yet.
	case tr.off < next:
		m.Fatalf("cursor %d: %s stopped at %d with %v, want the values up to %d", i, w.name, tr.off, err, next)
	case !w.waits && err == nil && (want == nil || w.name == "Backlog" && (want == sluice.ErrClosed || got > 0)):
	case want == nil || !isEnd(err, want):
		m.Fatalf("cursor %d: %s stopped at the end with %v, want %v", i, w.name, err, want)
	}
}
