package diskq

import (
	"time"

	"github.com/sluice-go/sluice"
)

// lateBy is how long a value stays in the block alone at most, and how late the sync point of an idle durable queue comes.
const lateBy = 10 * time.Millisecond

// dropAgain is how long the keeper waits when it could not drop what is old.
const dropAgain = time.Second

// deadlines are when the keeper has something to do; zero: nothing.
type deadlines struct{ sync, age time.Time }

func (d deadlines) next() (t time.Time) {
	for _, at := range []time.Time{d.sync, d.age} {
		if !at.IsZero() && (t.IsZero() || at.Before(t)) {
			t = at
		}
	}
	return t
}

// keep is the goroutine of a writer that syncs what was written, seals what is complete and drops what is old, each in its
// time. While nothing is appended it sleeps. Close ends it.
func (w *writer) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var at deadlines
	at.age = w.dropOld(time.Now())
	for {
		timer.Stop()
		if next := at.next(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-w.quit:
			return
		case <-w.keeper:
			w.plan(&at)
		case <-timer.C:
			w.work(&at)
		}
	}
}

// plan sets the deadlines of what was appended, and seals at once what is complete.
func (w *writer) plan(at *deadlines) {
	now := time.Now()
	if w.o.Durability != Durable && w.o.SyncEvery > 0 && at.sync.IsZero() {
		at.sync = now.Add(w.o.SyncEvery)
	}
	if soon := now.Add(w.o.MaxAge / 4); w.o.MaxAge > 0 && (at.age.IsZero() || soon.Before(at.age)) {
		at.age = soon
	}
	w.mu.Lock()
	complete := len(w.old) > 0
	w.mu.Unlock()
	if complete {
		w.syncing.Lock()
		w.sealAll() // an error makes the queue fail, and is told there
		w.syncing.Unlock()
	}
}

// work does what is due. Errors make the queue fail, or are found again by the next append.
func (w *writer) work(at *deadlines) {
	now := time.Now()
	due := func(t *time.Time) bool {
		is := !t.IsZero() && !t.After(now)
		if is {
			*t = time.Time{}
		}
		return is
	}
	w.disarm()
	if due(&at.sync) {
		w.flush()
		w.sync()
	}
	if due(&at.age) {
		at.age = w.dropOld(now)
	}
	w.mu.Lock()
	if w.o.Durability != Durable && w.o.SyncEvery > 0 && (w.unsaved || w.newName || w.used > w.written) && w.err == nil && at.sync.IsZero() {
		at.sync = now.Add(w.o.SyncEvery) // it could not be synced, or came since
	}
	w.mu.Unlock()
}

// disarm has the next append tell that there is something to do. It comes before the look at what there is.
func (w *writer) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
}

// flushLate is the goroutine of a writer that writes what lies in the block, or the sync point behind a durable append,
// within lateBy. Only if it is Durable, whose appends sync, it may wait for a sync, which may take long. Close ends it.
func (w *writer) flushLate() {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for set := false; ; {
		select {
		case <-w.quit:
			return
		case <-w.late:
			if !set {
				timer.Reset(lateBy)
			}
			set = true
		case <-timer.C:
			w.disarm()
			if set = w.writeLate(); set {
				timer.Reset(lateBy)
			}
		}
	}
}

// writeLate does what flushLate is for, and reports whether it is to be done again: it could not be, or more came since.
func (w *writer) writeLate() (again bool) {
	if w.o.Durability == Durable {
		return w.markSynced()
	}
	w.flush() // an error makes the queue fail, or leaves what can be written later
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.used > w.written && w.err == nil
}

// markSynced writes the sync point that is due behind a durable append, if no other append has brought it: so that a reader
// in another process sees that append, and damage to it is never mistaken for a torn end. It needs no sync.
//
// It reports whether appends wait to be written, behind which a point will be due: they may have told of themselves before
// the caller said that he looks.
func (w *writer) markSynced() (again bool) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	from := w.used
	if !w.point || !w.started || w.err != nil || from != w.written || from+pointSize > len(w.b.data) {
		again = w.group.refs > 0 && w.err == nil
		w.mu.Unlock()
		return again
	}
	w.putPointLocked()
	to, b := w.used, w.b
	w.mu.Unlock()
	err := w.write(w.file, b, from, to)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.writes++
		w.written, w.unsaved = to, true
		b.ready.Store(max(b.ready.Load(), int64(to)))
	} // else the next append writes it
	return w.group.refs > 0 && w.err == nil
}

// dropOld drops what is older than MaxAge, and returns when to look again; zero: when something is appended.
func (w *writer) dropOld(now time.Time) (next time.Time) {
	if w.o.MaxAge == 0 {
		return next
	}
	w.rollOld(now)
	before := sluice.Offset(0)
	list := w.all()
	for _, g := range list[1:] {
		created, ok := w.createdAt(g)
		if !ok {
			continue // the one behind decides
		}
		if now.Sub(created) < w.o.MaxAge {
			next = created.Add(w.o.MaxAge)
			break
		}
		before = g.first
	}
	failed := w.trim(before) != nil && w.failure() == nil // it leaves files that the next look finds again
	if at, ok := w.rollAt(); ok && (next.IsZero() || at.Before(next)) {
		next = at
	}
	if !next.IsZero() && !next.After(now) { // the last segment could not be left
		next, failed = time.Time{}, true
	}
	if again := now.Add(dropAgain); failed && (next.IsZero() || again.Before(next)) {
		next = again
	}
	return next
}

// rollOld begins a new segment if the last one holds values of a quarter of MaxAge.
func (w *writer) rollOld(now time.Time) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if at, ok := w.rollAt(); ok && !at.After(now) {
		w.rollNow()
	}
}

// rollAt returns when the last segment is to be left, if it holds anything.
func (w *writer) rollAt() (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.b.seg
	return g.head.created.Add(w.o.MaxAge / 4), w.n > g.first && w.err == nil
}
