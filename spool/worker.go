package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
)

// A worker writes one file at a time. Everything but its lane belongs to the lane's goroutine.
//
// A file goes temp -> (cut -> synced -> closed -> renamed -> lasting), and each step is done again until it succeeds, so
// an error in between leaves nothing half done. The bytes up to size are whole messages; what a failed write left behind
// them is overwritten by the next write, or cut off.
type worker struct {
	d    *Dir
	lane lane

	f        fsx.File // nil: no file
	path     string   // what f is called now
	name     string   // what it will be called, before the extension of Compress
	size     int64
	sum      uint32 // CRC-32C of the bytes from sumFrom up to size
	sumFrom  int64
	messages int64
	begun    time.Time
	dirty    bool // there may be bytes behind size
	unsynced bool // a sync failed
	step     int  // of finishing
	age      *time.Timer
	recovers bool // this is Open, with a file that was left over
}

// write is the lane's sink: all of p or nothing. p is whole messages, as many as the lane says.
func (w *worker) write(p []byte) (int, error) {
	if err := w.fit(int64(len(p))); err != nil {
		return 0, err
	}
	if err := w.put(p, w.size); err != nil {
		return 0, err
	}
	w.took(int64(len(p)), w.lane.writing.lines, crc32.Update(w.sum, castagnoli, p))
	return len(p), nil
}

// writeLarge writes what is larger than a buffer, all of it or nothing.
func (w *worker) writeLarge(l load) error {
	f := w.d.o.Framing
	size := int64(l.size(f))
	if err := w.fit(size); err != nil {
		return err
	}
	parts := [3][]byte{1: l.data}
	if !l.framed {
		if f == Lengths {
			h := head(int64(len(l.data)), crcOf(l.data))
			parts[0] = h[:]
		}
		parts[2] = []byte(f.tail(l.data))
	}
	at, sum := w.size, w.sum
	for _, part := range parts {
		if err := w.put(part, at); err != nil {
			return err
		}
		at += int64(len(part))
		sum = crc32.Update(sum, castagnoli, part)
	}
	w.took(size, l.messages, sum)
	return nil
}

// fit makes sure that there is a file that n more bytes may go to, with nothing behind its whole messages: what a failed
// write left there could look like messages once something shorter is written over its beginning.
func (w *worker) fit(n int64) error {
	if w.f != nil && (w.step > 0 || w.size > 0 && w.size+n > w.d.o.MaxFileBytes) {
		if err := w.finish(); err != nil {
			return err
		}
	}
	if w.f != nil {
		return w.cut()
	}
	name := w.d.names.next()
	path := filepath.Join(w.d.temp, name+tempSuffix)
	f, err := w.d.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, w.d.o.Perm)
	if err != nil {
		return err
	}
	w.begin(f, path, name)
	if age := w.d.o.MaxFileAge; age > 0 {
		// The first message has waited in a buffer, at most for flushEvery if the disk keeps up.
		w.age = time.AfterFunc(age-w.lane.flushEvery, func() { w.expire(name) })
	}
	return nil
}

func (w *worker) begin(f fsx.File, path, name string) {
	w.f, w.path, w.name = f, path, name
	w.size, w.sum, w.sumFrom, w.messages, w.begun = 0, 0, 0, 0, time.Now()
	w.dirty, w.unsynced, w.step = false, false, 0
}

func (w *worker) put(p []byte, at int64) error {
	if len(p) == 0 {
		return nil
	}
	w.dirty = true
	return writeAt(w.f, p, at)
}

// took says that n more bytes of the file are whole messages.
func (w *worker) took(n, messages int64, sum uint32) {
	w.size += n
	w.messages += messages
	w.sum = sum
	w.dirty = false
}

// expire finishes a file that is old enough, with all that was accepted before; unless it is finished already.
func (w *worker) expire(name string) {
	w.lane.submit(&entry{must: true, do: func() error { // refused once closed: Close finishes the file
		if w.name != name {
			return nil
		}
		return w.finish()
	}})
}

// adopt makes f, which holds one whole message, the worker's next finished file.
func (w *worker) adopt(s *stream) error {
	if w.f != nil && w.path != s.path {
		if err := w.finish(); err != nil {
			return err
		}
	}
	if w.f == nil && !s.adopted {
		s.adopted = true
		w.begin(s.f, s.path, w.d.names.next())
		w.took(s.size, 1, s.sum)
		w.sumFrom = s.sumFrom
	}
	return w.finish()
}

// finish makes the file, if there is one, a finished one. After an error it goes on where it was when called again.
func (w *worker) finish() error {
	if w.f == nil {
		return nil
	}
	steps := plainSteps
	switch {
	case w.size == 0:
		steps = emptySteps
	case w.d.o.Compress != nil:
		steps = compressedSteps
	}
	for ; w.step < len(steps); w.step++ {
		if err := steps[w.step](w); err != nil {
			return fmt.Errorf("finish %s: %w", w.name, err)
		}
	}
	if w.age != nil {
		w.age.Stop()
		w.age = nil
	}
	w.f = nil
	if w.size > 0 {
		w.d.finished(w)
	}
	return nil
}

var (
	plainSteps      = []func(*worker) error{(*worker).cut, (*worker).sync, (*worker).close, (*worker).rename, (*worker).syncDir}
	compressedSteps = []func(*worker) error{(*worker).cut, (*worker).compress, (*worker).renamePart, (*worker).syncDir, (*worker).close, (*worker).remove}
	emptySteps      = []func(*worker) error{(*worker).close, (*worker).remove}
)

// cut takes away what a failed write left behind the last whole message.
func (w *worker) cut() error {
	if !w.dirty {
		return nil
	}
	w.dirty = false
	err := w.f.Truncate(w.size)
	w.dirty = err != nil
	return err
}

// sync makes the file's bytes last. A sync that fails is never repeated, as the system may have forgotten which bytes
// are not on disk: they are written to another file, and that one is synced.
func (w *worker) sync() error {
	if !w.unsynced {
		err := w.f.Sync()
		if err == nil {
			return nil
		}
		w.unsynced = true
		w.lane.note(err)
	}
	if err := w.rewrite(); err != nil {
		return err
	}
	return w.sync()
}

func (w *worker) close() error {
	w.f.Close() // all is synced, or not needed: there is nothing that an error could say
	return nil
}

func (w *worker) rename() error { return w.d.fs.Rename(w.path, w.finalPath()) }

func (w *worker) renamePart() error {
	return w.d.fs.Rename(filepath.Join(w.d.temp, w.finalName()+partSuffix), w.finalPath())
}

// finalName is what the finished file is called.
func (w *worker) finalName() string {
	if w.d.o.Compress == nil {
		return w.name
	}
	return w.name + w.d.o.Compress.Ext()
}

func (w *worker) finalPath() string { return filepath.Join(w.d.dir, w.finalName()) }

// syncDir makes the file's new name last.
func (w *worker) syncDir() error {
	d := w.d
	if err := d.fs.SyncDir(d.dir); err != nil || !d.fs.windows {
		return err
	}
	f, err := d.fs.OpenFile(w.finalPath(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (w *worker) remove() error { return w.d.fs.Remove(w.path) }
