package spool

import "github.com/sluice-go/sluice/internal/fsx"

// Disk is a file system, and whether it is as that of Windows.
func Disk(fsys fsx.FS, windows bool) disk { return disk{fsys, windows} }

// OpenOn is Open on another file system.
func OpenOn(fsys disk, dir string, o DirOptions) (*Dir, error) { return openOn(fsys, dir, o) }

// OpenSinkOn is OpenSink on another file system.
func OpenSinkOn[T any](fsys disk, dir string, codec Codec[T], o DirOptions) (*Sink[T], error) {
	return openSinkOn(fsys, dir, codec, o)
}

// Queued returns how much is queued for the workers.
func (d *Dir) Queued() (n int) {
	for _, w := range d.workers {
		w.lane.mu.Lock()
		n += len(w.lane.queue)
		w.lane.mu.Unlock()
	}
	return n
}
