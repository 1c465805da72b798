package ring

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/sluice-go/sluice"
)

// makeRoom returns once count values fit at the end, with the tail locked: the end, which may have moved from n. On an
// error the tail is unlocked. The caller has locked the tail; count is at most the size of the ring.
func (r *Ring[T]) makeRoom(ctx context.Context, n int64, count int) (int64, error) {
	switch {
	case r.ended.Load():
		r.tail.Unlock(n)
		return 0, sluice.ErrClosed
	case r.policy == Overwrite:
		r.turn(n)
		return n, nil
	case r.single:
		return r.makeRoomAlone(ctx, n, count)
	case r.hasRoom(n, count, nil):
		return n, nil
	}
	return r.waitForRoom(ctx, n, count)
}

// makeRoomAlone is makeRoom of a gated ring's single writer.
func (r *Ring[T]) makeRoomAlone(ctx context.Context, n int64, count int) (_ int64, err error) {
	if n+int64(count) <= r.limit && !r.changed.Load() {
		return n, nil
	}
	r.freeze()
	r.limit = math.MinInt64
	if !r.hasRoom(n, count, nil) {
		if _, err = r.waitForRoom(ctx, n, count); err != nil {
			return 0, err
		}
	}
	r.changed.Store(false)
	r.thaw(n)
	return n, nil
}

// freeze returns the end, which no writer moves by more than the append that it is at until thaw, and not at all without
// SingleWriter; then the writers look at the gates.
func (r *Ring[T]) freeze() (n int64) {
	if !r.single {
		return r.tail.Lock()
	}
	r.gates.mu.Lock()
	r.changed.Store(true)
	return r.tail.Next()
}

func (r *Ring[T]) thaw(n int64) {
	if r.single {
		r.gates.mu.Unlock()
	} else {
		r.tail.Unlock(n)
	}
}

// freezeLong is freeze for longer: writers that come meanwhile sleep.
func (r *Ring[T]) freezeLong() (n int64) {
	if r.single {
		return r.freeze()
	}
	return r.tail.LockLong()
}

func (r *Ring[T]) thawLong(n int64) {
	if r.single {
		r.thaw(n)
	} else {
		r.tail.UnlockLong(n)
	}
}

// waitForRoom is makeRoom where there is none, of a ring that is frozen at n. It is thawed on an error only.
func (r *Ring[T]) waitForRoom(ctx context.Context, n int64, count int) (_ int64, err error) {
	if ctx == nil {
		r.thaw(n)
		panic("ring: Append on a gated ring needs a context")
	}
	g := r.gates
	s := g.wakeable()
	s.since, s.end = time.Now(), n
	g.blocked = append(g.blocked, s)
	room := false
	defer func() { // also if ctx panics
		g.blocked = slices.DeleteFunc(g.blocked, func(b *sleeper) bool { return b == s })
		g.spare = append(g.spare, s)
		if g.turn == s {
			g.turn = nil
			g.room.Wake()
		}
		if !room {
			r.thaw(s.end)
		}
	}()
	for !r.ended.Load() && !r.hasRoom(s.end, count, s) {
		if !r.single && g.turn == nil && g.blocked[0] == s && time.Since(s.since) >= patience {
			g.turn, r.limit = s, math.MinInt64
		}
		if err := r.sleep(ctx, s, count); err != nil {
			return 0, err
		}
	}
	if r.ended.Load() {
		return 0, sluice.ErrClosed
	}
	room = true
	return s.end, nil
}

// sleep thaws the ring, sleeps until there may be room for count values, and freezes it again.
func (r *Ring[T]) sleep(ctx context.Context, s *sleeper, count int) error {
	g := r.gates
	r.thaw(s.end)
	runtime.Gosched() // once, as readers do: often they make room for less than parking costs
	if s.end = r.freeze(); r.ended.Load() || r.hasRoom(s.end, count, s) {
		return nil
	}
	g.room.Park(&s.parking, &s.waiter)
	defer func() { // also if ctx panics: nobody may stay behind, and swallow a wake
		g.room.Leave(&s.parking)
		s.waiter.Clear()
	}()
	g.arm()
	if r.hasRoom(s.end, count, s) { // after arm: a reader that moved before owes nothing, and will not wake us
		return nil
	}
	r.thaw(s.end)
	defer func() { s.end = r.freeze() }()
	return s.waiter.Sleep(ctx)
}

func (g *gates) wakeable() (s *sleeper) {
	if last := len(g.spare) - 1; last >= 0 {
		s, g.spare = g.spare[last], g.spare[:last]
		return s
	}
	return new(sleeper)
}

// lengthen has the tail locked for long, and reports whether there is room for count values still. The caller has locked it at n, and
// found room for at least one. Nobody takes that meanwhile; only a cursor that is opened or moved back may, and then the caller waits
// anew, behind those that wait already.
func (r *Ring[T]) lengthen(n int64, count int) (_ int64, ok bool) {
	g := r.gates
	s := g.wakeable()
	g.turn, r.limit = s, math.MinInt64
	r.tail.Unlock(n)
	n = r.tail.LockLong()
	ok = !r.ended.Load() && r.hasRoom(n, count, s)
	g.turn, g.spare = nil, append(g.spare, s)
	g.room.Wake()
	if !ok {
		r.tail.UnlockLong(n)
	}
	return n, ok
}

// hasRoom reports whether count values fit at n, after a look at the readers if they did not when we last looked, and it is no
// other's turn than that of s.
func (r *Ring[T]) hasRoom(n int64, count int, s *sleeper) bool {
	if n+int64(count) <= r.limit {
		return true
	}
	turn := r.gates.turn
	if turn != nil && turn != s {
		return false
	}
	limit := int64(math.MaxInt64)
	if slowest := r.gates.slowest(); slowest < math.MaxInt64 {
		limit = slowest + r.size
	}
	has := n+int64(count) <= limit
	if has || turn == nil {
		r.limit = limit
	}
	return has
}

// makeRoomFor is makeRoom for any count. Overwrite needs none.
func (r *Ring[T]) makeRoomFor(ctx context.Context, n int64, count int) (int64, error) {
	switch {
	case r.ended.Load():
		r.tail.Unlock(n)
		return 0, sluice.ErrClosed
	case r.policy == Overwrite || count == 0:
		return n, nil
	case int64(count) > r.size:
		r.tail.Unlock(n)
		return 0, fmt.Errorf("ring: %d values can't be appended at once to a gated ring that holds %d", count, r.size)
	}
	return r.makeRoom(ctx, n, count)
}
