package topic

// Slots returns the size of the table in which h finds topics.
func Slots[K comparable, T any](h *Hub[K, T]) int { return len(*h.topics.slots.Load()) }

// What the tests of a pace need.
const (
	Look   = look
	Enough = enough
	Rests  = rests
)

type Pace struct{ pace }

func (p *Pace) Took(n int) { p.took(n) }

func (p *Pace) Caught() { p.caught() }

// Keep is keep, and reports whether it paused.
func (p *Pace) Keep() bool {
	due := p.turns == look
	p.keep()
	return due && p.paused
}
