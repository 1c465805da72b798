package fsx

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// A Mapping is a file in memory: see [FS.MapFile].
type Mapping struct {
	// Data is what the file holds. A store into it is in the file at once, without a system call, and stays there however the
	// process ends. It may fault: see [Guard].
	Data []byte

	unmap   func([]byte) error
	cleanup runtime.Cleanup
}

// A memoryFault is what a goroutine panics with, see [debug.SetPanicOnFault].
type memoryFault interface {
	runtime.Error
	Addr() uintptr
}

// newMapping returns the mapping of data, which unmap gives back. It is given back too when nobody can reach the Mapping any
// more, so whoever uses Data holds on to it.
func newMapping(data []byte, unmap func([]byte) error) *Mapping {
	m := &Mapping{Data: data, unmap: unmap}
	m.cleanup = runtime.AddCleanup(m, func(data []byte) { unmap(data) }, data)
	return m
}

// Close gives the memory back. Nobody may use Data any more. The file stays.
func (m *Mapping) Close() error {
	m.cleanup.Stop()
	data := m.Data
	m.Data = nil
	return m.unmap(data)
}

// Guard calls f, which uses the memory of a [Mapping], and returns an error if that could not be had: a disk that fails, or a file
// that somebody cut. Without it that ends the program (SIGBUS). What f did until then stays. A panic of f goes on. Whose
// memory it is that can't be had is not looked at: where it is not ours that is no reason to go on with a lock held, and some
// systems and emulators tell no address, or a wrong one.
func Guard(f func()) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		switch e := recover().(type) {
		case nil:
		case memoryFault:
			err = fmt.Errorf("memory of a mapped file can't be had (at %#x): %w", e.Addr(), e)
		default:
			panic(e)
		}
	}()
	f()
	return nil
}
