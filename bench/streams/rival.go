package streams

import (
	"fmt"
	"io"
	"path/filepath"
)

// Stream is a rival, set up.
type Stream interface {
	io.WriteCloser

	// Reader opens a reader at the first byte, which waits for more until the stream is closed. It is not called concurrently.
	Reader() (io.ReadCloser, error)

	// Free lets go of everything. The readers are closed.
	Free() error
}

// Rival is a way to stream bytes to many readers.
type Rival struct {
	Name string
	// New makes a stream. Its file, if it has one, is in dir.
	New func(dir string) (Stream, error)
	// Lent: readers are not copied to, see [ours].
	Lent bool
}

// Names of rivals that goals speak of.
const (
	Djherbis = "djherbis"
	Buffer   = "buffer"
)

// InMemory returns the rivals that keep the bytes in memory, Sluice's last.
func InMemory() []Rival {
	return []Rival{
		{Name: "mutex", New: newMutex},
		{Name: "rwmutex", New: newRWMutex},
		{Name: Djherbis, New: newDjherbis},
		{Name: Buffer, New: newBuffer},
		{Name: "buffer-lent", New: newBuffer, Lent: true},
	}
}

// OnFile returns the rivals that keep the bytes in a file, Sluice's last.
func OnFile() []Rival {
	return []Rival{
		{Name: "mutex", New: newMutexFile},
		{Name: "polled", New: newPolled},
		{Name: Djherbis, New: newDjherbisFile},
		{Name: "buffer-spill", New: newSpill},
		{Name: Buffer, New: newBufferFile},
	}
}

// fileIn returns the name of a rival's file in dir, in which there is one stream at a time.
func fileIn(dir, rival string) string { return filepath.Join(dir, fmt.Sprintf("%s.stream", rival)) }
