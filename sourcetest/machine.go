package sourcetest

import (
	"errors"
	"testing"

	"github.com/sluice-go/sluice"
	"pgregory.net/rapid"
)

// Machine returns a property for rapid: random operations on a new log (append, open cursors anywhere, read in every way,
// seek, leave loops and channels in the middle, trim, close, reopen) do what they do to a plain slice. It is the rule
// "model" of [Test], for those who want to search longer or from a fuzz test:
//
//	rapid.Check(t, sourcetest.Machine(t, cfg))
//
// With a *testing.T each try runs in a bubble of its own, unless cfg says NoSynctest.
func Machine[T any](t testing.TB, cfg Config[T]) func(*rapid.T) {
	if problem := cfg.problem(); problem != "" {
		t.Fatalf("sourcetest: %s", problem)
	}
	cfg = cfg.withDefaults()
	bubble := !cfg.NoSynctest
	return func(rt *rapid.T) {
		rec := isolate(t, bubble, func(rec *recorder) {
			k := &trial[T]{TB: rec, Config: cfg, outer: t, bubble: bubble}
			k.open()
			m := &model[T]{trial: k, rt: rt}
			rt.Repeat(m.actions())
		})
		switch p := rec.panicked; {
		case rec.Failed():
			rt.Fatalf("%s", rec.text())
		case p != nil:
			panic(p) // rapid's own: it wants to go on with another try
		}
	}
}

func modelRule[T any]() rule[T] {
	return rule[T]{
		name:  "model",
		law:   "Whatever is done in whatever order, a log and its cursors do what they do to a plain slice.",
		tries: true,
		run: func(k *trial[T]) {
			property := Machine(k.outer, k.Config)
			tries, failed := 0, false
			rapid.Check(k.TB, func(rt *rapid.T) {
				if tries++; k.Slow && !failed && tries > k.times(100) {
					return // rapid wants its number of tries, see -rapid.checks
				}
				defer func() { failed = failed || rt.Failed() }() // then it looks for a shorter sequence
				property(rt)
			})
		},
	}
}

// A model knows what must be read. The value at each offset is Value(offset), so the slice need not be there.
type model[T any] struct {
	*trial[T]
	rt *rapid.T

	first   sluice.Offset // of the bounds, when they were last looked at
	trimmed sluice.Offset // what lies below may be dropped
	end     error         // nil while the log is open
	cursors []*tracked[T]
}

// A tracked cursor is one with what must be true of it.
type tracked[T any] struct {
	*sluice.Cursor[T]
	off      sluice.Offset
	missed   int64
	consumed sluice.Offset // what lies below was consumed for certain; a gated log may still hold what lies above
	bad      error         // the *RangeError of its position
	skips    bool          // gaps
	kept     bool          // it may hold values and gaps from before, left in a channel
}

const maxCursors = 4

var errWriter = errors.New("sourcetest: the writer failed")

func (m *model[T]) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"":          func(*rapid.T) { m.check() },
		"append":    func(*rapid.T) { m.appendSome(1, m.append) },
		"appendAll": func(rt *rapid.T) { m.appendSome(rapid.Int64Range(0, m.room(9)).Draw(rt, "values"), m.appendAll) },
		"open":      m.openCursor,
		"read":      m.readSome,
		"read on":   m.readSome, // the more often, the better
		"seek":      m.seekCursor,
		"no time":   m.readWithoutTime,
		"skip gaps": func(rt *rapid.T) {
			if tr := m.pick(rt); tr != nil {
				tr.SkipGaps()
				tr.skips = true
			}
		},
		"close cursor": m.closeCursor,
		"close":        m.closeLog,
	}
	switch m.log.(type) {
	case trimmer, errTrimmer:
		actions["trim"] = func(rt *rapid.T) {
			before := m.drawOffset(rt)
			m.trim(before)
			m.trimmed = max(m.trimmed, min(before, sluice.Offset(m.n)))
		}
	}
	if m.Reopen != nil {
		actions["reopen"] = m.reopenLog
	}
	return actions
}

// check looks at everything that can be seen without changing it.
func (m *model[T]) check() {
	first, next := m.bounds()
	limit := max(m.trimmed, next-sluice.Offset(m.room(m.n)))
	if first < m.first || first > limit {
		m.Fatalf("Bounds() = %d, %d, want first from %d to %d", first, next, m.first, limit)
	}
	m.first = first
	for i, tr := range m.cursors {
		if tr.bad != nil {
			continue
		}
		if off, missed := tr.Offset(), tr.Missed(); off != tr.off || missed != tr.missed {
			m.Fatalf("cursor %d: Offset() = %d, Missed() = %d, want %d, %d", i, off, missed, tr.off, tr.missed)
		}
		if lag, want := tr.Lag(), max(0, m.n-int64(tr.off)); lag != want {
			m.Fatalf("cursor %d: Lag() = %d, want %d", i, lag, want)
		}
	}
}

// appendSome appends n values; a gated log gets the room that it needs.
func (m *model[T]) appendSome(n int64, add func(int64)) {
	if m.end != nil {
		m.refuses()
		return
	}
	for i, tr := range m.cursors {
		if !m.Blocking || m.n+n-int64(tr.consumed) <= m.Room {
			continue
		}
		if tr.bad != nil {
			m.moveTo(tr, sluice.Newest(), sluice.Offset(m.n))
		}
		for tr.consumed = -1; tr.consumed < 0; { // gap by gap
			m.readBack(i, tr, way[T]{"TryNext", false, readTryNext[T]}, int(m.n)+1)
		}
	}
	add(n)
}

func (m *model[T]) closeCursor(rt *rapid.T) {
	tr := m.pick(rt)
	if tr == nil {
		return
	}
	if err := tr.Close(); err != nil {
		m.Fatalf("Close() = %v, want nil", err)
	}
	m.ended(tr.Cursor, sluice.ErrClosed)
	for i := range m.cursors {
		if m.cursors[i] == tr {
			m.cursors = append(m.cursors[:i], m.cursors[i+1:]...)
			return
		}
	}
}

// closeLog closes it sometimes: behind that there is less to find.
func (m *model[T]) closeLog(rt *rapid.T) {
	if m.end != nil || rapid.IntRange(0, 9).Draw(rt, "for real at 9") < 9 {
		return
	}
	m.end = sluice.ErrClosed
	if log, ok := m.log.(errorCloser); ok && rapid.Bool().Draw(rt, "with error") {
		m.end = errWriter
		if err := log.CloseWithError(m.end); err != nil {
			m.Fatalf("CloseWithError() = %v, want nil", err)
		}
	} else if err := m.log.Close(); err != nil {
		m.Fatalf("Close() = %v, want nil", err)
	}
}

func (m *model[T]) reopenLog(rt *rapid.T) {
	if rapid.IntRange(0, 9).Draw(rt, "for real from 5") < 5 {
		return
	}
	for _, tr := range m.cursors {
		tr.Close()
	}
	m.cursors = nil
	if err := m.log.Close(); err != nil {
		m.Fatalf("Close() = %v, want nil", err)
	}
	m.reopen()
	m.end = nil
}
