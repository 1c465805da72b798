package rings

import (
	"sync"
	"sync/atomic"
	"time"
)

// timePositions returns the time in which each of the readers stores its position n times, beside each other in memory: the
// readers' part of a gate. Padded positions have a cache line each.
func timePositions(padded bool, n, readers int) time.Duration {
	positions := make([]*atomic.Int64, readers)
	together, apart := make([]atomic.Int64, readers), make([]sequence, readers)
	for i := range positions {
		positions[i] = &together[i]
		if padded {
			positions[i] = &apart[i].Int64
		}
	}
	var wg sync.WaitGroup
	start := time.Now()
	for _, p := range positions {
		wg.Go(func() {
			for v := range int64(n) {
				p.Store(v)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}
