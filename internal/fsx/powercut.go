package fsx

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// sector is what a disk writes whole or not at all, mostly: see [dice.tear].
const sector = 512

// PowerCut ends m (every further operation fails with [ErrPowerCut]) and returns the file system as it is found afterwards.
// It may be called while others use m, and again, with another seed, for another outcome.
//
// What was synced is there. Of everything else, chance decides, by seed:
//   - Each change of a directory (a file created, renamed, removed) happened or not, whatever became of those before it.
//     A rename happened as a whole. (Windows: only the last of them, in all directories, did not.)
//   - Each sector of each write is there or not, whatever became of the others; now and then a sector is torn. Where the
//     file was extended but the data did not arrive there are zeros.
//   - Each change of a size by Truncate happened or not.
//
// Some seeds keep all, some nothing.
func (m *Mem) PowerCut(seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = errDead
	d := newDice(seed)
	after := m.reborn(seed)
	after.boot++
	done := map[*node]*node{}
	happened := d.changes(m.root)
	if m.o.Windows {
		d.inOrder(happened)
	}
	after.root = d.directory(m.root, happened, done)
	for _, n := range done {
		after.used += n.holds()
	}
	return after
}

// Kill ends m, as kill -9 ends a process: every further operation fails with [ErrPowerCut]. It returns the file system with
// all that was done; what was not synced is still not synced, locks are let go of, nothing is open, and nothing fails.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = errDead
	after := m.reborn(1)
	after.root, after.used = m.root, m.used
	after.root.letGo(after)
	m.root = newDir(0) // nothing that is left of m may reach the nodes
	return after
}

func (m *Mem) reborn(seed uint64) *Mem {
	return &Mem{o: m.o, temp: m.temp, dice: newDice(seed), boot: m.boot}
}

// letGo closes what is open. The old handles keep pointing here, but theirs is a dead Mem.
func (n *node) letGo(m *Mem) {
	n.handles, n.locked = 0, false
	for _, child := range n.entries {
		child.letGo(m)
	}
}

// dice decide what a power cut leaves. Their draws come in an order that depends on m's history alone.
type dice struct {
	*rand.Rand
	keep float64 // how likely a piece is to survive
}

func newDice(seed uint64) *dice {
	r := rand.New(rand.NewPCG(seed, 0x736c75696365))
	return &dice{r, []float64{0, 0.1, 0.5, 0.9, 1}[r.IntN(5)]}
}

func (d *dice) survives() bool { return d.Float64() < d.keep }

// changes decides of each change of a directory in the tree whether it happened: once for each, as a rename is in two
// directories.
func (d *dice) changes(root *node) map[*dirOp]bool {
	happened := map[*dirOp]bool{}
	seen := map[*node]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if !n.isDir() || seen[n] {
			return
		}
		seen[n] = true
		for _, op := range n.dirOps {
			if _, drawn := happened[op]; !drawn {
				happened[op] = d.survives()
			}
			if op.node != nil {
				walk(op.node)
			}
		}
		for _, name := range sortedNames(n.synced) {
			walk(n.synced[name])
		}
	}
	walk(root)
	return happened
}

// inOrder makes the changes that happened the first ones, as many as they are: NTFS logs them in their order.
func (d *dice) inOrder(happened map[*dirOp]bool) {
	n := 0
	var ops []*dirOp
	for op, did := range happened {
		ops = append(ops, op)
		if did {
			n++
		}
	}
	slices.SortFunc(ops, func(a, b *dirOp) int { return cmp.Compare(a.n, b.n) })
	for i, op := range ops {
		happened[op] = i < n
	}
}

func sortedNames(entries map[string]*node) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// directory returns what is left of a directory and what it holds.
func (d *dice) directory(n *node, happened map[*dirOp]bool, done map[*node]*node) *node {
	if after := done[n]; after != nil {
		return after
	}
	after := newDir(n.mode.Perm())
	done[n] = after
	entries := map[string]*node{}
	for name, child := range n.synced {
		entries[name] = child
	}
	for _, op := range n.dirOps {
		if !happened[op] {
			continue
		}
		if op.fromDir == n && entries[op.fromName] == op.node {
			delete(entries, op.fromName)
		}
		if op.dir != n {
			continue
		}
		if op.node == nil {
			delete(entries, op.name)
		} else {
			entries[op.name] = op.node
		}
	}
	for _, name := range sortedNames(entries) {
		child := entries[name]
		if child.isDir() {
			after.entries[name] = d.directory(child, happened, done)
		} else {
			after.entries[name] = d.file(child, done)
		}
		after.synced[name] = after.entries[name]
	}
	return after
}

// file returns what is left of a file. It may be found under two names, if a rename happened and the removal of what it
// replaced did not.
func (d *dice) file(n *node, done map[*node]*node) *node {
	if after := done[n]; after != nil {
		return after
	}
	after := newFile(n.mode.Perm())
	after.mtime = n.mtime
	writes := n.writes
	if n.mapped {
		writes = append(slices.Clip(writes), write{0, n.data})
	}
	after.data = d.survive(slices.Clone(n.durable), writes)
	after.durable = slices.Clone(after.data)
	done[n] = after
	return after
}

// survive returns file with what is left of the writes.
func (d *dice) survive(file []byte, writes []write) []byte {
	for _, w := range writes {
		if w.data == nil {
			if d.survives() {
				file = w.apply(file)
			}
			continue
		}
		for len(w.data) > 0 {
			piece := write{w.off, w.data[:d.tear(w)]}
			if d.survives() {
				file = piece.apply(file)
			} else if end := piece.off + int64(len(piece.data)); end > int64(len(file)) && d.survives() {
				file = resize(file, end) // the size arrived, the data did not
			}
			w.off, w.data = w.off+int64(len(piece.data)), w.data[len(piece.data):]
		}
	}
	return file
}

// tear returns how much of w shares one fate: up to the end of the sector, now and then less, and mostly more if it is
// long, so that a long write is not always in shreds.
func (d *dice) tear(w write) int {
	n := min(sector-int(w.off%sector), len(w.data))
	switch d.IntN(8) {
	case 0:
		n = 1 + d.IntN(n)
	case 1, 2, 3:
		n += sector * d.IntN(16)
	}
	return min(n, len(w.data))
}
