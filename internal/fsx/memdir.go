package fsx

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// errSharing is what Windows says of a file that somebody has open.
var errSharing = errors.New("the file is being used by another process")

// A dirOp is a change of a directory: an entry of that name appears, or is replaced, or (node nil) goes away. A rename
// is also the end of another entry, and both happen or neither.
type dirOp struct {
	dir      *node
	name     string
	node     *node
	fromDir  *node // of a rename
	fromName string
	n        int64 // changes are numbered
}

// apply does the change to what the directories hold now, or to what they hold for certain.
func (op *dirOp) apply(entries func(*node) map[string]*node) {
	if op.fromDir != nil && entries(op.fromDir)[op.fromName] == op.node {
		delete(entries(op.fromDir), op.fromName)
	}
	if op.node == nil {
		delete(entries(op.dir), op.name)
	} else {
		entries(op.dir)[op.name] = op.node
	}
}

func current(n *node) map[string]*node { return n.entries }
func certain(n *node) map[string]*node { return n.synced }

// change does op, and notes it in each directory concerned as not synced. The caller holds mu.
func (m *Mem) change(op *dirOp) {
	m.changes++
	op.n = m.changes
	replaced := op.dir.entries[op.name]
	op.apply(current)
	op.dir.dirOps = append(op.dir.dirOps, op)
	if op.fromDir != nil && op.fromDir != op.dir {
		op.fromDir.dirOps = append(op.fromDir.dirOps, op)
	}
	if replaced != nil && replaced != op.node {
		m.release(replaced)
	}
}

// release gives back the room of a file that nobody can open any more.
func (m *Mem) release(n *node) {
	if n.handles == 0 {
		m.used -= n.holds()
	}
	n.mode |= unlinked
}

// unlinked marks a file that is in no directory. The bit has no meaning in a file's mode.
const unlinked = fs.ModeIrregular

func (m *Mem) syncDir(d *node) {
	for _, op := range d.dirOps {
		op.apply(certain)
		for _, other := range []*node{op.dir, op.fromDir} {
			if other != nil && other != d {
				other.dirOps = slices.DeleteFunc(other.dirOps, func(o *dirOp) bool { return o == op })
			}
		}
	}
	d.dirOps = nil
}

func (m *Mem) syncAllDirs(d *node) {
	m.syncDir(d)
	for _, n := range d.entries {
		if n.isDir() {
			m.syncAllDirs(n)
		}
	}
}

// steps returns the names on the way from the root.
func steps(name string) []string {
	clean := filepath.ToSlash(filepath.Clean(name))
	clean = strings.Trim(strings.TrimPrefix(clean, filepath.ToSlash(filepath.VolumeName(name))), "/")
	if clean == "" || clean == "." {
		return nil
	}
	return strings.Split(clean, "/")
}

func (m *Mem) find(name string) (*node, error) {
	n := m.root
	for _, step := range steps(name) {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		if n = n.entries[step]; n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

// parent returns the directory that name is or would be in, and what it is called there.
func (m *Mem) parent(name string) (dir *node, base string, err error) {
	path := steps(name)
	if len(path) == 0 {
		return nil, "", fs.ErrExist // the root
	}
	dir, err = m.find(strings.Join(path[:len(path)-1], "/"))
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	return dir, path[len(path)-1], err
}

func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	injected := m.begin(OpRename, newname, 0)
	err := injected
	if err == nil || err == ErrPowerCut {
		err = m.rename(oldname, newname)
	}
	if err = errors.Join(injected, err); err != nil {
		if injected != nil {
			err = injected
		}
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return nil
}

func (m *Mem) rename(oldname, newname string) error {
	from, fromBase, err := m.parent(oldname)
	if err != nil {
		return err
	}
	to, toBase, err := m.parent(newname)
	if err != nil {
		return err
	}
	n, over := from.entries[fromBase], to.entries[toBase]
	switch {
	case n == nil:
		return fs.ErrNotExist
	case over == n:
		return nil
	case over != nil && over.isDir() != n.isDir():
		return fs.ErrExist
	case over != nil && over.isDir() && len(over.entries) > 0:
		return syscall.ENOTEMPTY
	case m.o.Windows && (n.handles > 0 || over != nil && over.handles > 0):
		return errSharing
	}
	m.change(&dirOp{dir: to, name: toBase, node: n, fromDir: from, fromName: fromBase})
	return nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	injected := m.begin(OpRemove, name, 0)
	err := injected
	if err == nil || err == ErrPowerCut {
		err = m.remove(name)
	}
	if injected != nil {
		err = injected
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

func (m *Mem) remove(name string) error {
	dir, base, err := m.parent(name)
	if err != nil {
		return err
	}
	n := dir.entries[base]
	switch {
	case n == nil:
		return fs.ErrNotExist
	case n.isDir() && len(n.entries) > 0:
		return syscall.ENOTEMPTY
	case m.o.Windows && n.handles > 0:
		return errSharing
	}
	m.change(&dirOp{dir: dir, name: base})
	return nil
}

func (m *Mem) MkdirAll(name string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.begin(OpMkdir, name, 0); err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	d := m.root
	for _, step := range steps(name) {
		n := d.entries[step]
		if n == nil {
			n = newDir(perm)
			m.change(&dirOp{dir: d, name: step, node: n})
		}
		if !n.isDir() {
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		d = n
	}
	return nil
}

func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.begin(OpReadDir, name, 0)
	if err == nil {
		err = m.descriptor()
	}
	var d *node
	if err == nil {
		d, err = m.find(name)
	}
	if err == nil && !d.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	var list []fs.DirEntry
	for _, base := range slices.Sorted(maps.Keys(d.entries)) {
		list = append(list, fs.FileInfoToDirEntry(d.entries[base].info(base)))
	}
	return list, nil
}

func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.begin(OpSyncDir, name, 0)
	if m.o.Windows && err == nil {
		return nil
	}
	if err == nil {
		err = m.descriptor()
	}
	var d *node
	if err == nil {
		d, err = m.find(name)
	}
	if err == nil && !d.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return &fs.PathError{Op: "syncdir", Path: name, Err: err}
	}
	m.syncDir(d)
	return nil
}
