package topic

import (
	"runtime"
	"time"
)

const (
	look   = 4                    // turns
	enough = 16                   // messages that a turn should bring
	pause  = 2 * time.Microsecond // what it lasts, if nobody else wants the processor
	yields = 16                   // in a pause at most: the clock of a test may stand still
	rests  = 127                  // looks without a pause, behind one that was in vain
)

// A pace keeps a reader that is faster than its publishers at a distance from them. Close behind, each turn would bring a value
// or two, and take the cache lines from the publisher that it writes to, which costs it more than an append does. So a reader
// whose last few turns brought little lets others run for a moment before it looks again.
//
// A pause that still brings less than half of what is enough, or less than half as much again as came without, is not repeated soon: the
// publishers are slow, or they wait for this very reader, in gated logs that are small, or it reads many topics that have a
// few messages each, from long ago.
type pace struct {
	turns, messages int  // of this look
	paused          bool // this look follows a pause
	without         int  // messages of the last look that followed none
	rest            int  // looks until the next pause
}

// took notes a turn that brought n messages.
func (p *pace) took(n int) {
	p.turns++
	p.messages += n
}

// caught says that the reader found nothing: if it is to wait, it sleeps.
func (p *pace) caught() { p.turns, p.messages, p.paused = 0, 0, false }

// keep is called before each turn, and pauses if it is time to.
func (p *pace) keep() {
	if p.turns < look || !p.due() {
		return
	}
	start := time.Now()
	for i := 0; i < yields && time.Since(start) < pause; i++ {
		runtime.Gosched()
	}
}

// due ends a look, and reports whether to pause.
func (p *pace) due() bool {
	messages, paused := p.messages, p.paused
	p.caught()
	if !paused {
		p.without = messages
	}
	switch {
	case messages >= look*enough:
		return false
	case p.rest > 0:
		p.rest--
		return false
	case paused && (messages <= look*enough/2 || 2*messages < 3*p.without):
		p.rest = rests
		return false
	}
	p.paused = true
	return true
}
