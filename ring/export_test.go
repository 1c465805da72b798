package ring

import "github.com/sluice-go/sluice"

// NewAt returns an empty ring whose first value gets offset off, a multiple of 128.
func NewAt[T any](capacity int, o Options, off sluice.Offset) *Ring[T] {
	return newAt[T](capacity, o, int64(off))
}

// Pins returns how many readers are inside the chunks of a ring that overwrites.
func Pins[T any](r *Ring[T]) (pins int) {
	for i := range r.chunks.dir {
		if c := r.chunks.dir[i].Load(); c != nil {
			pins += int(c.pins.Load())
		}
	}
	return pins
}

// InTurn reports whether an append has its turn before all others.
func InTurn[T any](r *Ring[T]) bool {
	n := r.freeze()
	defer r.thaw(n)
	return r.gates.turn != nil
}
