package sourcetest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/sourcetest"
)

// A naive log is the shortest that keeps every law: one mutex, one slice. With a fault it breaks one of them.
type naive[T any] struct {
	kind
	fault fault

	mu      sync.Mutex
	values  []T // [first, next)
	first   sluice.Offset
	end     error
	readers []*naiveReader[T] // open ones
	changed chan struct{}     // closed and replaced when there may be room, or the end
	appends int
	looks   int // at the bounds
}

// A kind of log is what a Config says of it.
type kind struct {
	room    int64 // 0: no limit
	gated   bool
	durable bool
	real    bool // not in a bubble
}

func (k kind) String() string {
	type plain kind // without this method
	return fmt.Sprintf("%+v", plain(k))
}

// config describes logs of that kind with that fault.
func (k kind) config(f fault) sourcetest.Config[int] {
	cfg := sourcetest.Config[int]{
		New: func(testing.TB) sluice.Log[int] {
			return &naive[int]{kind: k, fault: f, changed: make(chan struct{})}
		},
		Value:      func(n int64) int { return int(n) },
		Room:       k.room,
		Blocking:   k.gated,
		NoSynctest: k.real,
	}
	if k.durable {
		cfg.Reopen = reopenNaive
	}
	return cfg
}

// reopenNaive stands for opening the files that the closed log has written.
func reopenNaive(_ testing.TB, closed sluice.Log[int]) sluice.Log[int] {
	old := closed.(*naive[int])
	l := &naive[int]{kind: old.kind, fault: old.fault, changed: make(chan struct{}), first: old.first}
	l.values = slices.Clone(old.values)
	if l.is(losesLastOnReopen) && len(l.values) > 0 {
		l.values = l.values[:len(l.values)-1]
	}
	if l.is(startsAgainOnReopen) {
		l.first = 0
		l.values = nil
	}
	return l
}

func (l *naive[T]) is(f fault) bool { return l.fault == f }

func (l *naive[T]) nextLocked() sluice.Offset { return l.first + sluice.Offset(len(l.values)) }

func (l *naive[T]) Bounds() (first, next sluice.Offset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, next = l.first, l.nextLocked()
	if l.looks++; l.is(boundsGoBack) && l.looks%5 == 0 {
		first = 0
	}
	if l.is(endGoesBack) && l.end != nil && next > first {
		next--
	}
	return first, next
}

func (l *naive[T]) Append(ctx context.Context, v T) (sluice.Offset, error) {
	return l.add(ctx, []T{v})
}

func (l *naive[T]) AppendAll(ctx context.Context, vs []T) (sluice.Offset, error) {
	off, err := l.add(ctx, vs)
	if l.is(returnsLastOffset) && len(vs) > 0 {
		off += sluice.Offset(len(vs) - 1)
	}
	return off, err
}

func (l *naive[T]) add(ctx context.Context, vs []T) (sluice.Offset, error) {
	if l.is(appendHangs) {
		select {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.awaitRoomLocked(ctx, len(vs)); err != nil {
		return 0, err
	}
	off := l.nextLocked()
	switch {
	case l.is(keepsCallersSlice) && len(l.values) == 0:
		l.values = vs
	case l.is(appendsTwoAtOnce):
		l.pauseLocked()
		if vs := vs[min(len(vs), int(l.nextLocked()-off)):]; len(vs) > 0 {
			l.values = append(l.values, vs...)
		}
	case l.is(appendsInPieces) && len(vs) > 1:
		l.values = append(l.values, vs[0])
		l.pauseLocked()
		l.values = append(l.values, vs[1:]...)
	default:
		l.values = append(l.values, vs...)
	}
	if l.is(startsAtOne) {
		off++
	}
	if l.is(scribbles) {
		l.scribbleLocked()
	}
	if l.room > 0 {
		l.dropLocked(l.nextLocked() - sluice.Offset(l.room))
	}
	if l.appends++; !l.is(losesWakeUp) || l.appends%7 != 0 {
		l.wakeLocked()
	}
	return off, nil
}

// pauseLocked lets everybody else come in between.
func (l *naive[T]) pauseLocked() {
	l.mu.Unlock()
	time.Sleep(time.Millisecond)
	l.mu.Lock()
}

func (l *naive[T]) awaitRoomLocked(ctx context.Context, n int) error {
	for {
		switch {
		case l.end != nil && !l.is(acceptsAfterClose):
			return sluice.ErrClosed
		case !l.gated || l.is(neverFull):
			return nil
		}
		slowest := l.nextLocked()
		for _, r := range l.readers {
			if r.bad == nil {
				slowest = min(slowest, r.consumed)
			}
			if l.is(waitsForFastest) {
				slowest = max(slowest, r.consumed)
			}
		}
		if int64(l.nextLocked()-slowest)+int64(n) <= l.room {
			return nil
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
			l.mu.Lock()
		case <-ctx.Done():
			l.mu.Lock()
			switch {
			case l.is(appendsAfterCancel):
				return nil
			case l.is(returnsCtxErr):
				return ctx.Err()
			}
			return context.Cause(ctx)
		}
	}
}

func (l *naive[T]) Trim(before sluice.Offset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropLocked(before)
	l.wakeLocked()
}

func (l *naive[T]) dropLocked(before sluice.Offset) {
	if before = min(before, l.nextLocked()); before > l.first {
		l.values = l.values[before-l.first:]
		l.first = before
	}
}

func (l *naive[T]) scribbleLocked() {
	for _, r := range l.readers {
		clear(r.lent)
	}
}

// wakeLocked wakes the readers that wait.
func (l *naive[T]) wakeLocked() {
	for _, r := range l.readers {
		if !r.waiting {
			continue
		}
		r.waiting = false
		select {
		case r.signal <- struct{}{}:
		default:
		}
		if l.is(wakesOne) {
			return
		}
	}
}

// changedLocked wakes the writers that wait.
func (l *naive[T]) changedLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *naive[T]) Close() error {
	l.mu.Lock()
	closed := l.end != nil
	l.mu.Unlock()
	if closed && l.is(closesOnce) {
		return sluice.ErrClosed
	}
	return l.CloseWithError(nil)
}

func (l *naive[T]) CloseWithError(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		err = sluice.ErrClosed
	}
	if _, ok := err.(*sluice.LagError); ok && !l.is(endsWithGap) {
		err = fmt.Errorf("naive: the writer failed: %w", err)
	}
	if l.end == nil || l.is(replacesError) {
		l.end = err
	}
	if !l.is(closeWakesNobody) {
		l.wakeLocked()
	}
	if !l.is(closeLeavesWriters) {
		l.changedLocked()
	}
	return nil
}
