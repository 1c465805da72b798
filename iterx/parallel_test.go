package iterx_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/iterx"
	"github.com/sluice-go/sluice/replay"
)

type mapper func(context.Context, func(context.Context) iter.Seq2[int, error], iterx.Parallel,
	func(context.Context, int) (int, error)) iter.Seq2[int, error]

// mappers are the functions that run f in goroutines; Prefetch as one with an f in the sequence.
var mappers = map[string]mapper{
	"MapParallel":          iterx.MapParallel[int, int],
	"MapParallelUnordered": iterx.MapParallelUnordered[int, int],
	"Prefetch": func(ctx context.Context, open func(context.Context) iter.Seq2[int, error], p iterx.Parallel,
		f func(context.Context, int) (int, error)) iter.Seq2[int, error] {
		mapped := func(ctx context.Context) iter.Seq2[int, error] {
			return iterx.TryMap(open(ctx), func(v int) (int, error) { return f(ctx, v) })
		}
		return iterx.Prefetch(ctx, mapped, max(p.Depth, 1))
	},
}

func eachMapper(t *testing.T, test func(t *testing.T, name string, m mapper)) {
	for name, m := range mappers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, name, m) })
		})
	}
}

// waiting yields 0 to n-1 and then waits for ctx, as a cursor does at the end of its source.
func waiting(n int) func(context.Context) iter.Seq2[int, error] {
	return func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
			<-ctx.Done()
			yield(0, context.Cause(ctx))
		}
	}
}

func same(_ context.Context, v int) (int, error) { return v, nil }

func until(n int) func(context.Context) iter.Seq2[int, error] {
	return iterx.Static(iterx.Range(0, n, 1))
}

func TestMapParallelKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(_ context.Context, v int) (int, error) {
			time.Sleep(rand.N(time.Second))
			return v, nil
		}
		next := 0
		for v, err := range iterx.MapParallel(t.Context(), until(500), iterx.Parallel{Workers: 7, Depth: 20}, slow) {
			if v != next || err != nil {
				t.Fatalf("value %d is %v, %v", next, v, err)
			}
			next++
		}
		if next != 500 {
			t.Errorf("%d values, want 500", next)
		}
	})
}

// Eight values of a second each take two seconds on four workers, and never more than four at once.
func TestWorkersRunAtTheSameTime(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		if name == "Prefetch" {
			t.Skip("it has no workers")
		}
		var now atomic.Int32
		var mu sync.Mutex
		most := int32(0)
		second := func(_ context.Context, v int) (int, error) {
			mu.Lock()
			most = max(most, now.Add(1))
			mu.Unlock()
			time.Sleep(time.Second)
			now.Add(-1)
			return v, nil
		}
		start := time.Now()
		vs, err := iterx.TryCollect(m(t.Context(), until(8), iterx.Parallel{Workers: 4}, second))
		if took := time.Since(start); len(vs) != 8 || err != nil || took != 2*time.Second || most != 4 {
			t.Errorf("%v, %v in %v, %d at once, want 8 values in 2s, 4 at once", vs, err, took, most)
		}
	})
}

func TestDepthBoundsWhatIsReadAhead(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		for _, depth := range []int{1, 2, 5, 64} {
			in := over(make([]int, 1000))
			open := func(context.Context) iter.Seq2[int, error] { return iterx.Ok(in.seq) }
			bodies := 0
			for range m(t.Context(), open, iterx.Parallel{Workers: 3, Depth: depth}, same) {
				bodies++
				if synctest.Wait(); in.taken != bodies+depth {
					t.Fatalf("Depth %d: %d values were taken while the body has number %d", depth, in.taken, bodies)
				}
				if bodies == 10 {
					break
				}
			}
			if in.taken != bodies+depth {
				t.Errorf("Depth %d: %d values were taken when the loop was left at number %d", depth, in.taken, bodies)
			}
		}
	})
}

func TestParallelDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for workers, depth := range map[int]int{0: 64, 1: 64, 50: 100} {
			if workers == 0 {
				depth = max(64, 2*runtime.GOMAXPROCS(0))
			}
			in := over(make([]int, 1000))
			open := func(context.Context) iter.Seq2[int, error] { return iterx.Ok(in.seq) }
			for range iterx.MapParallel(t.Context(), open, iterx.Parallel{Workers: workers}, same) {
				if synctest.Wait(); in.taken != 1+depth {
					t.Errorf("Workers %d: %d values read ahead, want %d", workers, in.taken-1, depth)
				}
				break
			}
		}
	})
}

// The sequence waits, for ever but for its context; the bubble fails if a goroutine is left.
func TestALoopCanBeLeftWhileItsInputWaits(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		n := 0
		for range m(t.Context(), waiting(3), iterx.Parallel{Depth: 2}, same) {
			if n++; n == 3 {
				synctest.Wait()
				break
			}
		}
		if v := thrown(func() {
			for range m(t.Context(), waiting(3), iterx.Parallel{Depth: 2}, same) {
				panic(errPanic)
			}
		}); v != errPanic {
			t.Errorf("the loop panics with %v, want %v", v, errPanic)
		}
	})
}

// When the loop is left, every f has returned.
func TestALoopWaitsForItsFunctions(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		var inside atomic.Int32
		f := func(ctx context.Context, v int) (int, error) {
			inside.Add(1)
			defer inside.Add(-1)
			if v > 2 {
				<-ctx.Done()
				time.Sleep(time.Second) // tidies up
			}
			return v, nil
		}
		for range m(t.Context(), until(100), iterx.Parallel{Workers: 8}, f) {
			time.Sleep(time.Minute)
			break
		}
		if n := inside.Load(); n != 0 {
			t.Errorf("%d calls of f run after the loop", n)
		}
	})
}

func TestTheCauseComesLast(t *testing.T) {
	cause := errors.New("enough")
	for name, open := range map[string]func(context.Context) iter.Seq2[int, error]{
		"while the input waits": waiting(5), "between values": until(1 << 30),
	} {
		t.Run(name, func(t *testing.T) {
			eachMapper(t, func(t *testing.T, name string, m mapper) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(cause) })
				n := 0
				var last error
				for v, err := range m(ctx, open, iterx.Parallel{Workers: 2, Depth: 8}, same) {
					if last != nil {
						t.Fatalf("%v, %v after %v", v, err, last)
					}
					last = err
					if n++; n == 5 && err == nil {
						time.Sleep(time.Hour)
					}
				}
				if last != cause {
					t.Errorf("the loop ends with %v, want %v", last, cause)
				}
				for v, err := range m(ctx, open, iterx.Parallel{}, same) {
					if n++; v != 0 || err != cause {
						t.Errorf("a loop with a dead context yields %v, %v", v, err)
					}
				}
			})
		})
	}
}

// f heeds its context: its error is not the loop's.
func TestTheCauseComesLastWhileFunctionsWait(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		stuck := func(ctx context.Context, v int) (int, error) {
			<-ctx.Done()
			return 0, fmt.Errorf("%d: %w", v, ctx.Err())
		}
		n := 0
		for _, err := range m(ctx, until(100), iterx.Parallel{Workers: 3}, stuck) {
			if n++; err != context.DeadlineExceeded || n > 1 {
				t.Errorf("error %d is %v, want %v alone", n, err, context.DeadlineExceeded)
			}
		}
		if n != 1 {
			t.Errorf("%d errors, want 1", n)
		}
	})
}

func TestUnorderedIsNotHeldBackByASlowValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(_ context.Context, v int) (int, error) {
			if v == 0 {
				time.Sleep(time.Hour)
			}
			return v, nil
		}
		start := time.Now()
		var got []int
		for v, err := range iterx.MapParallelUnordered(t.Context(), until(20), iterx.Parallel{Workers: 2}, slow) {
			got = append(got, v)
			if v != 0 && time.Since(start) != 0 || err != nil {
				t.Errorf("%v, %v after %v", v, err, time.Since(start))
			}
		}
		if len(got) != 20 || got[19] != 0 {
			t.Errorf("%v, want 20 values, 0 last", got)
		}
	})
}

