package diskq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/sluice-go/sluice"
)

// Recovery says what Open found.
type Recovery struct {
	// Clean: the queue had been closed. Else the process or the system ended, and the end of the queue was looked through.
	Clean bool

	// Cut is how many bytes were cut off the end: what was being appended when the power went, or the process ended.
	Cut int64

	// Damaged is how many values at the end of the queue can't be read back, though they had been synced. They are kept as
	// a gap. Damage elsewhere is found when it is read, or by [Inspect].
	Damaged int64

	// NewEpoch: values may have been lost that somebody had seen. See [DiskQueue.Epoch].
	NewEpoch bool
}

// open finds the end of the queue, and leaves it so that appends can go on there. The caller has the lock, and nobody
// reads yet.
func (w *writer) open() error {
	list, err := readDir(w.fs, w.dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return w.create()
	}
	w.list = list
	w.first.Store(int64(list[0].first))
	last := list[len(list)-1]
	tail, err := w.restore(last)
	if err != nil {
		return fmt.Errorf("what a killed process left in %s: %w", tailName, err)
	}
	head, foot, pos, err := w.footerOf(last)
	if err != nil && err != errNotSealed {
		return err
	}
	if err := w.checkCodec(); err != nil {
		return err
	}
	switch {
	case err == nil && foot.closed:
		return w.resume(last, head, foot, pos)
	case err == nil: // a segment is sealed when the name of the next one is safe: that one was taken away
		tail = gapTail
	}
	return w.recover(tail)
}

// create makes the first segment.
func (w *writer) create() error {
	// Whoever made the directory, before us and our process too, may not have synced that.
	if err := syncParent(w.fs, w.dir); err != nil {
		return err
	}
	w.queue, w.recovery.Clean = w.o.draw(), true
	w.epoch.Store(w.o.draw())
	g, b := w.newSegmentLocked(0, true)
	if err := w.createDurably(g, b); err != nil {
		return err
	}
	w.list = []*segment{g}
	w.begun(g, int64(len(b)), 0)
	return nil
}

// footerOf returns what a sealed segment says of itself, or errNotSealed.
func (w *writer) footerOf(g *segment) (head header, foot footer, pos int64, err error) {
	f, err := w.files.acquire(g)
	if err != nil {
		return head, foot, 0, err
	}
	defer w.files.release(g)
	head, err = g.identity(f)
	if err == errHeader {
		return head, foot, 0, errNotSealed
	}
	if err != nil {
		return head, foot, 0, fmt.Errorf("segment %s: %w", g.name, err)
	}
	foot, pos, err = readFooter(f, head.id)
	return head, foot, pos, err
}

// checkCodec compares the codec's name with that of the newest segment that has one.
func (w *writer) checkCodec() error {
	for i := len(w.list) - 1; i >= 0; i-- {
		g := w.list[i]
		f, err := w.files.acquire(g)
		if err != nil {
			return err
		}
		h, err := g.identity(f)
		w.files.release(g)
		switch {
		case err != nil && err != errHeader:
			return fmt.Errorf("segment %s: %w", g.name, err)
		case err != nil || h.created.IsZero(): // damaged
			continue
		case h.codec != "" && w.codec != "" && h.codec != w.codec:
			return fmt.Errorf("the queue was written with codec %q: it can't be opened with codec %q", h.codec, w.codec)
		}
		return nil
	}
	return nil
}

// resume goes on in a segment that was closed. Its footer stays until something is appended.
func (w *writer) resume(g *segment, head header, foot footer, pos int64) error {
	// Its name may be in the system's cache only, if the process ended just when it was made.
	if err := w.fs.SyncDir(w.dir); err != nil {
		return err
	}
	w.queue, w.recovery.Clean = head.queue, true
	w.epoch.Store(foot.epoch)
	g.places = foot.places
	w.now = foot.time
	w.begun(g, pos, foot.next)
	return nil
}

