package chanx_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/chanx"
)

// A sent value comes that many seconds after the start.
type sent struct {
	at time.Duration
	v  int
}

// schedule sends values at their times, and closes the channel at the last one's, which is not sent.
func schedule(values ...sent) <-chan int {
	ch := make(chan int)
	go func() {
		start := time.Now()
		for i, s := range values {
			time.Sleep(s.at*time.Second - time.Since(start))
			if i == len(values)-1 {
				close(ch)
				return
			}
			ch <- s.v
		}
	}()
	return ch
}

// timed reads a sequence as value@second.
func timed[T any](seq iter.Seq[T]) string {
	start := time.Now()
	s := ""
	for v := range seq {
		s += fmt.Sprintf("%v@%v ", v, time.Since(start).Seconds())
	}
	return s + fmt.Sprintf("end@%v", time.Since(start).Seconds())
}

func TestTime(t *testing.T) {
	typing := []sent{{1, 1}, {2, 2}, {3, 3}, {10, 4}, {11, 0}, {30, 6}, {31, 0}}
	steady := []sent{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 0}}
	for name, c := range map[string]struct {
		run    func(ctx context.Context, in <-chan int) string
		values []sent
		want   string
	}{
		"Batches, full before it is late": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Batches(ctx, in, 2, 15*time.Second))
		}, typing, "[1 2]@2 [3 4]@10 [0]@26 [6]@31 end@31"},
		"Batches, by the age of the first value": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Batches(ctx, in, 100, 2500*time.Millisecond))
		}, typing, "[1 2 3]@3.5 [4 0]@12.5 [6]@31 end@31"},
		"Batches, what is there": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Batches(ctx, in, 100, 0))
		}, steady[:4], "[1]@1 [2]@2 [3]@3 end@4"},
		"Batches, full ones": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Batches(ctx, in, 4, -1))
		}, typing, "[1 2 3 4]@10 [0 6]@31 end@31"},
		"Batches of one": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Batches(ctx, in, 1, time.Hour))
		}, steady[:3], "[1]@1 [2]@2 end@3"},
		"Debounce": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Debounce(ctx, in, 1500*time.Millisecond, 0))
		}, typing, "3@4.5 0@12.5 6@31 end@31"},
		"Debounce without a pause": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Debounce(ctx, in, 1500*time.Millisecond, 0))
		}, steady, "7@8 end@8"},
		"Debounce with a limit": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Debounce(ctx, in, 1500*time.Millisecond, 2500*time.Millisecond))
		}, steady, "3@3.5 6@6.5 7@8 end@8"},
		"Sample": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Sample(ctx, in, 2500*time.Millisecond))
		}, typing, "2@2.5 3@5 0@12.5 6@31 end@31"},
		"Limit": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Limit(ctx, in, every(2*time.Second)))
		}, []sent{{1, 1}, {2, 2}, {9, 3}, {10, 0}}, "1@3 2@5 3@11 end@11"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := c.run(t.Context(), schedule(c.values...)); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		})
	}
}

// every is a Waiter that waits that long each time.
type every time.Duration

func (e every) Wait(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(e)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// What is held when ctx is done is not lost.
func TestWhatIsHeldIsYieldedWhenTheContextIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(ctx context.Context, in <-chan int) string
		want string
	}{
		"Batches": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Batches(ctx, in, 100, time.Hour))
		}, "[1 2]@60 end@60"},
		"Batches, full ones": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Batches(ctx, in, 100, -1))
		}, "[1 2]@60 end@60"},
		"Debounce": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Debounce(ctx, in, time.Hour, 0))
		}, "2@60 end@60"},
		"Sample": {func(ctx context.Context, in <-chan int) string {
			return timed(chanx.Sample(ctx, in, time.Hour))
		}, "2@60 end@60"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				in := make(chan int, 2)
				in <- 1
				in <- 2
				if got := c.run(ctx, in); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		})
	}
}

// A slow body: what came meanwhile is taken as if it came when the body returned.
func TestBatchesGrowWhileTheBodyWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := make(chan int, 100)
		go func() {
			for i := range 10 {
				in <- i
				time.Sleep(time.Second)
			}
			close(in)
		}()
		got := ""
		for b := range chanx.Batches(t.Context(), in, 100, 0) {
			got += fmt.Sprint(b)
			time.Sleep(4700 * time.Millisecond)
		}
		if want := "[0][1 2 3 4][5 6 7 8 9]"; got != want {
			t.Errorf("batches are %s, want %s", got, want)
		}
	})
}

type refusing struct{ after int }

func (r *refusing) Wait(context.Context) error {
	if r.after--; r.after < 0 {
		return errors.New("refused")
	}
	return nil
}

// The value in its hand is lost, and no other.
func TestLimitEndsWhenWaitFails(t *testing.T) {
	in := filled(1, 2, 3, 4)
	if got := all(chanx.Limit(t.Context(), in, &refusing{2})); got != "[1 2]" || len(in) != 1 {
		t.Errorf("Limit() yields %s and leaves %d values, want [1 2] and 1", got, len(in))
	}
}

func all[T any](seq iter.Seq[T]) string {
	var vs []T
	for v := range seq {
		vs = append(vs, v)
	}
	return fmt.Sprint(vs)
}

// Values never pause and never stop, and the limit is kept all the same.
func TestDebounceWithALimitUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
		defer cancel()
		in, ended := make(chan int), make(chan struct{})
		go func() {
			defer close(ended)
			for n := 0; chanx.Send(ctx, in, n) == nil; n++ {
				time.Sleep(time.Millisecond)
			}
		}()
		last := time.Now()
		n := 0
		for range chanx.Debounce(ctx, in, time.Second, 3*time.Second) {
			if d := time.Since(last); d > 3*time.Second+5*time.Millisecond {
				t.Errorf("%v between two values, want 3s", d)
			}
			last = time.Now()
			n++
		}
		if <-ended; n != 21 {
			t.Errorf("%d values in 61 seconds, want 20 and the one held at the end", n)
		}
	})
}

// A channel that always has the next value does not keep a batch from its time.
func TestBatchesOfAFullChannelAreNotLate(t *testing.T) {
	const most = 2_000_000 // takes far longer to receive than a batch may wait
	ch := make(chan struct{}, most)
	for range most {
		ch <- struct{}{}
	}
	for batch := range chanx.Batches(t.Context(), ch, most, time.Millisecond) {
		if len(batch) == most {
			t.Errorf("a batch of all %d values, want less: it was late", most)
		}
		break
	}
}

// A doneContext is done as soon as somebody looks where it would wait.
type doneContext struct{ context.Context }

func (c doneContext) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// Nor does it keep the loop from the end of ctx.
func TestBatchesOfAFullChannelHeedTheContext(t *testing.T) {
	const most = 1000
	for _, wait := range []time.Duration{-1, 0, time.Hour} {
		ch := make(chan int, most)
		for v := range most {
			ch <- v
		}
		got := 0
		for batch := range chanx.Batches(doneContext{t.Context()}, ch, most, wait) {
			got += len(batch)
		}
		if got == 0 || got > 32 {
			t.Errorf("wait %v: got %d values behind the end of ctx, want some, at most 32", wait, got)
		}
	}
}
