package chanx_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/chanx"
)

func TestTeeGivesEveryValueToEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outs := chanx.Tee(t.Context(), closed(input...), 3, 0)
		var wg sync.WaitGroup
		for i, out := range outs {
			wg.Go(func() {
				var got []int
				for v := range out {
					got = append(got, v)
					time.Sleep(rand.N(time.Second))
				}
				if !slices.Equal(got, input) {
					t.Errorf("channel %d gives %v, want %v", i, got, input)
				}
			})
		}
		wg.Wait()
	})
}

// The slowest holds the others back, once its channel is full: no further.
func TestTeeWaitsForTheSlowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		outs := chanx.Tee(ctx, filled(1, 2, 3, 4, 5, 6), 2, 2)
		n := 0
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range outs[0] {
				n++
			}
		}()
		if synctest.Wait(); n != 3 {
			t.Errorf("the fast reader got %d values, want 3: the 2 that fit into the other's channel, and one", n)
		}
		cancel()
		<-ended
		if got := all(chanx.All(t.Context(), outs[1])); got != "[1 2]" {
			t.Errorf("the other channel has %v after the end, want [1 2]", got)
		}
	})
}

func TestShardKeepsKeysTogetherAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := make(chan int)
		go func() {
			for i := range 1000 {
				in <- i
			}
			close(in)
		}()
		key := func(v int) uint64 { return uint64(v) % 10 }
		var wg sync.WaitGroup
		counts := make([]int, 3)
		for i, out := range chanx.Shard(t.Context(), in, 3, 4, key) {
			wg.Go(func() {
				last := -1
				for v := range out {
					if key(v)%3 != uint64(i) || v < last {
						t.Errorf("channel %d gives %d after %d", i, v, last)
					}
					last = v
					counts[i]++
				}
			})
		}
		if wg.Wait(); !slices.Equal(counts, []int{400, 300, 300}) {
			t.Errorf("the channels gave %v values, want 400, 300, 300", counts)
		}
	})
}

func TestShardWithGoexitClosesItsChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, out := range chanx.Shard(t.Context(), filled(1), 2, 0, func(int) uint64 { runtime.Goexit(); return 0 }) {
			if _, ok := <-out; ok {
				t.Error("a channel gives a value, want it closed")
			}
		}
	})
}

func TestBufferPolicies(t *testing.T) {
	for o, want := range map[chanx.Overflow]string{
		chanx.Block:      "[1 2 3 4 5 6] dropped [] sent 4",
		chanx.DropOldest: "[4 5 6] dropped [1 2 3] sent 6",
		chanx.DropNewest: "[1 2 3] dropped [4 5 6] sent 6",
	} {
		synctest.Test(t, func(t *testing.T) {
			in := make(chan int)
			sent := 0
			go func() {
				for i := range 6 {
					in <- i + 1
					sent++
				}
				close(in)
			}()
			var dropped []int
			out := chanx.Buffer(t.Context(), in, 3, o, func(v int) { dropped = append(dropped, v) })
			synctest.Wait()
			at := sent
			got := fmt.Sprintf("%s dropped %v sent %d", all(chanx.All(t.Context(), out)), dropped, at)
			if got != want {
				t.Errorf("overflow %d: %s, want %s", o, got, want)
			}
		})
	}
}

// However it ends: what came out and what was dropped is all that it received, each once.
func TestBufferCounts(t *testing.T) {
	for _, o := range []chanx.Overflow{chanx.Block, chanx.DropOldest, chanx.DropNewest} {
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			const n = 500
			in := closed(make([]int, n)...)
			dropped := 0
			out := chanx.Buffer(ctx, in, 1+rand.N(5), o, func(int) { dropped++ })
			got, leave := 0, 1+rand.N(2*n)
			for range out {
				if got++; got == leave {
					cancel() // and what is in it comes still
				}
			}
			cancel()
			if took := n - len(in); got+dropped != took {
				t.Fatalf("overflow %d: %d came out, %d were dropped, %d were received", o, got, dropped, took)
			}
			if o == chanx.Block && dropped > 1 {
				t.Fatalf("%d values were dropped with Block, want at most 1", dropped)
			}
		}
	}
}

// Real goroutines and real time: a loop that runs to the end has everything, one that is left loses no more than it says.
func TestMergeUnderLoad(t *testing.T) {
	for range 100 {
		const each = 200
		channels, size, leave := 1+rand.N(6), rand.N(4), 1+rand.N(2000)
		var chs []<-chan int
		for range channels {
			chs = append(chs, closed(make([]int, each)...))
		}
		n := 0
		for range chanx.Merge(t.Context(), size, chs...) {
			if n++; n == leave {
				break
			}
		}
		left := 0
		for _, ch := range chs {
			left += len(ch)
		}
		if n != min(leave, channels*each) {
			t.Fatalf("%d values, want %d", n, min(leave, channels*each))
		}
		if lost := channels*each - left - n; lost < 0 || lost > channels+size || channels == 1 && lost > 0 {
			t.Fatalf("%d values of %d channels with size %d are lost, want at most one each, and size", lost, channels, size)
		}
	}
}

func TestMergeOfNothing(t *testing.T) {
	if got := all(chanx.Merge[int](t.Context(), 0)); got != "[]" {
		t.Errorf("Merge() of no channels yields %s, want nothing", got)
	}
}

// Values of one channel keep their order.
func TestMergeKeepsEachChannelsOrder(t *testing.T) {
	next := [2]int{0, 1000}
	for v := range chanx.Merge(t.Context(), 3, closed(upTo(0, 500)...), closed(upTo(1000, 1500)...)) {
		i := v / 1000
		if v != next[i] {
			t.Fatalf("%d, want %d", v, next[i])
		}
		next[i]++
	}
	if next != [2]int{500, 1500} {
		t.Errorf("ended before %v, want before 500 and 1500", next)
	}
}

func upTo(from, to int) (vs []int) {
	for v := from; v < to; v++ {
		vs = append(vs, v)
	}
	return vs
}
