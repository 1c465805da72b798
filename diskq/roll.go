package diskq

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

const (
	openReadWrite = os.O_RDWR
	openCreate    = os.O_RDWR | os.O_CREATE | os.O_TRUNC
)

// temporary is the name under which a segment is made that must never be seen half made.
const temporary = "segment.tmp"

// maxOld is how many complete segments may wait to be sealed. Then a roll waits for the disk.
const maxOld = 8

// newSegmentLocked returns a segment that begins at first, and what its file begins with: the header and a sync point,
// of a session that is open or closed.
func (w *writer) newSegmentLocked(first sluice.Offset, closed bool) (*segment, []byte) {
	g := newSegment(w.dir, first, 0)
	g.head = &header{
		id: w.o.draw(), queue: w.queue, epoch: w.epoch.Load(), first: first,
		synced: sluice.Offset(w.synced.Load()), codec: w.codec,
	}
	p := w.pointFor(g, first)
	p.closed = closed
	g.head.created = p.time
	b := g.head.append(nil)
	b = append(b, make([]byte, pointSize)...)
	var payload [syncSize]byte
	putFrame(b[headerSize:], g.head.id, headerSize, kindSync, 0, p.append(payload[:0]))
	g.places = []place{{headerSize, 0, p.time}}
	g.size.Store(int64(len(b)))
	return g, b
}

// rollLocked begins a new segment. All of the last one is written; the caller holds writing. On an error nothing has
// changed.
func (w *writer) rollLocked() error {
	if len(w.old) >= maxOld {
		w.mu.Unlock()
		w.syncing.Lock()
		err := w.sealAll()
		w.syncing.Unlock()
		w.mu.Lock()
		return err // whoever wants to roll looks again
	}
	w.mapLocked()
	g, b := w.newSegmentLocked(w.n, false)
	f, err := w.beginFile(g.name, b)
	if err != nil {
		return w.undoRollLocked(g.name, err)
	}
	last := w.b.seg
	w.old = append(w.old, &oldSegment{
		g: last, file: w.file, end: w.endLocked(), next: w.n, head: *last.head, time: w.now, saved: !w.unsaved,
	})
	last.size.Store(w.endLocked() + w.footerLocked(w.endLocked())) // until it is sealed
	w.others += last.size.Load()
	w.adoptLocked(g, f, int64(len(b)))
	w.newName, w.unsaved = true, true
	w.kick()
	return nil
}

// mapLocked makes the tailFile, if there is to be one and it could not be made before. The sync point that comes next tells of it.
func (w *writer) mapLocked() {
	if w.o.Durability != Written || w.tailFile != nil {
		return
	}
	if t, err := newTailFile(w.fs, w.dir); err == nil { // without it each append is a write
		w.tailFile, w.point = t, true
	}
}

// beginFile creates the file of a segment.
func (w *writer) beginFile(name string, begin []byte) (fsx.File, error) {
	f, err := w.fs.OpenFile(name, openCreate, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(begin, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// undoRollLocked removes what is there of a segment that could not be begun, and returns the error. It must be gone for
// certain before anything else is appended: its name would bound the last segment, and a crash then hide all that comes
// behind.
func (w *writer) undoRollLocked(name string, err error) error {
	gone := w.fs.Remove(name)
	if gone == nil {
		gone = w.fs.SyncDir(w.dir)
	}
	err = fmt.Errorf("diskq: begin segment: %w", err)
	if gone != nil && !errors.Is(gone, fs.ErrNotExist) { // it was never made
		err = fmt.Errorf("diskq: the queue failed, and must be opened again: %w", errors.Join(err, gone))
		w.failLocked(err)
	}
	return err
}

// adoptLocked makes g, open as f and written up to end, the last segment.
func (w *writer) adoptLocked(g *segment, f fsx.File, end int64) {
	w.add(g)
	w.file, w.allocated = f, 0
	w.point, w.pointAt = false, headerSize
	w.enterLocked(g, end)
	w.beginRunLocked(0)
}

// createDurably makes the file of a new segment so that it is there whole, or not at all. It is for Open, before anybody
// reads.
func (w *writer) createDurably(g *segment, b []byte) error {
	name := join(w.dir, temporary)
	f, err := w.fs.OpenFile(name, openCreate, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := w.fs.Rename(name, g.name); err != nil {
		return err
	}
	if f, err = w.fs.OpenFile(g.name, openReadWrite, 0); err != nil {
		return err
	}
	// Where directories can't be synced (Windows) it is the sync of a file behind the rename that makes the name last.
	return errors.Join(f.Sync(), f.Close(), w.fs.SyncDir(w.dir))
}

// startLocked begins the session, before its first append: from then on an Open that does not find it closed knows that
// something may be lost. That is why it is synced. The caller holds writing.
func (w *writer) startLocked() error {
	if err := w.makeLocked(); err != nil {
		return fmt.Errorf("diskq: begin to append: %w", err)
	}
	g, end := w.b.seg, w.endLocked()
	f, err := w.fs.OpenFile(g.name, openReadWrite, 0)
	if err != nil {
		return fmt.Errorf("diskq: begin to append: %w", err)
	}
	w.mapLocked()
	p := w.pointLocked()
	b := make([]byte, pointSize)
	var payload [syncSize]byte
	putFrame(b, g.head.id, end, kindSync, uint32(w.n-g.first), p.append(payload[:0]))
	// Over the footer if there is one, which needs no room, and only then without it: at no time is there neither.
	_, err = f.WriteAt(b, end)
	if err == nil {
		err = f.Truncate(end + pointSize)
	}
	if err != nil {
		return fmt.Errorf("diskq: begin to append: %w", errors.Join(err, f.Close()))
	}
	if err := f.Sync(); err != nil {
		err = fmt.Errorf("diskq: the queue failed, and must be opened again: begin to append: %w", errors.Join(err, f.Close()))
		w.failLocked(err)
		return err
	}
	g.note(place{end, uint32(w.n - g.first), p.time})
	w.file, w.started = f, true
	w.point, w.pointAt = false, end
	w.enterLocked(g, end+pointSize)
	w.beginRunLocked(0)
	return nil
}
