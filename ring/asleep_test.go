package ring_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/ring"
)

// When everybody sleeps, nobody does who need not, whatever writers and readers did before: appends of any size that give up,
// or whose context or fill panics, and cursors that are opened, moved and closed meanwhile.
func TestNobodySleepsBesideRoom(t *testing.T) {
	turns := 0
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := &sleepers{t: t, rng: rand.New(rand.NewPCG(seed, 1)), ring: ring.New[int](16, ring.Options{Policy: ring.Gated})}
			for range 400 {
				s.step(ctx)
				if s.rng.IntN(3) == 0 {
					time.Sleep(time.Duration(s.rng.IntN(2e6))) // some wait for long enough to have their turn
				}
				if s.rng.IntN(2) == 0 {
					turns += s.check(seed)
				}
			}
			if s.rng.IntN(2) == 0 {
				s.ring.CloseWithError(errors.New("broken"))
			}
			cancel()
			s.appends.Wait()
			if n := s.ring.Stats().BlockedWriters; n > 0 || ring.InTurn(s.ring) {
				t.Errorf("seed %d: behind all appends %d wait, in turn: %t", seed, n, ring.InTurn(s.ring))
			}
			for _, c := range s.cursors {
				c.Close()
			}
		})
	}
	if turns < 1000 {
		t.Errorf("only %d looks saw a turn", turns)
	}
}

// sleepers are the writers and readers of one ring of 16.
type sleepers struct {
	t       *testing.T
	rng     *rand.Rand
	ring    *ring.Ring[int]
	cursors []*sluice.Cursor[int]
	appends sync.WaitGroup

	mu    sync.Mutex
	asked []int // guarded by mu: for how many slots each append asks that has not returned
}

// step does one thing at random.
func (s *sleepers) step(ctx context.Context) {
	positions := []sluice.Position{sluice.Oldest(), sluice.Newest(), sluice.Last(3)}
	p := positions[s.rng.IntN(len(positions))]
	i := s.rng.IntN(max(1, len(s.cursors)))
	switch what := s.rng.IntN(36); {
	case what < 15:
		s.add(ctx)
	case what < 18 && len(s.cursors) < 3:
		s.cursors = append(s.cursors, s.ring.Cursor(p))
	case len(s.cursors) == 0:
	case what < 19:
		s.cursors[i].Close()
		s.cursors = slices.Delete(s.cursors, i, i+1)
	case what < 20:
		s.cursors[i].Seek(p)
	case what < 26:
		s.cursors[i].TryBatch()
	default:
		s.cursors[i].TryNext()
	}
}

// undone is a context that panics when it is asked for its end.
type undone struct{ context.Context }

func (undone) Done() <-chan struct{} { panic("no end") }

// add starts an append, unless many wait already.
func (s *sleepers) add(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 8 {
		return
	}
	count, fill := 1, func([]int) {}
	if s.rng.IntN(3) == 0 {
		count = s.rng.IntN(17)
	}
	cancel := func() {}
	switch s.rng.IntN(12) {
	case 0, 1, 2:
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.rng.IntN(5e6)))
	case 3:
		ctx = undone{ctx}
	case 4:
		fill = func([]int) { panic("no values") }
	}
	inPlace := s.rng.IntN(2) == 0
	s.asked = append(s.asked, count)
	s.appends.Go(func() {
		defer cancel()
		defer func() {
			recover()
			s.mu.Lock()
			defer s.mu.Unlock()
			i := slices.Index(s.asked, count)
			s.asked = slices.Delete(s.asked, i, i+1)
		}()
		if inPlace {
			s.ring.AppendFunc(ctx, count, fill)
		} else {
			s.ring.AppendAll(ctx, make([]int, count))
		}
	})
}

// check returns 1 if an append has its turn, else 0.
func (s *sleepers) check(seed uint64) int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	stats, room := s.ring.Stats(), math.MaxInt
	if len(stats.Cursors) > 0 {
		room = 16 - int(stats.Cursors[0].Lag)
	}
	if stats.BlockedWriters != len(s.asked) {
		s.t.Errorf("seed %d: %d writers are blocked, of %d", seed, stats.BlockedWriters, len(s.asked))
	}
	switch turn := ring.InTurn(s.ring); {
	case len(s.asked) == 0:
		if turn {
			s.t.Errorf("seed %d: it is the turn of an append that is over", seed)
		}
	case turn && slices.Max(s.asked) > room: // it may be its turn
		return 1
	case turn || slices.Min(s.asked) <= room:
		s.t.Errorf("seed %d: with room for %d, appends of %v sleep, in turn: %t", seed, room, s.asked, turn)
	}
	return 0
}
