package spool

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-go/sluice/internal/fsx"
)

// recover makes finished files of what processes that died left in the temporary directory. Which ones those are the
// locks tell: whoever gets a Dir's lock knows that nobody has its files open.
func (d *Dir) recover() error {
	if _, err := d.list(d.dir); err != nil { // later names sort behind all that are there
		return err
	}
	names, err := d.list(d.temp)
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, name := range names {
		if id, ok := d.names.lockID(name); ok {
			ids[id] = true
		} else if p, ok := d.names.parse(name); ok && unfinished(name) {
			ids[p.id] = true
		}
	}
	delete(ids, d.names.id)
	for id := range ids {
		if err := d.recoverDead(id); err != nil {
			return err
		}
	}
	return nil
}

// unfinished reports whether a file with this name is one that only a Dir that is open may have.
func unfinished(name string) bool {
	switch filepath.Ext(name) {
	case tempSuffix, partSuffix, streamSuffix, probeSuffix:
		return true
	}
	return false
}

// list returns the names of the files of Dirs with this prefix, sorted.
func (d *Dir) list(dir string) (names []string, err error) {
	entries, err := d.fs.ReadDir(dir)
	for _, e := range entries {
		p, ok := d.names.parse(e.Name())
		if ok {
			d.names.saw(p.stamp)
		}
		if _, lock := d.names.lockID(e.Name()); ok || lock {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// recoverDead recovers the files of the Dir with that id, if it is not open.
func (d *Dir) recoverDead(id string) (err error) {
	lock, err := d.fs.Lock(d.lockPath(id))
	if errors.As(err, new(*fsx.LockedError)) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		} else {
			err = d.letGo(lock, id)
		}
	}()
	names, err := d.list(d.temp) // again: somebody else may have recovered them before we had the lock
	if err != nil {
		return err
	}
	finished, err := d.list(d.dir)
	if err != nil {
		return err
	}
	slices.SortStableFunc(names, func(a, b string) int { // what is being made of a .tmp goes before it
		return strings.Compare(filepath.Ext(a), filepath.Ext(b))
	})
	for _, name := range names {
		if p, ok := d.names.parse(name); ok && p.id == id {
			if err := d.recoverFile(name, names, finished); err != nil {
				return fmt.Errorf("recover %s: %w", name, err)
			}
		}
	}
	return nil
}

func (d *Dir) recoverFile(name string, left, finished []string) error {
	path := filepath.Join(d.temp, name)
	switch filepath.Ext(name) {
	case probeSuffix:
		return d.fs.Remove(path)
	case streamSuffix:
		return d.setAside(path, strings.TrimSuffix(name, streamSuffix)+incompleteSuffix)
	case partSuffix:
		whole := strings.TrimSuffix(name, partSuffix)
		whole = strings.TrimSuffix(whole, filepath.Ext(whole)) // that of the compressor
		if slices.Contains(left, whole+tempSuffix) {
			return d.fs.Remove(path) // it is made again
		}
		return d.setAside(path, strings.TrimSuffix(name, partSuffix)+incompleteSuffix)
	case tempSuffix:
		final, again := strings.CutSuffix(strings.TrimSuffix(name, tempSuffix), againSuffix)
		if slices.ContainsFunc(finished, func(n string) bool { return isFinished(n, final) }) {
			return d.fs.Remove(path) // its process died between making it a finished file and removing this one
		}
		if first := final + tempSuffix; again && slices.Contains(left, first) {
			return d.recoverOneOf(path, filepath.Join(d.temp, first), final)
		}
		if slices.Contains(left, final+againSuffix+tempSuffix) {
			return nil // recovered with that one
		}
		return d.recoverMessages(path, final)
	}
	return nil
}

// isFinished reports whether name is that of a finished file, plain or compressed, that would be called final.
func isFinished(name, final string) bool {
	ext, ok := strings.CutPrefix(name, final)
	return ok && (ext == "" || ext[0] == '.' && !reservedExt(filepath.Ext(ext)))
}

// recoverOneOf recovers the better one of two files with the same messages, and sets aside the other.
func (d *Dir) recoverOneOf(a, b, final string) error {
	sizeA, err := d.wholeBytes(a)
	if err != nil {
		return err
	}
	sizeB, err := d.wholeBytes(b)
	if err != nil {
		return err
	}
	if sizeA < sizeB {
		a, b = b, a
	}
	if err := d.setAside(b, final+unsyncedSuffix); err != nil {
		return err
	}
	return d.recoverMessages(a, final)
}

// wholeBytes returns how many bytes of a file are whole messages.
func (d *Dir) wholeBytes(path string) (int64, error) {
	f, err := d.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	w := &worker{d: d, f: f, path: path}
	_, err = w.scan()
	return w.size, errors.Join(err, f.Close())
}

// recoverMessages makes the whole messages of a file a finished one, and sets aside the rest.
func (d *Dir) recoverMessages(path, final string) error {
	f, err := d.fs.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	w := &worker{d: d, recovers: true}
	w.begin(f, path, final)
	size, err := w.scan()
	if err == nil && w.size < size {
		err = d.keepTail(f, w.size, size, final)
		w.dirty = true
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	err = w.finish()
	if w.f != nil {
		w.f.Close() // tried again by the next Open
	}
	return err
}

// scan finds the whole messages of the worker's file, and returns how large that is.
func (w *worker) scan() (size int64, err error) {
	if size, err = w.f.Size(); err != nil {
		return 0, err
	}
	if info, err := w.d.fs.Stat(w.path); err == nil {
		w.begun = info.ModTime() // nothing says better when it was begun
	}
	if p, ok := w.d.names.parse(w.name); ok {
		w.begun = p.stamp
	}
	s := newScanner(io.NewSectionReader(w.f, 0, size), w.d.o.Framing)
	for {
		end := s.end
		msg, err := s.next()
		if err == io.EOF || errors.Is(err, ErrTorn) {
			break
		}
		if err != nil {
			return size, err
		}
		if w.d.doubts(msg) {
			s.end = end
			break
		}
		w.messages++
	}
	w.size = s.end
	h := crc32.New(castagnoli)
	_, err = io.Copy(h, io.NewSectionReader(w.f, 0, w.size))
	w.sum = h.Sum32()
	return size, err
}

// doubts reports whether a message that was read from a file that was left over may be none. A power cut leaves zeros in
// place of what was not on the disk yet, which Lines does not notice by itself.
func (d *Dir) doubts(msg []byte) bool {
	return d.o.Framing == Lines && bytes.IndexByte(msg, 0) >= 0 || d.o.Check != nil && d.o.Check(msg) != nil
}

// keepTail copies what is not whole to a file of its own.
func (d *Dir) keepTail(f fsx.File, from, to int64, final string) error {
	path, err := d.unused(final + tornSuffix)
	if err != nil {
		return err
	}
	tail, err := d.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, d.o.Perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(tail, io.NewSectionReader(f, from, to-from))
	if err == nil {
		err = tail.Sync()
	}
	if err = errors.Join(err, tail.Close()); err != nil {
		return errors.Join(err, d.fs.Remove(path))
	}
	d.noteAside()
	return d.fs.SyncDir(d.temp)
}

// setAside gives a file a name that says what it is, and that none has.
func (d *Dir) setAside(path, name string) error {
	to, err := d.unused(name)
	if err != nil {
		return err
	}
	if err := d.fs.Rename(path, to); err != nil {
		return err
	}
	d.noteAside()
	return d.fs.SyncDir(d.temp)
}

// unused returns a path in the temporary directory for name, with a number if there is such a file.
func (d *Dir) unused(name string) (string, error) {
	ext := filepath.Ext(name)
	path := filepath.Join(d.temp, name)
	for n := 2; ; n++ {
		if _, err := d.fs.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return path, nil
		} else if err != nil {
			return "", err
		}
		path = filepath.Join(d.temp, fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), n, ext))
	}
}

func (d *Dir) noteAside() {
	d.mu.Lock()
	d.aside++
	d.mu.Unlock()
}