// In its place if the order is kept, and last in any case. With one worker or more.
func TestGoexitEndsTheLoopWithAnError(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		for _, workers := range []int{1, 2, 8} {
			exit := func(_ context.Context, v int) (int, error) {
				if v >= 5 {
					runtime.Goexit()
				}
				time.Sleep(time.Duration(10-v) * time.Second)
				return v, nil
			}
			var got []int
			var last error
			for v, err := range m(t.Context(), until(100), iterx.Parallel{Workers: workers}, exit) {
				if last != nil {
					t.Fatalf("%v, %v after %v", v, err, last)
				}
				if last = err; err == nil {
					got = append(got, v)
				}
			}
			if last == nil || !strings.Contains(last.Error(), "Goexit") {
				t.Errorf("%d workers: the loop ends with %v, want an error that says Goexit", workers, last)
			}
			if name != "MapParallelUnordered" && !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
				t.Errorf("%d workers: %v came before the error, want 0 to 4", workers, got)
			}
		}
	})
}

func TestGoexitOfTheInputEndsTheLoopWithAnError(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		open := func(context.Context) iter.Seq2[int, error] {
			return iterx.Ok(iterx.Tap(iterx.Range(0, 10, 1), func(v int) {
				if v == 3 {
					runtime.Goexit()
				}
			}))
		}
		vs, err := iterx.TryCollect(m(t.Context(), open, iterx.Parallel{}, same))
		if err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("the loop ends with %v, want an error that says Goexit", err)
		}
		if name != "MapParallelUnordered" && !slices.Equal(vs, []int{0, 1, 2}) {
			t.Errorf("%v came before the error, want 0 to 2", vs)
		}
	})
}

// A panic in a goroutine ends the program and says where, even if the loop's caller would recover. The test runs itself.
func TestAPanicInAGoroutineEndsTheProgram(t *testing.T) {
	const variable = "ITERX_TEST_PANIC"
	if name := os.Getenv(variable); name != "" {
		defer func() { recover() }()
		for range mappers[name](background, until(10), iterx.Parallel{Workers: 2}, func(context.Context, int) (int, error) { panic(errPanic) }) {
		}
		return
	}
	for name := range mappers {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAPanicInAGoroutineEndsTheProgram$")
		cmd.Env = append(os.Environ(), variable+"="+name)
		out, err := cmd.CombinedOutput()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), errPanic.Error()) {
			t.Errorf("%s: the program ends with %v, want exit status 2 and the panic:\n%s", name, err, out)
		}
	}
}

// A live cursor: what the loop has not read ahead is read by the next one.
func TestACursorGoesOnAfterALoop(t *testing.T) {
	eachMapper(t, func(t *testing.T, name string, m mapper) {
		log := replay.New[int](replay.Options{})
		for i := range 100 {
			log.Append(t.Context(), i)
		}
		cur := log.Cursor(sluice.Oldest())
		defer cur.Close()
		n := 0
		for range m(t.Context(), cur.All, iterx.Parallel{Workers: 2, Depth: 10}, same) {
			synctest.Wait()
			if n++; n == 5 {
				break
			}
		}
		if v, err := cur.Next(t.Context()); v != 15 || err != nil {
			t.Errorf("Next() = %v, %v after a loop over 5 values that read 10 ahead, want 15, nil", v, err)
		}
		log.Close()
		if vs, err := iterx.TryCollect(m(t.Context(), cur.All, iterx.Parallel{}, same)); len(vs) != 84 || err != nil {
			t.Errorf("%d values and %v to the end, want 84 and nil", len(vs), err)
		}
	})
}

// Real goroutines and real time, for the race detector: nothing lost, nothing doubled, however the loops end.
func TestParallelUnderLoad(t *testing.T) {
	for name, m := range mappers {
		for range 30 {
			const n = 2000
			leave := 1 + rand.N(2*n)
			seen := make([]bool, n)
			bodies := 0
			for v, err := range m(t.Context(), until(n), iterx.Parallel{Workers: 1 + rand.N(8), Depth: rand.N(20)}, same) {
				if err != nil || seen[v] {
					t.Fatalf("%s: %v, %v, seen before: %v", name, v, err, seen[v])
				}
				seen[v] = true
				if bodies++; bodies == leave {
					break
				}
			}
			if bodies != min(n, leave) {
				t.Fatalf("%s: %d values, want %d", name, bodies, min(n, leave))
			}
		}
	}
}