// begun makes g, complete up to pos, the last segment of a queue that ends at next, all of which is on stable storage.
func (w *writer) begun(g *segment, pos int64, next sluice.Offset) {
	w.n, w.inFile = next, next
	w.synced.Store(int64(next))
	w.next.Store(int64(next))
	for _, o := range w.list {
		if o != g {
			w.others += o.size.Load()
		}
	}
	w.group = w.newGroupLocked()
	w.pointAt = pos
	w.enterLocked(g, pos)
}

// recover finds the end of a queue that was not closed. Only segments behind the last sealed one are looked through. What
// is damaged there is
//
//   - damage, and stays as a gap, if a sync point anywhere says that it was on stable storage;
//   - damage too if whole records follow and the system has not been started again since they were written: then nothing was
//     lost on the way to the disk;
//   - else the torn end, which is cut: from there on nothing is kept.
//
// The queue goes on in a new segment, which begins at the cut. Its name bounds the one before, so the cut is made when that
// name is on stable storage; nothing that lies behind it can come back.
//
// tail is what was found of the TAIL. If there should be one and it is not there, what was in it is lost.
func (w *writer) recover(tail tailState) error {
	surveys, err := w.surveyEnd()
	if err != nil {
		return err
	}
	synced := sluice.Offset(0) // what is promised
	var last syncPoint
	for _, v := range surveys {
		synced = max(synced, v.synced)
		if v.points > 0 {
			last = v.last
		}
	}
	same := last.boot != 0 && last.boot == w.boot
	next := w.cut(surveys, synced, same)
	w.queue, w.now = last.queue, last.time
	w.epoch.Store(last.epoch)
	if last.id == 0 {
		w.queue = w.o.draw()
	}
	closed := last.closed && last.next == next
	seen := last.durability == Buffered || last.durability == Written && (!same || last.tail && tail == noTail)
	switch {
	case last.id == 0:
		w.epoch.Store(w.o.draw())
		w.recovery.NewEpoch = true
	case tail == gapTail, tail == laterTail && last.tail, seen && !closed: // somebody may have seen what is lost
		w.epoch.Store(nextEpoch(last.epoch, next))
		w.recovery.NewEpoch = true
	}
	return w.goOnAt(next, surveys)
}

// nextEpoch returns the epoch that follows a cut. The same cut always gives the same one: where the disk is full nothing can
// be written before the next Open finds the same state. Another cut of that epoch there can't be, because the first value
// appended behind it is preceded by the new epoch.
func nextEpoch(epoch uint64, cut sluice.Offset) uint64 {
	h := fnv.New64a()
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], epoch)
	binary.LittleEndian.PutUint64(b[8:], uint64(cut))
	h.Write(b[:])
	return h.Sum64()
}

// surveyEnd walks over the segments behind the last sealed one, or that alone if there is none.
func (w *writer) surveyEnd() (surveys []*survey, err error) {
	i := len(w.list) - 1
	for ; i > 0; i-- {
		if _, _, _, err := w.footerOf(w.list[i-1]); err == nil {
			break
		} else if err != errNotSealed {
			return nil, err
		}
	}
	for _, g := range w.list[i:] {
		v, err := w.walk(g)
		if err != nil {
			return nil, err
		}
		v.synced = max(v.synced, w.list[i].first) // what is sealed was synced
		surveys = append(surveys, v)
	}
	return surveys, nil
}

// cut returns where the queue ends, and counts what is damaged before and cut behind. Each survey then ends where its
// segment does.
func (w *writer) cut(surveys []*survey, synced sluice.Offset, same bool) (next sluice.Offset) {
	for i, v := range surveys {
		isLast := i == len(surveys)-1
		for _, h := range v.holes {
			switch {
			case h.from == h.to && !h.final:
				// A sync point was hit, and no value.
			case h.from < synced && !h.final:
				w.recovery.Damaged += int64(h.to - h.from)
			case h.from < synced, h.final && !isLast && same:
				// The rest of the segment; counted below.
			case h.batch < synced:
				// An append that was promised whole, but for its last values: the gap that they leave stays.
			case h.final || !same:
				return w.cutAt(surveys[i:], h)
			default:
				w.recovery.Damaged += int64(h.to - h.from)
			}
		}
		if !isLast {
			end := surveys[i+1].g.first
			if v.end < end && v.end >= synced && !same {
				return w.cutAt(surveys[i:], hole{batch: v.end, batchPos: v.endPos})
			}
			w.recovery.Damaged += int64(end - v.end)
			continue
		}
		next = max(v.end, synced)
		w.recovery.Damaged += int64(next - v.end)
	}
	return next
}

