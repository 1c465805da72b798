package diskq

import (
	"errors"
	"fmt"

	"github.com/sluice-go/sluice"
)

// close ends the queue once; later calls return what the first did.
func (w *writer) close() error {
	w.closeOnce.Do(func() { w.closeErr = w.closeNow() })
	return w.closeErr
}

func (w *writer) closeNow() error {
	close(w.quit)
	w.tasks.Wait()
	w.writing.Lock()
	defer w.writing.Unlock()
	errs := []error{w.commitLast()}
	w.syncing.Lock()
	defer w.syncing.Unlock()
	if errs[0] == nil {
		errs[0] = w.sealAll()
	}
	if errs[0] == nil { // else the footer would promise what may be lost, and its sync be the next try of one that failed
		marked, err := w.sealLast()
		errs = append(errs, err)
		w.leaveTailFile(marked && err == nil)
	}
	w.mu.Lock()
	old := w.old
	w.old = nil
	w.mu.Unlock()
	for _, o := range old {
		if o.file != nil {
			errs = append(errs, o.file.Close())
		}
	}
	if w.file != nil {
		errs = append(errs, w.file.Close())
	}
	w.files.close()
	w.end(w.failure())
	w.room.Wake()
	return errors.Join(append(errs, w.lock.Close())...)
}

// leaveTailFile gives the memory of the TAIL back: all that is in it is in the segments, and readers find it there from now on.
// The file goes too if the queue is marked as closed; else the next Open would miss it. The caller holds writing.
func (w *writer) leaveTailFile(marked bool) {
	w.mu.Lock()
	t := w.tailFile
	w.tailFile = nil
	if t != nil {
		w.enterLocked(w.b.seg, w.endLocked())
	}
	w.mu.Unlock()
	if t != nil {
		t.close()
	}
	if marked {
		w.fs.Remove(join(w.dir, tailName)) // one that stays does no harm, see restore
	}
}

// commitLast writes what there is and lets nobody append any more. The caller holds writing.
func (w *writer) commitLast() error {
	err := w.commit()
	w.mu.Lock()
	for err == nil && w.used > w.written && w.err == nil { // somebody was quicker
		w.mu.Unlock()
		err = w.commit()
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	switch left := w.next.Load() - int64(w.inFile); {
	case err == nil || left <= 0:
	case w.tailFile != nil:
		err = fmt.Errorf("diskq: close: %d values are in the TAIL only, from where the next Open takes them: %w", left, err)
	default:
		err = fmt.Errorf("diskq: close: up to %d values that were buffered, from offset %d on, are lost: %w", left, w.inFile, err)
	}
	if w.err == nil {
		w.err = sluice.ErrClosed
	} else if err == nil {
		err = w.err
	}
	return err
}

// sealLast marks the queue as closed, so that the next Open need not look through its end. Everything is on stable
// storage. It reports whether the mark is there. Only a failed sync is an error: without room for a footer nothing is lost.
func (w *writer) sealLast() (marked bool, err error) {
	if !w.started { // it is as it was, unless a session was to begin and could not: then its first point may be there
		return w.unmade == nil && w.tailFile == nil, nil
	}
	w.mu.Lock()
	p := w.pointLocked()
	p.closed, p.synced = true, w.n
	g, end, index := w.b.seg, w.endLocked(), uint32(w.n-w.b.seg.first)
	w.mu.Unlock()
	// The closing sync point says the same as the footer, for the day when that is damaged.
	point := make([]byte, pointSize)
	var payload [syncSize]byte
	putFrame(point, g.head.id, end, kindSync, index, p.append(payload[:0]))
	if _, err := w.file.WriteAt(point, end); err != nil {
		return false, nil
	}
	size, err := w.writeFooter(w.file, g, p, end+pointSize)
	if err != nil {
		return false, nil
	}
	g.size.Store(size)
	return true, w.syncFile(w.file)
}
