package spool

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
)

// Open returns a Dir that writes files into a directory, which it creates if there is none. First it looks for what was
// left over by processes that died: of each unfinished file the whole messages become a finished file, and what is behind
// them, a torn message as a rule, a file that ends in .torn. A message that WriteFrom was reading becomes one that ends
// in .incomplete. Nothing is overwritten, and nothing removed that is not elsewhere; files of a Dir that is open, in this
// or another process, are left alone.
//
// It fails if an option makes no sense, if it can't write, and if TempDir is not on the same file system.
func Open(dir string, o DirOptions) (*Dir, error) { return openOn(systemDisk, dir, o) }

// disk is a file system.
type disk struct {
	fsx.FS
	// Windows can't sync a directory: there a rename lasts when a file was synced after it.
	windows bool
}

var systemDisk = disk{fsx.OS{}, runtime.GOOS == "windows"}

func openOn(fsys disk, dir string, o DirOptions) (*Dir, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	d := &Dir{o: o, fs: fsys, dir: dir, temp: orDefault(o.TempDir, dir), seed: maphash.MakeSeed()}
	d.names = namer{prefix: o.Prefix, ext: o.Ext}
	d.scratch.New = func() any { b := make([]byte, o.BufferBytes); return &b }
	if err := d.prepare(); err != nil {
		return nil, fmt.Errorf("spool: open %s: %w", dir, err)
	}
	d.start()
	return d, nil
}

// prepare does what start needs to be done on the disk.
func (d *Dir) prepare() error {
	for _, dir := range []string{d.dir, d.temp} {
		if err := makeDir(d.fs, dir); err != nil {
			return err
		}
	}
	err := d.takeID()
	if err != nil {
		return err
	}
	if err = d.probe(); err == nil {
		err = d.recover()
	}
	if err != nil {
		return errors.Join(err, d.letGo(d.lock, d.names.id))
	}
	return nil
}

// takeID draws the Dir's id, and takes its lock. Another Dir that opens may find the lock's file before it is locked, and
// take it for that of a dead one: then the next id.
func (d *Dir) takeID() (err error) {
	for range 10 {
		d.names.id = newID()
		d.lock, err = d.fs.Lock(d.lockPath(d.names.id))
		if !errors.As(err, new(*fsx.LockedError)) {
			break
		}
	}
	return err
}

func (d *Dir) lockPath(id string) string { return filepath.Join(d.temp, d.names.lockName(id)) }

// letGo ends a lock that nobody needs any more. Its file goes first: who opened it meanwhile must not have the lock of a
// file that somebody else removes then. Windows removes no open file, and nobody else can open it; one that stays there,
// as somebody was faster, does no harm: the next Open removes it.
func (d *Dir) letGo(lock io.Closer, id string) error {
	removed := d.fs.Remove(d.lockPath(id))
	err := lock.Close()
	if removed != nil {
		d.fs.Remove(d.lockPath(id))
	}
	return err
}

// makeDir creates a directory with its parents, so that a power cut does not take it with all its files.
func makeDir(fsys disk, dir string) error {
	if _, err := fsys.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return fsys.MkdirAll(dir, 0o777) // says if it is no directory
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}

// probe moves a file the way that finished ones go.
func (d *Dir) probe() error {
	name := d.names.next() + probeSuffix
	from, to := filepath.Join(d.temp, name), filepath.Join(d.dir, name)
	f, err := d.fs.OpenFile(from, os.O_RDWR|os.O_CREATE|os.O_EXCL, d.o.Perm)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, d.fs.Remove(from))
	}
	if from == to {
		return d.fs.Remove(to)
	}
	if err := d.fs.Rename(from, to); err != nil {
		return errors.Join(fmt.Errorf("TempDir must be a directory on the same file system: %w", err), d.fs.Remove(from))
	}
	return d.fs.Remove(to)
}

func (d *Dir) start() {
	for range d.o.Workers {
		w := &worker{d: d}
		w.lane.init(laneOptions{
			size: d.o.BufferBytes, max: 2, flushEvery: d.flushEvery(),
			retryAfter: d.o.RetryAfter, retryMost: d.o.RetryMost,
		}, w.write, &d.settled)
		w.lane.onEnd = w.end
		for range w.lane.max {
			w.lane.free = append(w.lane.free, &entry{data: make([]byte, 0, w.lane.size)})
			w.lane.made++
		}
		d.workers = append(d.workers, w)
	}
	d.running.Store(int32(len(d.workers)))
	for _, w := range d.workers {
		w.lane.run()
	}
}

// flushEvery is how long a message stays in memory: a process that dies loses it.
func (d *Dir) flushEvery() time.Duration {
	if d.o.MaxFileAge > 0 {
		return min(time.Second, max(1, d.o.MaxFileAge/2))
	}
	return time.Second
}

// Flush finishes all files: when it returns nil, everything that was accepted before is in finished files. If some
// of it was lost it says so, once. If ctx is done before that it returns context.Cause(ctx), and what the disk fails with.
// After Close it returns [sluice.ErrClosed].
func (d *Dir) Flush(ctx context.Context) error {
	entries := make([]*entry, len(d.workers))
	for i, w := range d.workers {
		entries[i] = &entry{must: true, do: w.finish}
		if err := w.lane.submit(entries[i]); err != nil {
			return err
		}
	}
	for i, w := range d.workers {
		if err := w.lane.result(ctx, entries[i]); err != nil {
			for j := i; j < len(entries); j++ {
				d.workers[j].lane.withdraw(entries[j]) // else they pile up while the disk fails
			}
			return w.lane.because(err)
		}
	}
	return d.newLoss()
}

// Close accepts no more messages, finishes all files and ends the workers. It tries for DirOptions.CloseWithin; see
// [Dir.CloseContext].
func (d *Dir) Close() error {
	if d.o.CloseWithin < 0 {
		return d.CloseContext(context.Background())
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), d.o.CloseWithin, errCloseTimeout)
	defer cancel()
	return d.CloseContext(ctx)
}

// CloseContext is Close that tries until ctx is done. If that is too early it returns an *[UndeliveredError] with what
// was still in memory, and is lost; messages that are in unfinished files are not: the next Open recovers them. So a Count
// of zero says that nothing is lost, but not all files are finished. It is idempotent, and later calls return the same.
func (d *Dir) CloseContext(ctx context.Context) error {
	for _, w := range d.workers {
		w.lane.shut(&entry{must: true, do: w.finish})
	}
	var lost *UndeliveredError
	for _, w := range d.workers {
		var l *UndeliveredError
		if errors.As(w.lane.drain(ctx), &l) {
			if lost == nil {
				lost = &UndeliveredError{Err: l.Err}
			}
			lost.add(l.Lines, l.Bytes)
		}
	}
	if lost != nil {
		lost.Err = fmt.Errorf("%w; messages in unfinished files are not lost: the next Open recovers them", lost.Err)
		return lost
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unlocked
}

func ignoring(what, err error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

// end is the last thing that a worker's goroutine does.
func (w *worker) end() {
	if w.age != nil {
		w.age.Stop()
	}
	if w.f != nil {
		w.f.Close() // unfinished: the next Open recovers it
	}
	if w.d.running.Add(-1) == 0 { // not before: one that hangs may still write
		err := w.d.letGo(w.d.lock, w.d.names.id) // other Dirs may have its files now
		w.d.mu.Lock()
		w.d.unlocked = err
		w.d.mu.Unlock()
	}
}
