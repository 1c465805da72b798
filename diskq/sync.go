package diskq

import (
	"errors"
	"fmt"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// sync brings everything that is written by now to stable storage: complete segments first, then the names, then the last
// segment. The caller may hold writing. An error makes the queue fail: an fsync that failed is never tried again, because
// the next one would succeed without the data. Too many open files is another matter: then nothing was tried, and the next
// sync does it.
func (w *writer) sync() error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	return w.syncHeld()
}

func (w *writer) syncHeld() error {
	w.mu.Lock()
	if w.err != nil && w.err != sluice.ErrClosed {
		defer w.mu.Unlock()
		return w.err
	}
	end, file, unsaved, newName := w.inFile, w.file, w.unsaved, w.newName
	old := w.old
	w.unsaved, w.newName = false, false
	w.mu.Unlock()
	if !unsaved && !newName {
		return nil
	}
	for _, o := range old {
		if err := w.syncOld(o); err != nil {
			return err
		}
	}
	if newName {
		if err := w.syncNames(); err != nil {
			w.notSaved(file, unsaved)
			return err
		}
	}
	if file != nil && unsaved { // behind the names: on Windows it makes those last too
		if err := w.syncFile(file); err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.synced.Store(max(w.synced.Load(), int64(end)))
	w.point = true
	w.mu.Unlock()
	return nil
}

// syncNames syncs the directory.
func (w *writer) syncNames() error {
	err := w.fs.SyncDir(w.dir)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("sync directory: %w", err)
	if !tooMany(err) {
		return w.failed(err)
	}
	w.mu.Lock()
	w.newName = true
	w.mu.Unlock()
	return fmt.Errorf("diskq: %w", err)
}

// notSaved takes back that a sync of file was begun, if it was to be. The segment may have become complete since.
func (w *writer) notSaved(file fsx.File, unsaved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unsaved = w.unsaved || unsaved
	for _, o := range w.old {
		if o.file == file && unsaved {
			o.saved = false
		}
	}
}

// syncFile syncs one file.
func (w *writer) syncFile(f fsx.File) error {
	w.syncs.Add(1)
	if err := f.Sync(); err != nil {
		return w.failed(fmt.Errorf("sync segment %s: %w", f.Name(), err))
	}
	return nil
}

// syncOld syncs a complete segment, once. The caller holds syncing.
func (w *writer) syncOld(o *oldSegment) error {
	if o.file == nil || o.saved {
		return nil
	}
	if err := w.syncFile(o.file); err != nil {
		return err
	}
	o.saved = true
	return nil
}

// failed makes the queue fail with err and returns what it fails with.
func (w *writer) failed(err error) error {
	err = fmt.Errorf("diskq: the queue failed, and must be opened again: %w", err)
	w.fail(err)
	return err
}

// sealAll seals the complete segments, oldest first. The caller holds syncing. A footer that can't be written, for want
// of room, is done without: the index stays in memory, and the next Open looks at the segment as if it were the last.
func (w *writer) sealAll() error {
	if err := w.syncHeld(); err != nil {
		return err
	}
	for {
		w.mu.Lock()
		if len(w.old) == 0 {
			w.mu.Unlock()
			return nil
		}
		o, newName := w.old[0], w.newName
		w.mu.Unlock()
		if newName || o.file != nil && !o.saved { // it became complete since, and its footer says that the next one is there
			if err := w.syncHeld(); err != nil {
				return err
			}
		}
		err := w.seal(o)
		w.mu.Lock()
		w.old = w.old[1:]
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// seal writes the footer of a segment whose records are all on stable storage. Only a failed sync is an error.
func (w *writer) seal(o *oldSegment) error {
	if o.file == nil {
		f, err := w.fs.OpenFile(o.g.name, openReadWrite, 0)
		if err != nil {
			return nil
		}
		o.file = f
		if err := w.syncOld(o); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	p := syncPoint{
		id: o.head.id, queue: o.head.queue, epoch: o.head.epoch,
		next: o.next, synced: o.next, time: o.time, boot: w.boot, durability: w.o.Durability,
	}
	end, err := w.writeFooter(o.file, o.g, p, o.end)
	if err == nil {
		if err := w.syncFile(o.file); err != nil {
			return errors.Join(err, o.file.Close())
		}
		w.mu.Lock()
		w.others += end - o.g.size.Swap(end)
		w.mu.Unlock()
		o.g.mu.Lock()
		o.g.places = nil // from here on the footer has them
		o.g.mu.Unlock()
		w.room.Wake() // a footer may be smaller than was thought
	}
	o.file.Close() // after the sync there is nothing that this error could say
	return nil
}

// writeFooter writes a footer to the end of a segment, and returns the size of the file then.
func (w *writer) writeFooter(f fsx.File, g *segment, p syncPoint, end int64) (int64, error) {
	g.mu.Lock()
	places := g.places
	g.mu.Unlock()
	b := appendFooter(nil, footer{p, places}, end, uint32(p.next-g.first))
	if err := f.Truncate(end); err != nil { // of what a crash left behind it, or of preallocated room
		return 0, err
	}
	_, err := f.WriteAt(b, end)
	return end + int64(len(b)), err
}

// flush writes everything appended so far.
func (w *writer) flush() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	if err := w.commit(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
