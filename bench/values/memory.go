package values

import (
	"runtime"
	"runtime/debug"
)

// memory is where a rival's allocations come from. It decides how a log that copies its values when it grows compares
// with one that doesn't: touching a page for the first time costs more than filling it.
type memory bool

const (
	// fresh memory was never touched: a process whose log grows.
	fresh memory = false
	// recycled memory was used and freed before: a process that had a log of this size already.
	recycled memory = true
)

func (m memory) String() string {
	if m == recycled {
		return "recycled memory"
	}
	return "fresh memory"
}

// run brings the heap into that state and calls f. For recycled memory it calls f once before, to use the memory, and
// switches the collector off, which in the background would give the memory back and so decide at random.
func (m memory) run(f func() error) error {
	if m == fresh {
		debug.FreeOSMemory()
		return f()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if err := f(); err != nil {
		return err
	}
	runtime.GC()
	return f()
}

// allocated returns how many bytes the process has allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
