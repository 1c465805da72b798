package ring_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// A crowd appends single values to a gated ring as fast as a slow reader lets it, until stop.
func crowd(t *testing.T, r *ring.Ring[int], writers int) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	cur := r.Cursor(sluice.Oldest()) // before them: without a cursor nobody waits
	for range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				r.Append(ctx, 1)
			}
		}()
	}
	go func() {
		defer func() { done <- struct{}{} }()
		defer cur.Close()
		for _, err := range cur.All(ctx) {
			if err != nil {
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
	}()
	return func() {
		cancel()
		for range writers + 1 {
			<-done
		}
	}
}

// An append of many values gets its turn beside many of one, which would take all the room as it comes. So does one that fills
// slots itself.
func TestLargeAppendGetsItsTurn(t *testing.T) {
	vs := make([]int, 64)
	for name, add := range map[string]func(ctx context.Context, r *ring.Ring[int]) (sluice.Offset, error){
		"AppendAll": func(ctx context.Context, r *ring.Ring[int]) (sluice.Offset, error) { return r.AppendAll(ctx, vs) },
		"AppendFunc": func(ctx context.Context, r *ring.Ring[int]) (sluice.Offset, error) {
			return r.AppendFunc(ctx, len(vs), func(dst []int) { clear(dst) })
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := ring.New[int](64, ring.Options{Policy: ring.Gated})
			defer crowd(t, r, 3)()
			time.Sleep(time.Second)
			for range 5 {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				_, err := add(ctx, r)
				// All that was there before must be read, and what comes while it waits for its turn.
				if took := time.Since(start); err != nil || took > 30*time.Millisecond {
					t.Errorf("%s of the whole ring took %v, %v, want at most 30ms", name, took, err)
				}
				cancel()
			}
		})
	}
}

// Whose turn it is may give up, and then the others go on, though no reader moves.
func TestTurnIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ring.New[int](64, ring.Options{Policy: ring.Gated})
		defer r.Close()
		cur := r.Cursor(sluice.Oldest())
		defer cur.Close()
		appendN(t, r, 64)
		tired := errors.New("tired")
		ctx, cancel := context.WithCancelCause(t.Context())
		large := make(chan error)
		go func() {
			_, err := r.AppendAll(ctx, make([]int, 64))
			large <- err
		}()
		time.Sleep(time.Second)
		for range 3 { // makes room for some, and has the writer see that it has waited for long
			if batch, err := cur.TryBatch(); len(batch) == 0 || err != nil {
				t.Fatalf("TryBatch() = %v, %v", batch, err)
			}
		}
		synctest.Wait()
		small := make(chan error, 1)
		go func() {
			_, err := r.Append(t.Context(), 1)
			small <- err
		}()
		synctest.Wait()
		select {
		case err := <-small:
			t.Fatalf("Append() = %v before the one that has waited for long", err)
		default:
		}
		if n := r.Stats().BlockedWriters; n != 2 {
			t.Errorf("%d writers are blocked, want 2", n)
		}
		cancel(tired)
		if err := <-large; err != tired {
			t.Errorf("AppendAll() = %v, want the cause", err)
		}
		if err := <-small; err != nil {
			t.Errorf("Append() = %v", err)
		}
	})
}

// An append of no values needs no room, so it takes nobody's turn away.
func TestAppendOfNothingLeavesTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ring.New[int](64, ring.Options{Policy: ring.Gated})
		cur := r.Cursor(sluice.Oldest())
		defer cur.Close()
		appendN(t, r, 64)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.AppendAll(ctx, make([]int, 64))
		synctest.Wait()
		time.Sleep(time.Second)
		for range 2 { // room for some, and the writer sees that it has waited for long
			if batch, err := cur.TryBatch(); len(batch) == 0 || err != nil {
				t.Fatalf("TryBatch() = %v, %v", batch, err)
			}
		}
		synctest.Wait()
		if !ring.InTurn(r) {
			t.Fatal("it is nobody's turn, want that of the large append")
		}
		for range 100 {
			off, err := r.AppendFunc(t.Context(), 0, func(dst []int) {
				if len(dst) != 0 {
					t.Errorf("fill gets %d slots, want 0", len(dst))
				}
			})
			if off != 64 || err != nil || !ring.InTurn(r) {
				t.Fatalf("AppendFunc(0) = %d, %v and in turn: %t, want 64, nil, true", off, err, ring.InTurn(r))
			}
		}
	})
}

// To wait for its turn, and to have it, allocates nothing, as any other wait.
func TestTurnAllocatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ring.New[int](64, ring.Options{Policy: ring.Gated})
		defer r.Close()
		cur := r.Cursor(sluice.Oldest())
		defer cur.Close()
		appendN(t, r, 64)
		vs := make([]int, 64)
		fill := func([]int) {}
		waits := func(add func() (sluice.Offset, error)) (turn chan struct{}) {
			turn = make(chan struct{})
			go func() {
				for range turn {
					add()
				}
			}()
			return turn
		}
		all := waits(func() (sluice.Offset, error) { return r.AppendAll(t.Context(), vs) })
		defer close(all)
		inPlace := waits(func() (sluice.Offset, error) { return r.AppendFunc(t.Context(), 64, fill) })
		defer close(inPlace)
		turns := 0
		run := func() {
			for _, add := range [...]chan struct{}{all, inPlace} {
				add <- struct{}{}
				synctest.Wait()
				time.Sleep(2 * time.Millisecond)
				for range 4 { // wakes it each time
					cur.TryBatch()
					synctest.Wait()
					if ring.InTurn(r) {
						turns++
					}
				}
				cur.TryBatch() // the last batch was consumed
				synctest.Wait()
			}
		}
		if got := testing.AllocsPerRun(100, run); got != 0 || turns < 400 {
			t.Errorf("two waits allocate %v times, %d looks saw a turn, want 0 and at least 400", got, turns)
		}
	})
}
