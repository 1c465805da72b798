package fsx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

var _ FS = (*Mem)(nil)

// MemOptions says what kind of disk a [Mem] is. The zero value is a POSIX system with all the room there is.
type MemOptions struct {
	// Windows: a file that is open can't be renamed or removed, nor be replaced by a rename; SyncDir does nothing, and
	// File.Sync of any file makes everything last that was done to directories before. A power cut undoes the last changes,
	// never one before another that stays.
	Windows bool

	// Maps: files can be mapped.
	Maps bool

	// Room is how many bytes the files may hold together. 0: no limit. See also [Mem.SetRoom].
	Room int64

	// MaxOpen is how many files may be open at once. 0: no limit. See also [Mem.SetMaxOpen].
	MaxOpen int
}

// Mem is a file system in memory that fails when it is told to: see [Mem.Inject], [Mem.SetRoom], [Mem.SetMaxOpen],
// [Mem.PowerCut] and [Mem.Kill]. It knows what has been synced and what has not. Everything that it does depends on its
// calls alone, and on the seed that PowerCut is given. A file's times are those of package time, so of the bubble in a
// synctest bubble.
type Mem struct {
	mu      sync.Mutex
	o       MemOptions
	root    *node
	used    int64 // bytes of room
	open    int   // files
	ops     int64
	changes int64 // of directories
	temp    int   // for the names of CreateTemp
	dead    error // what every operation fails with, once the power is cut
	fail    func(Call) error
	dice    *dice  // of what a failed Sync leaves
	boot    uint64 // constant
}

// NewMem returns an empty file system. It has a root directory, whatever that is called, and no other.
func NewMem(o MemOptions) *Mem {
	return &Mem{o: o, root: newDir(0o777), dice: newDice(1), boot: 1}
}

// Inject makes m ask f before each operation; what f returns is what the operation fails with, and nothing happens, but for
// *[ShortWrite] and [ErrPowerCut]. A Sync that fails loses a random part of what it was to sync, for good, as Linux does.
// f is called under m's lock: it must not use m. Nil: nothing fails.
func (m *Mem) Inject(f func(Call) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

// Ops returns how many operations m was asked for.
func (m *Mem) Ops() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// Open returns how many files are open.
func (m *Mem) Open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

// Used returns how many bytes the files hold, or have preallocated.
func (m *Mem) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// SetRoom changes how many bytes the files may hold together; 0: no limit. If they hold more already they keep it.
func (m *Mem) SetRoom(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.o.Room = bytes
}

// SetMaxOpen changes how many files may be open at once; 0: no limit.
func (m *Mem) SetMaxOpen(files int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.o.MaxOpen = files
}

// begin counts an operation and asks whether it may happen. The caller holds mu.
func (m *Mem) begin(op Op, name string, size int) error {
	if m.dead != nil {
		return m.dead
	}
	m.ops++
	if m.fail == nil {
		return nil
	}
	err := m.fail(Call{Op: op, Name: name, N: m.ops - 1, Size: size})
	if err == ErrPowerCut {
		m.dead = errDead
	}
	return err
}

// room returns how many of n more bytes fit.
func (m *Mem) room(n int64) int64 {
	if m.o.Room == 0 {
		return n
	}
	return min(n, max(0, m.o.Room-m.used))
}

func (m *Mem) descriptor() error {
	if m.o.MaxOpen != 0 && m.open >= m.o.MaxOpen {
		return syscall.EMFILE
	}
	return nil
}

func (m *Mem) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.openFile(name, flag, perm)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

func (m *Mem) openFile(name string, flag int, perm fs.FileMode) (*memFile, error) {
	injected := m.begin(OpOpen, name, 0)
	if injected != nil && injected != ErrPowerCut {
		return nil, injected
	}
	if err := m.descriptor(); err != nil {
		return nil, err
	}
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[base]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, fs.ErrNotExist
	case n == nil:
		n = newFile(perm)
		m.change(&dirOp{dir: dir, name: base, node: n})
	case flag&os.O_EXCL != 0 && flag&os.O_CREATE != 0:
		return nil, fs.ErrExist
	case n.isDir() && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		return nil, syscall.EISDIR
	}
	if injected != nil {
		return nil, injected
	}
	if flag&os.O_TRUNC != 0 {
		m.truncate(n, 0)
	}
	return m.newHandle(n, name, flag), nil
}