// cutAt cuts the first of surveys at the append that h is in, and drops the others.
func (w *writer) cutAt(surveys []*survey, h hole) sluice.Offset {
	v := surveys[0]
	w.recovery.Cut += v.g.size.Load() - h.batchPos
	for _, dropped := range surveys[1:] {
		w.recovery.Cut += dropped.g.size.Load()
	}
	v.end, v.endPos = h.batch, h.batchPos
	return h.batch
}

// goOnAt removes the segments behind next, begins one there, and has the ones before sealed.
func (w *writer) goOnAt(next sluice.Offset, surveys []*survey) error {
	if err := w.removeFrom(next + 1); err != nil {
		return err
	}
	if err := w.save(surveys, next); err != nil {
		return err
	}
	w.synced.Store(int64(next))
	if last := w.list[len(w.list)-1]; last.first == next {
		w.files.forget(last) // its file will be replaced
		w.list = w.list[:len(w.list)-1]
	}
	g, b := w.newSegmentLocked(next, true)
	w.add(g)
	w.first.Store(int64(w.list[0].first))
	w.unmade = &unmade{g: g, begin: b}
	for _, v := range surveys {
		if v.g.first >= next || int64(v.end) != v.g.next.Load() || v.created.IsZero() {
			continue // gone; or its end, or its header, is damaged: it stays as it is, to the last witness
		}
		v.g.places = trimPlaces(v.places, v.endPos)
		w.unmade.old = append(w.unmade.old, &oldSegment{
			g: v.g, end: v.endPos, next: v.end, head: v.head, time: v.last.time,
		})
	}
	w.begun(g, int64(len(b)), next)
	w.makeLocked() // an error, such as a full disk, is no reason not to read: the first append tries again
	return nil
}

// An unmade segment is the one that a queue is to go on in, and not on the disk yet. Only when it is may the ones before
// be sealed: until then they bear witness to the crash.
type unmade struct {
	g     *segment
	begin []byte
	old   []*oldSegment
}

// makeLocked makes the unmade segment.
func (w *writer) makeLocked() error {
	u := w.unmade
	if u == nil {
		return nil
	}
	if err := w.createDurably(u.g, u.begin); err != nil {
		return err
	}
	w.old, w.unmade = append(w.old, u.old...), nil
	return nil
}

// trimPlaces keeps what lies before pos, and no more than a reader needs.
func trimPlaces(places []place, pos int64) []place {
	var kept []place
	for _, p := range places {
		if n := len(kept); p.pos < pos && (n == 0 || !p.near(kept[n-1])) {
			kept = append(kept, p)
		}
	}
	return kept
}

// save syncs what is kept, of which so far only the system's cache may have known: from here on it is promised.
func (w *writer) save(surveys []*survey, next sluice.Offset) error {
	for _, v := range surveys {
		if v.g.first >= next {
			break
		}
		f, err := w.fs.OpenFile(v.g.name, openReadWrite, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return w.fs.SyncDir(w.dir)
}

// removeFrom removes the segments that begin at off or later: they lie behind the torn end. The newest goes first.
func (w *writer) removeFrom(off sluice.Offset) error {
	removed := false
	for n := len(w.list); n > 0 && w.list[n-1].first >= off; n-- {
		g := w.list[n-1]
		if err := w.files.drop(g); err != nil {
			return err
		}
		w.list = w.list[:n-1]
		removed = true
	}
	if !removed {
		return nil
	}
	return w.fs.SyncDir(w.dir)
}
