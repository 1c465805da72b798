package replay

import (
	"time"

	"github.com/sluice-go/sluice"
)

// A span is a run of values that were appended within maxAge/64 of each other. Retention by age keeps a handful of them
// instead of a time for each value: a span goes as a whole, when its newest value is too old.
type span struct {
	oldest, newest time.Duration // when its first and its last value were appended, since ages.start
	end            sluice.Offset // behind its last value
}

// ages knows how old the retained values are. It is guarded by Replay.tail.
type ages struct {
	start time.Time
	now   time.Duration // of the append or the timer that is running, since start
	spans []span        // oldest first; may lag behind values that other limits dropped
	timer *time.Timer   // fires while spans is not empty; nil until the first value

	// openSince is when the first value of the last chunk was appended. Dropped values are freed with their chunk, so
	// one that spans a long time gets no more.
	openSince time.Duration
}

const spansPerAge = 64

// noteLocked books the values up to end as appended now.
func (a *ages) noteLocked(end sluice.Offset, maxAge time.Duration) {
	if n := len(a.spans); n > 0 && a.now-a.spans[n-1].oldest <= maxAge/spansPerAge {
		a.spans[n-1].newest, a.spans[n-1].end = a.now, end
		return
	}
	a.spans = append(a.spans, span{oldest: a.now, newest: a.now, end: end})
}

// expiredLocked forgets the spans that are too old and returns the offset behind them, 0 if there is none.
func (a *ages) expiredLocked(maxAge time.Duration) (before sluice.Offset) {
	n := 0
	for n < len(a.spans) && a.now-a.spans[n].newest >= maxAge {
		before = a.spans[n].end
		n++
	}
	a.spans = append(a.spans[:0], a.spans[n:]...)
	return before
}

// noteTimeLocked reads the clock for an append at n, if there is a maxAge, and ends the last chunk if it is too old.
func (r *Replay[T]) noteTimeLocked(n int64) {
	a, maxAge := &r.keep.ages, r.keep.maxAge
	if maxAge == 0 {
		return
	}
	a.now = time.Since(a.start)
	if n == r.base {
		a.openSince = a.now
	} else if a.now-a.openSince > maxAge/keptChunks {
		r.limit = min(r.limit, n)
	}
}

// ageLocked books the values up to end and starts the timer if they are the only ones. It returns what is too old.
func (r *Replay[T]) ageLocked(end sluice.Offset) (before sluice.Offset) {
	a, maxAge := &r.keep.ages, r.keep.maxAge
	before = a.expiredLocked(maxAge)
	idle := len(a.spans) == 0
	a.noteLocked(end, maxAge)
	switch {
	case a.timer == nil:
		a.timer = time.AfterFunc(maxAge, r.expire)
	case idle:
		a.timer.Reset(maxAge)
	}
	return before
}

// expire is what the timer calls. It runs until nothing is left to expire, so an abandoned log is not kept alive by its
// timer for longer than that.
func (r *Replay[T]) expire() {
	if r.expireLong() {
		r.wake()
	}
}

// expireLong reports whether readers that wait must be woken. It unlocks even if SizeOf panics.
func (r *Replay[T]) expireLong() (emptied bool) {
	n := r.tail.LockLong()
	defer r.tail.UnlockLong(n)
	a := &r.keep.ages
	a.now = time.Since(a.start)
	emptied = r.dropLocked(sluice.Offset(n), a.expiredLocked(r.keep.maxAge), 0)
	if len(a.spans) > 0 {
		a.timer.Reset(a.spans[0].newest + r.keep.maxAge - a.now)
	}
	return emptied
}