func (m *Mem) newHandle(n *node, name string, flag int) *memFile {
	m.open++
	n.handles++
	return &memFile{m: m, n: n, name: name, flag: flag}
}

func (m *Mem) CreateTemp(dir, pattern string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix, suffix := pattern, ""
	if i := strings.LastIndexByte(pattern, '*'); i >= 0 {
		prefix, suffix = pattern[:i], pattern[i+1:]
	}
	if err := m.begin(OpCreateTemp, filepath.Join(dir, pattern), 0); err != nil {
		return nil, &fs.PathError{Op: "createtemp", Path: filepath.Join(dir, pattern), Err: err}
	}
	for {
		m.temp++
		name := filepath.Join(dir, fmt.Sprintf("%s%06d%s", prefix, m.temp, suffix))
		d, base, err := m.parent(name)
		if err == nil {
			err = m.descriptor()
		}
		if err != nil {
			return nil, &fs.PathError{Op: "createtemp", Path: name, Err: err}
		}
		if d.entries[base] == nil {
			n := newFile(0o600)
			m.change(&dirOp{dir: d, name: base, node: n})
			return m.newHandle(n, name, os.O_RDWR), nil
		}
	}
}

func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.begin(OpStat, name, 0)
	if err == nil {
		var n *node
		if n, err = m.find(name); err == nil {
			return n.info(filepath.Base(name)), nil
		}
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
}

// MapFile maps what the file holds now: whoever stores into it must not do so while anybody else uses that file, or ends m.
func (m *Mem) MapFile(name string, size int) (*Mapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, err := m.mapFile(name, size)
	if err != nil {
		return nil, &fs.PathError{Op: "map", Path: name, Err: err}
	}
	return newMapping(data, func([]byte) error { return nil }), nil
}

func (m *Mem) mapFile(name string, size int) ([]byte, error) {
	if !m.o.Maps {
		return nil, errors.ErrUnsupported
	}
	if err := m.begin(OpMap, name, size); err != nil {
		return nil, err
	}
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, err
	}
	if dir.entries[base] != nil {
		m.change(&dirOp{dir: dir, name: base})
	}
	if m.room(int64(size)) < int64(size) {
		return nil, syscall.ENOSPC
	}
	n := newFile(0o600)
	m.change(&dirOp{dir: dir, name: base, node: n})
	m.do(n, write{0, make([]byte, size)})
	n.mapped = true
	return n.data, nil
}

// Lock locks for this Mem alone: what [Mem.Kill] and [Mem.PowerCut] return is a system where nobody runs.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(OpLock, name, 0); err != nil {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	if n, _ := m.find(name); n != nil && n.locked {
		return nil, &LockedError{Name: name, PID: os.Getpid()}
	}
	keep := m.fail
	m.fail = nil // it was asked already
	f, err := m.openFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	m.fail = keep
	m.ops--
	if err != nil {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	f.n.locked, f.unlocks = true, true
	return f, nil
}

// A node is a file or a directory.
type node struct {
	mode    fs.FileMode
	mtime   time.Time
	handles int
	locked  bool

	// Of a directory: what it holds now, what it holds for certain after a power cut, and what was done in between.
	entries, synced map[string]*node
	dirOps          []*dirOp

	// Of a file, the same.
	data, durable []byte
	writes        []write
	reserved      int64 // preallocated
	mapped        bool  // data was changed by others too, who never synced that
}

func newDir(perm fs.FileMode) *node {
	return &node{mode: perm | fs.ModeDir, mtime: time.Now(), entries: map[string]*node{}, synced: map[string]*node{}}
}

func newFile(perm fs.FileMode) *node { return &node{mode: perm, mtime: time.Now()} }

func (n *node) isDir() bool { return n.mode.IsDir() }

// holds returns how much room n takes.
func (n *node) holds() int64 { return max(int64(len(n.data)), n.reserved) }

func (n *node) info(name string) fs.FileInfo {
	return memInfo{name: name, size: int64(len(n.data)), mode: n.mode, mtime: n.mtime}
}

type memInfo struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.mtime }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }

// maxSize is of a file; beyond it a seed of nonsense would eat the machine's memory.
const maxSize = math.MaxInt32
