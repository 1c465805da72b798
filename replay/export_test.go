package replay

import "github.com/sluice-go/sluice"

// ChunkSizes returns the sizes of the chunks that r holds, oldest first.
func ChunkSizes[T any](r *Replay[T]) (sizes []int) {
	for c := r.head.Load(); c != nil; c = c.next.Load() {
		sizes = append(sizes, len(c.slots))
	}
	return sizes
}

// NewAt returns an empty log whose first value gets offset off.
func NewAt[T any](o Options, off sluice.Offset) *Replay[T] {
	r := New[T](o)
	c := r.head.Load()
	c.base = off
	r.openLocked(c)
	r.tail.Init(int64(off), false)
	r.first.Store(int64(off))
	return r
}
