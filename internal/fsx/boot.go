package fsx

import "hash/fnv"

// BootID returns a number for the time between two starts of the system: as long as it stays the same the system's cache
// has lost nothing. 0: unknown.
func BootID(fsys FS) uint64 {
	if b, ok := fsys.(interface{ BootID() uint64 }); ok {
		return b.BootID()
	}
	return 0
}

// BootID implements [BootID].
func (OS) BootID() uint64 { return hashID(bootID()) }

// BootID implements [BootID]: it is another after a PowerCut.
func (m *Mem) BootID() uint64 { return m.boot }

func hashID(id string) uint64 {
	if id == "" {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64() | 1
}
