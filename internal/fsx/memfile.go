package fsx

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// A write is a change of a file that was not synced: data at off, or a new size (data nil, off the size).
type write struct {
	off  int64
	data []byte
}

// apply returns what a file holds after w.
func (w write) apply(file []byte) []byte {
	if w.data == nil {
		return resize(file, w.off)
	}
	if end := w.off + int64(len(w.data)); end > int64(len(file)) {
		file = resize(file, end)
	}
	copy(file[w.off:], w.data)
	return file
}

// resize cuts data, or fills it up with zeros.
func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	old := len(data)
	data = slices.Grow(data, int(size)-old)[:size]
	clear(data[old:])
	return data
}

// memFile is an open file of a Mem. Its fields are guarded by Mem.mu.
type memFile struct {
	m       *Mem
	n       *node
	name    string
	flag    int
	pos     int64
	unlocks bool // it is a lock
	closed  bool
}

func (f *memFile) Name() string { return f.name }

// begin is [Mem.begin] for an operation on an open file.
func (f *memFile) begin(op Op, size int) error {
	if f.closed {
		return fs.ErrClosed
	}
	return f.m.begin(op, f.name, size)
}

func (f *memFile) error(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if short, ok := err.(*ShortWrite); ok {
		err = short.Err
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *memFile) Read(p []byte) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	n, err := f.readAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, f.error("read", err)
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	n, err := f.readAt(p, off)
	return n, f.error("read", err)
}

func (f *memFile) readAt(p []byte, off int64) (int, error) {
	if err := f.begin(OpRead, len(p)); err != nil {
		return 0, err
	}
	switch {
	case f.n.isDir():
		return 0, syscall.EISDIR
	case f.flag&os.O_WRONLY != 0:
		return 0, syscall.EBADF
	case off < 0:
		return 0, syscall.EINVAL
	case len(p) == 0:
		return 0, nil
	case off >= int64(len(f.n.data)):
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.flag&os.O_APPEND != 0 {
		f.pos = int64(len(f.n.data))
	}
	n, err := f.writeAt(p, f.pos)
	f.pos += int64(n)
	return n, f.error("write", err)
}

// WriteAt fails on a file opened with O_APPEND, as that of package os does.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.flag&os.O_APPEND != 0 {
		return 0, f.error("write", syscall.EINVAL)
	}
	n, err := f.writeAt(p, off)
	return n, f.error("write", err)
}

func (f *memFile) writeAt(p []byte, off int64) (int, error) {
	err := f.begin(OpWrite, len(p))
	switch short, isShort := err.(*ShortWrite); {
	case isShort:
		p = p[:min(short.N, len(p))]
	case err != nil && err != ErrPowerCut:
		return 0, err
	}
	switch {
	case f.flag&(os.O_WRONLY|os.O_RDWR) == 0:
		return 0, syscall.EBADF
	case off < 0:
		return 0, syscall.EINVAL
	case off+int64(len(p)) > maxSize:
		return 0, syscall.EFBIG
	}
	if grow := off + int64(len(p)) - f.n.holds(); grow > 0 {
		if fits := f.m.room(grow); fits < grow {
			p = p[:max(0, int64(len(p))-(grow-fits))]
			err = syscall.ENOSPC
		}
	}
	if len(p) > 0 {
		f.m.do(f.n, write{off, slices.Clone(p)})
	}
	if err == ErrPowerCut {
		return 0, err
	}
	return len(p), err
}

// do changes a file and notes that this is not synced. The caller holds mu.
func (m *Mem) do(n *node, w write) {
	m.used -= n.holds()
	n.data = w.apply(n.data)
	n.mtime = time.Now()
	n.writes = append(n.writes, w)
	m.used += n.holds()
}

func (m *Mem) truncate(n *node, size int64) {
	m.used -= n.holds()
	n.reserved = min(n.reserved, size)
	m.used += n.holds()
	m.do(n, write{off: size})
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.error("truncate", f.truncate(size))
}

func (f *memFile) truncate(size int64) error {
	err := f.begin(OpTruncate, 0)
	if err != nil && err != ErrPowerCut {
		return err
	}
	switch grow := size - f.n.holds(); {
	case f.flag&(os.O_WRONLY|os.O_RDWR) == 0, size < 0:
		return syscall.EINVAL
	case size > maxSize:
		return syscall.EFBIG
	case grow > 0 && f.m.room(grow) < grow:
		return syscall.ENOSPC
	}
	f.m.truncate(f.n, size)
	return err
}

func (f *memFile) Preallocate(_, to int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	err := f.begin(OpPreallocate, 0)
	if grow := to - f.n.holds(); err == nil && grow > 0 {
		if f.m.room(grow) < grow {
			err = syscall.ENOSPC
		} else {
			f.m.used += grow
			f.n.reserved = to
		}
	}
	return f.error("preallocate", err)
}

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	err := f.begin(OpSync, 0)
	switch {
	case err == nil:
		for _, w := range f.n.writes {
			f.n.durable = w.apply(f.n.durable)
		}
		f.n.writes = nil
		if f.m.o.Windows {
			f.m.syncAllDirs(f.m.root)
		}
	case err != ErrPowerCut && err != errDead && !f.closed:
		// The kernel calls the pages clean that it could not write: a later Sync succeeds without them. From here on
		// what the file holds and what is on the disk differ for good.
		f.n.durable, f.n.writes = f.m.dice.survive(f.n.durable, f.n.writes), nil
	}
	return f.error("sync", err)
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin(OpSize, 0); err != nil {
		return 0, f.error("stat", err)
	}
	return int64(len(f.n.data)), nil
}

// Close lets go of the file, also when it fails, as close(2) does on Linux.
func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return f.error("close", fs.ErrClosed)
	}
	err := f.begin(OpClose, 0)
	f.closed = true
	if err == errDead {
		return f.error("close", err) // after Kill the node belongs to another Mem
	}
	f.m.open--
	f.n.handles--
	if f.unlocks {
		f.n.locked = false
	}
	if f.n.mode&unlinked != 0 && f.n.handles == 0 {
		f.m.used -= f.n.holds()
	}
	return f.error("close", err)
}
